package httppush

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

var errSilent = fmt.Errorf("%w: %w", httpkit.ErrUnavailable, &url.Error{Op: "Post", URL: "u", Err: context.DeadlineExceeded})

// call reports what became of one call; false means that it may not be made.
func call(ctx context.Context, b *breaker, err error) bool {
	done, denied := b.Allow()
	if denied == nil {
		done(outcome(ctx, err))
	}
	return denied == nil
}

func TestASilentConsumerIsTriedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker("event")
		call(t.Context(), b, errSilent)
		for range 3 {
			start := time.Now()
			done, denied := b.Allow()
			for ; denied != nil; done, denied = b.Allow() {
				<-time.After(10 * time.Millisecond)
			}
			if waited := time.Since(start).Round(100 * time.Millisecond); waited != openFor {
				t.Errorf("left alone for %s, want %s", waited, openFor)
			}
			if _, denied := b.Allow(); denied == nil {
				t.Error("two probes at a time")
			}
			<-time.After(time.Minute) // hangs
			done(errSilent)
		}
		<-time.After(2 * openFor)
		if call(t.Context(), b, nil); b.State() != gobreaker.StateClosed {
			t.Errorf("%s after an answer, want closed", b.State())
		}
	})
}

func TestWhatIsSilence(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name        string
		ctx         context.Context
		err         error
		first, then gobreaker.State // after it, and after silence and then it
	}{
		{"taken", t.Context(), nil, gobreaker.StateClosed, gobreaker.StateClosed},
		{"hangs, or refuses to connect", t.Context(), errSilent, gobreaker.StateOpen, gobreaker.StateOpen},
		{"an answer without an end", t.Context(), fmt.Errorf("%w: %w", httpkit.ErrUnavailable, context.DeadlineExceeded), gobreaker.StateOpen, gobreaker.StateOpen},
		{"overloaded", t.Context(), httpkit.ErrUnavailable, gobreaker.StateClosed, gobreaker.StateClosed},
		{"refused", t.Context(), errors.New("not a caller"), gobreaker.StateClosed, gobreaker.StateClosed},
		// Nor does the end of the caller's patience say that it is back.
		{"given up by the caller", ended, errSilent, gobreaker.StateClosed, gobreaker.StateHalfOpen},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBreaker("event")
			if call(c.ctx, b, c.err); b.State() != c.first {
				t.Errorf("%s: %s, want %s", c.name, b.State(), c.first)
			}
			b = newBreaker("event")
			call(t.Context(), b, errSilent)
			<-time.After(2 * openFor)
			if call(c.ctx, b, c.err); b.State() != c.then {
				t.Errorf("%s, after silence: %s, want %s", c.name, b.State(), c.then)
			}
		})
	}
}
