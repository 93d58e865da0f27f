package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

func TestTryReturnsTheErrorOfItsWork(t *testing.T) {
	t.Parallel()
	err := Try(t.Context(), slog.New(slog.DiscardHandler), "x", func() error { return io.EOF })
	if !errors.Is(err, io.EOF) || Panicked(err) {
		t.Errorf("error %v, want EOF", err)
	}
}

func TestTryLogsAPanicWithItsStackAndItem(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := Try(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), "recovery", func() error { panic(io.ErrClosedPipe) }, "booking_id", "b1")
	if !Panicked(err) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want a panic that wraps its value", err)
	}
	for _, want := range []string{"booking_id=b1", "work=recovery", "worker_test.go", "closed pipe"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q: %s", want, out.String())
		}
	}
}

func TestKeepStartsWorkAgainAfterAPanic(t *testing.T) {
	t.Parallel()
	calls := 0
	err := keep(t.Context(), slog.New(slog.DiscardHandler), "x", func(context.Context) error {
		if calls++; calls < 4 {
			panic(calls)
		}
		return io.EOF
	}, retry.Pauses{First: time.Millisecond, Limit: time.Minute})
	if calls != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("%d calls, error %v; want 4, and EOF", calls, err)
	}
}

func TestKeepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := keep(ctx, slog.New(slog.DiscardHandler), "x", func(context.Context) error {
		cancel()
		panic("at the end")
	}, retry.Pauses{First: time.Hour, Limit: time.Hour})
	if err != nil {
		t.Errorf("error %v", err)
	}
}

func TestEveryGoesOnAfterErrorsAndPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var out bytes.Buffer
		var at []time.Duration
		start := time.Now()
		err := Every(ctx, slog.New(slog.NewTextHandler(&out, nil)), time.Minute, "pruning", func(context.Context) error {
			switch at = append(at, time.Since(start)); len(at) {
			case 1:
				return io.ErrClosedPipe
			case 2:
				panic(io.EOF)
			}
			cancel()
			return ctx.Err()
		})
		if err != nil {
			t.Errorf("error %v", err)
		}
		if want := []time.Duration{0, time.Minute, 2 * time.Minute}; !slices.Equal(at, want) {
			t.Errorf("called at %v, want %v", at, want)
		}
		if n := strings.Count(out.String(), "background work failed"); n != 2 {
			t.Errorf("%d failures are logged, want 2:\n%s", n, out.String())
		}
	})
}
