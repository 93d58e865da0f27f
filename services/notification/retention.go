package notification

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// What is to be forgotten is looked for every forgetEvery, and forgotten by
// forgetBatch, so that nobody waits for it.
const (
	forgetEvery = time.Hour
	forgetBatch = 100
)

// forget forgets, until ctx ends, what is older than the retention.
func (s *Service) forget(ctx context.Context) {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		s.forgetAll(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forgetAll forgets what is older than the retention now.
func (s *Service) forgetAll(ctx context.Context) {
	for total := 0; ; {
		n := 0
		err := worker.Try(ctx, s.o.Log, "retention", func() (err error) {
			n, err = s.o.Store.Forget(ctx, s.o.Now().Add(-s.o.Retention), forgetBatch)
			return err
		})
		total += n
		switch {
		case err != nil && ctx.Err() == nil:
			s.o.Log.ErrorContext(ctx, "cannot forget old notifications", "error", err)
		case total > 0 && n < forgetBatch:
			s.o.Log.InfoContext(ctx, "old notifications forgotten", "count", total)
		}
		if n == 0 || err == nil && n < forgetBatch {
			return
		}
	}
}

// eventAt is from when the retention counts of a notification of this kind that comes
// at a time, about an event that starts then.
func eventAt(kind Kind, starts, at time.Time) time.Time {
	latest := at.Add(MaxAhead)
	switch {
	case !kind.goesOn() || starts.Before(at):
		return at
	case starts.After(latest):
		return latest
	}
	return starts
}
