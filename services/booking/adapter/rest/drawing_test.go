package rest

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestMailsWaitForALull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		busy, ends time.Duration // while goroutines wait, and when the caller gives up
		want       time.Duration
	}{
		"nobody waits":        {0, time.Hour, 0},
		"for a moment":        {7 * time.Millisecond, time.Hour, 10 * time.Millisecond},
		"a long sale":         {time.Hour, time.Hour, lullPatience},
		"the caller gives up": {time.Hour, 20 * time.Millisecond, 20 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.ends)
			defer cancel()
			began := time.Now()
			lull(ctx, func() int {
				if time.Since(began) < c.busy {
					return runtime.NumCPU() + 1
				}
				return runtime.NumCPU()
			})
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: it took %v, want %v", name, took, c.want)
			}
		})
	}
}

func TestRunnableGoroutinesAreCounted(t *testing.T) {
	t.Parallel()
	var stop atomic.Bool
	defer stop.Store(true)
	for range 8 * runtime.NumCPU() {
		go func() {
			for !stop.Load() { // it is always in want of a processor
			}
		}()
	}
	for deadline := time.Now().Add(time.Minute); runnable() <= runtime.NumCPU(); {
		if time.Now().After(deadline) {
			t.Fatal("none of them waits for a processor")
		}
		runtime.Gosched()
	}
}
