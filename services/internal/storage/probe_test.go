package storage_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestAProbeWritesOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p storage.Probe
		reads, writes := 0, 0
		var failure error
		ask := func() error {
			return p.Do(t.Context(),
				func(context.Context) error { reads++; return nil },
				func(context.Context) error { writes++; return failure })
		}
		failure = errors.New("the disk is full")
		for range 2 {
			if err := ask(); !errors.Is(err, failure) {
				t.Errorf("error %v, want %v", err, failure)
			}
		}
		failure = nil
		for range 2 {
			if err := ask(); err != nil {
				t.Error(err)
			}
		}
		if writes != 3 || reads != 1 {
			t.Errorf("%d writes and %d reads, want 3 and 1: a failure is not remembered, a success is", writes, reads)
		}
		time.Sleep(time.Second)
		if err := ask(); err != nil || writes != 4 {
			t.Errorf("%d writes after a second, %v, want 4", writes, err)
		}
	})
}

func TestProbesAtOneTimeShareAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p storage.Probe
		failure, writes := errors.New("the disk is full"), 0
		ask := func(ctx context.Context) error {
			return p.Do(ctx,
				func(context.Context) error { return nil },
				func(ctx context.Context) error {
					writes++
					time.Sleep(time.Second)
					return errors.Join(ctx.Err(), failure)
				})
		}
		// The first one gives up, and its write is the others' all the same.
		first, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		told := make(chan error, 32)
		go func() { told <- ask(first) }()
		synctest.Wait()
		for range 31 {
			go func() { told <- ask(t.Context()) }()
		}
		if err := <-told; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one who gives up is told %v, want DeadlineExceeded", err)
		}
		for range 31 {
			if err := <-told; !errors.Is(err, failure) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("one who waits is told %v, want %v", err, failure)
			}
		}
		if writes != 1 {
			t.Errorf("%d writes, want 1", writes)
		}
	})
}

func TestAProbeThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	var p storage.Probe
	err := p.Do(t.Context(), nil, func(context.Context) error { panic("a full disk") })
	if err == nil || !strings.Contains(err.Error(), "a full disk") {
		t.Errorf("the error is %v", err)
	}
}
