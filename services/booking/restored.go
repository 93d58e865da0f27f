package booking

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

const (
	// restorer is the name of the worker that reconciles data from a backup.
	restorer = "restore"
	// restoredTick is how often that worker looks whether sales may open, and
	// restoredEvery how often it reconciles until they do.
	restoredTick  = 2 * time.Second
	restoredEvery = time.Minute
	// maxListed bounds the findings of one report that are logged.
	maxListed = 100
)

// Settled reports whether nothing in r is left for somebody to look at, or an
// admin has accepted the rest.
func (r Report) Settled() bool {
	return r.AcceptedBy != "" || r.Bounded().Total().Open == 0
}

// OpenSales ends the pause of sales that RestoredAt begins. It compares all
// bookings with the provider's books, once recovery has settled every booking that
// was under way in the backup, and returns when a report since RestoredAt is
// Settled. Until then it reconciles again every minute and stores each report
// that finds something else than the one before. It returns nil when ctx ends.
func (s *Service) OpenSales(ctx context.Context) error {
	if !s.paused.Load() {
		return nil
	}
	s.Log.WarnContext(ctx, "the data comes from a backup: sales are refused until it agrees with the payment provider's books", "restored_at", s.RestoredAt)
	tick := time.NewTicker(restoredTick)
	defer tick.Stop()
	for next := s.Now(); ; { // monotonic, whatever the clock does
		due := !s.Now().Before(next)
		if due {
			next = s.Now().Add(restoredEvery)
		}
		waiting, err := s.openSales(ctx, due)
		switch {
		case err != nil && ctx.Err() == nil:
			s.Log.ErrorContext(ctx, "sales stay refused: the restored data is not reconciled; it is tried again in a minute", "error", err)
		case !s.paused.Load():
			return nil
		case waiting > 0: // not for long
			s.Log.InfoContext(ctx, "sales stay refused: bookings that were under way in the backup are being settled", "bookings", waiting)
			next = s.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// openSales opens sales if the last report allows it. If not, and a reconciliation
// is due, it makes one. It returns how many bookings must be settled first.
func (s *Service) openSales(ctx context.Context, due bool) (waiting int, err error) {
	last, err := s.lastSinceRestore(ctx)
	if err != nil {
		return 0, err
	}
	if last.ID != "" && last.Settled() {
		s.opened(ctx, last)
		return 0, nil
	}
	if !due {
		return 0, nil
	}
	r, err := s.reconcile(ctx, restorer, time.Unix(0, 0))
	if err != nil || r.waiting > 0 {
		return r.waiting, err
	}
	slices.SortFunc(r.report.Findings, func(a, b Finding) int { // so that equal reports are equal
		return cmp.Or(cmp.Compare(a.BookingID, b.BookingID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detail, b.Detail))
	})
	if last.ID != "" && slices.Equal(last.Findings, r.report.Findings) && maps.Equal(last.Counts, r.report.Counts) {
		return 0, nil // its acceptance is still awaited
	}
	if err := s.saveReport(ctx, r.report); err != nil {
		return 0, err
	}
	if r.report.Settled() {
		s.opened(ctx, r.report)
		return 0, nil
	}
	s.listOpen(ctx, r.report)
	return 0, nil
}

func (s *Service) opened(ctx context.Context, r Report) {
	s.paused.Store(false)
	s.Log.InfoContext(ctx, "sales are open: the restored data is reconciled", "report", r.ID, "accepted_by", r.AcceptedBy)
}

// listOpen logs the findings that keep sales refused.
func (s *Service) listOpen(ctx context.Context, r Report) {
	listed := 0
	for _, f := range r.Findings {
		if f.Repaired {
			continue
		}
		if listed++; listed <= maxListed {
			s.Log.WarnContext(ctx, "the restored data and the provider's books disagree", "kind", f.Kind, "booking_id", f.BookingID, "detail", f.Detail)
		}
	}
	s.Log.ErrorContext(ctx, "sales stay refused: an admin must resolve these findings, or accept the report (POST /admin/reconciliations/{id}/accept)",
		"report", r.ID, "findings", r.Total().Open)
}

// lastSinceRestore returns the restorer's newest report since RestoredAt, or the zero Report.
func (s *Service) lastSinceRestore(ctx context.Context) (Report, error) {
	older := func(r Report) bool { return !r.StartedAt.IsZero() && r.StartedAt.Before(s.RestoredAt) }
	r, _, err := s.findReport(ctx, func(r Report) bool { return r.By == restorer }, older)
	return r, err
}

// findReport returns the newest report that is wanted. It ends where one is too old.
func (s *Service) findReport(ctx context.Context, wanted, tooOld func(Report) bool) (Report, bool, error) {
	for before := ""; ; {
		page, err := s.Records.Reports(ctx, before, reconcilePage)
		if err != nil {
			return Report{}, false, err
		}
		for _, r := range page {
			if tooOld(r) {
				return Report{}, false, nil
			}
			if wanted(r) {
				return r, true, nil
			}
			before = r.ID
		}
		if len(page) == 0 {
			return Report{}, false, nil
		}
	}
}

// AcceptReport notes that an admin has seen what a reconciliation found and takes
// it as it is. If it is the newest of those that keep sales refused after a
// restore, sales open. A report that is accepted stays as it is. ErrForbidden,
// ErrReportNotFound.
func (s *Service) AcceptReport(ctx context.Context, caller identity.Caller, id string) (Report, error) {
	if !caller.IsAdmin() {
		return Report{}, ErrForbidden
	}
	u, err := uuid.Parse(id)
	if err != nil {
		return Report{}, ErrReportNotFound
	}
	r, found, err := s.findReport(ctx, func(r Report) bool { return r.ID == u.String() }, func(r Report) bool { return r.ID < u.String() })
	switch {
	case err != nil:
		return Report{}, err
	case !found || r.StartedAt.IsZero(): // it cannot be read, and must not be overwritten
		return Report{}, ErrReportNotFound
	case r.AcceptedBy != "":
		return r, nil
	}
	r.AcceptedBy, r.AcceptedAt = caller.UserID, s.now()
	if err := s.Records.SaveReport(ctx, r); err != nil {
		return Report{}, fmt.Errorf("the report is not accepted: %w", err)
	}
	s.Log.InfoContext(ctx, "reconciliation accepted", "report", r.ID, "by", caller.UserID, "findings", r.Bounded().Total().Found)
	return r, nil
}
