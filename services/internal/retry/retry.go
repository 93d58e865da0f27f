// Package retry says when work that failed is tried again: after pauses that
// double.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	goretry "github.com/sethvargo/go-retry"
)

// Pauses are the pauses between tries: First after the first failure, then twice
// as long each time, at most Limit.
type Pauses struct {
	First, Limit time.Duration
	// Jitter is how many percent a pause may be shorter or longer, so that callers
	// who failed together do not come again together.
	Jitter int
}

// After returns the pause after the nth failure in a row.
func (p Pauses) After(n int) time.Duration {
	d := p.Limit
	if shift := max(n, 1) - 1; shift < 63 && p.First <= p.Limit>>shift { // First << shift could overflow
		d = p.First << shift
	}
	if around := d / 100 * time.Duration(p.Jitter); around > 0 {
		d += rand.N(2*around+1) - around //nolint:gosec // spreads load, guards nothing
	}
	return d
}

// Wait waits for the pause after the nth failure in a row. It reports whether the
// pause is over; if not, ctx has ended.
func (p Pauses) Wait(ctx context.Context, n int) bool {
	timer := time.NewTimer(p.After(n))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Limits end Do. Zero is no limit.
type Limits struct {
	Tries  int
	Within time.Duration
}

// Do calls f until it returns nil or an error that Again has not marked, and
// returns that. It returns f's last error when a limit is reached, and ctx's when
// ctx ends before the next call.
func (p Pauses) Do(ctx context.Context, most Limits, f func(context.Context) error) error {
	failures := 0
	var pauses goretry.Backoff = goretry.BackoffFunc(func() (time.Duration, bool) {
		failures++
		return p.After(failures), failures == most.Tries
	})
	if most.Within > 0 {
		pauses = goretry.WithMaxDuration(most.Within, pauses)
	}
	return goretry.Do(ctx, pauses, f)
}

// Again marks err: what failed with it may be tried again.
func Again(err error) error { return goretry.RetryableError(err) }
