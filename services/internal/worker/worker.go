// Package worker keeps the background work of a service alive: a panic ends
// neither the process nor the work on everything else.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// PanicError is the error that Try makes of a panic.
type PanicError struct{ Value any }

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Panicked reports whether err is, or wraps, a panic that Try recovered.
func Panicked(err error) bool {
	var p *PanicError
	return errors.As(err, &p)
}

// Try calls work and returns its error. A panic of work is logged with its stack
// and attrs, and returned as a *PanicError. attrs name the item that work is
// about, so that the caller can set it aside and go on with the others.
func Try(ctx context.Context, log *slog.Logger, what string, work func() error, attrs ...any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v}
			log.With(attrs...).ErrorContext(ctx, "background work panicked", "work", what,
				"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	return work()
}

// Every calls work now and each interval until ctx ends; then it returns nil. It
// logs errors and panics of work.
func Every(ctx context.Context, log *slog.Logger, interval time.Duration, what string, work func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := Try(ctx, log, what, func() error { return work(ctx) }); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "background work failed", "work", what, "next_try", interval, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

var keepPauses = retry.Pauses{First: time.Second, Limit: time.Minute}

// Keep calls work, which is to run until ctx ends, and returns what it returns.
// If work panics, Keep calls it again after a pause, which grows from one second
// to a minute while work keeps panicking.
func Keep(ctx context.Context, log *slog.Logger, what string, work func(context.Context) error) error {
	return keep(ctx, log, what, work, keepPauses)
}

func keep(ctx context.Context, log *slog.Logger, what string, work func(context.Context) error, pauses retry.Pauses) error {
	for panics := 1; ; panics++ {
		began := time.Now()
		err := Try(ctx, log, what, func() error { return work(ctx) })
		if !Panicked(err) {
			return err
		}
		if time.Since(began) > pauses.Limit {
			panics = 1 // it had been well for a while
		}
		if !pauses.Wait(ctx, panics) {
			return nil
		}
	}
}
