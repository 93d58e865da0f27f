package retry_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

func TestPausesDoubleUpToTheLimit(t *testing.T) {
	t.Parallel()
	p := retry.Pauses{First: time.Second, Limit: 5 * time.Second}
	for n, want := range map[int]time.Duration{
		-1: time.Second, 0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 5 * time.Second,
		63: 5 * time.Second, 64: 5 * time.Second, 1 << 40: 5 * time.Second,
	} {
		if got := p.After(n); got != want {
			t.Errorf("after %d failures: %s, want %s", n, got, want)
		}
	}
	for p, want := range map[retry.Pauses]time.Duration{
		{First: 1, Limit: math.MaxInt64}:                     1 << 62,
		{First: time.Minute, Limit: time.Second}:             time.Second,
		{First: math.MaxInt64 / 2, Limit: math.MaxInt64 - 1}: math.MaxInt64 - 1,
	} {
		if got := p.After(63); got != want {
			t.Errorf("%+v after 63 failures: %d, want %d", p, got, want)
		}
	}
}

func TestJitterStaysWithinItsPercentage(t *testing.T) {
	t.Parallel()
	p := retry.Pauses{First: time.Second, Limit: time.Minute, Jitter: 25}
	least, most := time.Hour, time.Duration(0)
	for range 10_000 {
		d := p.After(2)
		least, most = min(least, d), max(most, d)
	}
	if least < 1500*time.Millisecond || least > 1600*time.Millisecond {
		t.Errorf("the shortest is %s, want 1.5s", least)
	}
	if most > 2500*time.Millisecond || most < 2400*time.Millisecond {
		t.Errorf("the longest is %s, want 2.5s", most)
	}
	if d := (retry.Pauses{First: 1, Limit: 1, Jitter: 100}).After(1); d != 1 {
		t.Errorf("a pause too short for jitter is %s, want 1ns", d)
	}
}

func TestWaitEndsWithItsPauseOrItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, start := retry.Pauses{First: time.Second, Limit: time.Minute}, time.Now()
		if over := p.Wait(t.Context(), 3); !over || time.Since(start) != 4*time.Second {
			t.Errorf("waited %s, over %t; want 4s", time.Since(start), over)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if p.Wait(ctx, 3) {
			t.Error("the pause is over, and the context ended before")
		}
	})
}

func TestDo(t *testing.T) {
	t.Parallel()
	passing, final := errors.New("passing"), errors.New("final")
	for name, c := range map[string]struct {
		most    retry.Limits
		timeout time.Duration
		errs    []error // of the calls; then passing for ever
		err     error
		calls   int
		took    time.Duration
	}{
		"succeeds":              {retry.Limits{}, time.Hour, []error{retry.Again(passing), nil}, nil, 2, time.Second},
		"fails for good":        {retry.Limits{}, time.Hour, []error{retry.Again(passing), final}, final, 2, time.Second},
		"has had its tries":     {retry.Limits{Tries: 3}, time.Hour, nil, passing, 3, 3 * time.Second},
		"has had one try":       {retry.Limits{Tries: 1}, time.Hour, nil, passing, 1, 0},
		"has had its time":      {retry.Limits{Within: 10 * time.Second}, time.Hour, nil, passing, 5, 10 * time.Second},
		"the context has ended": {retry.Limits{}, 2 * time.Second, nil, context.DeadlineExceeded, 2, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
				defer cancel()
				calls, start := 0, time.Now()
				err := retry.Pauses{First: time.Second, Limit: time.Minute}.Do(ctx, c.most, func(context.Context) error {
					calls++
					if calls <= len(c.errs) {
						return c.errs[calls-1]
					}
					return retry.Again(passing)
				})
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if calls != c.calls {
					t.Errorf("%d calls, want %d", calls, c.calls)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("took %s, want %s", took, c.took)
				}
			})
		})
	}
}
