package booking

import (
	"context"
	"time"
)

// ReconcileDaily reconciles the last days, each day until ctx ends, from the
// moment that no report of the last 24 hours is there.
func (s *Service) ReconcileDaily(ctx context.Context, days int) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due, err := s.reconciliationDue(ctx)
		if err == nil && due {
			_, err = s.Reconcile(ctx, recovery, s.now().AddDate(0, 0, -days))
		}
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "not reconciled; it is tried again in 10 minutes", "error", err)
		}
	}
}

// reconciliationDue reports whether the worker's last is a day old. What others
// have asked for may have looked at less.
func (s *Service) reconciliationDue(ctx context.Context) (bool, error) {
	for before := ""; ; {
		page, err := s.Records.Reports(ctx, before, reconcilePage)
		if err != nil {
			return false, err
		}
		for _, r := range page {
			age := s.now().Sub(r.StartedAt)
			switch {
			case age >= 24*time.Hour:
				return true, nil
			case r.By == recovery && age > -clocksDiffer: // else the clock was set back since
				return false, nil
			}
			before = r.ID
		}
		if len(page) == 0 {
			return true, nil
		}
	}
}
