package httppush

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

var errSilent = fmt.Errorf("%w: %w", httpkit.ErrUnavailable, &url.Error{Op: "Post", URL: "u", Err: context.DeadlineExceeded})

func TestPausesGrowUpToALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		b.called(t.Context(), errSilent)
		var pauses []time.Duration
		for range 8 {
			start := time.Now()
			for !b.probe() {
				<-time.After(time.Millisecond)
			}
			pauses = append(pauses, time.Since(start))
			if b.probe() {
				t.Error("two probes at a time")
			}
			<-time.After(time.Second) // hangs
			b.called(t.Context(), errSilent)
			b.probed()
		}
		const ms = time.Millisecond
		if diff := cmp.Diff([]time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
		b.called(t.Context(), nil)
		if b.open() != nil {
			t.Error("open after an answer")
		}
		b.called(t.Context(), errSilent)
		<-time.After(firstPause)
		if !b.probe() {
			t.Error("an answer does not shorten the pauses after it")
		}
	})
}

func TestThoseThatFailTogetherAreOneSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		for range 16 {
			b.called(t.Context(), errSilent)
		}
		<-time.After(firstPause)
		if !b.probe() {
			t.Error("the pause is longer than the first")
		}
	})
}

func TestWhatIsSilence(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		open bool
	}{
		{"taken", t.Context(), nil, false},
		{"hangs, or refuses to connect", t.Context(), errSilent, true},
		{"an answer without an end", t.Context(), fmt.Errorf("%w: %w", httpkit.ErrUnavailable, context.DeadlineExceeded), true},
		{"overloaded", t.Context(), httpkit.ErrUnavailable, false},
		{"refused", t.Context(), errors.New("not a caller"), false},
		{"given up by the caller", ended, errSilent, false},
	} {
		var b breaker
		if b.called(c.ctx, c.err); (b.open() != nil) != c.open {
			t.Errorf("%s: open because of %v, want %t", c.name, b.open(), c.open)
		}
		// Nor does the end of the caller's patience say that it is back.
		b.called(t.Context(), errSilent)
		if b.called(c.ctx, c.err); (b.open() == nil) != (c.ctx.Err() == nil && !c.open) {
			t.Errorf("%s, after silence: open because of %v", c.name, b.open())
		}
	}
}
