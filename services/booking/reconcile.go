package booking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

const (
	// fresh is for how long after a change nothing is said of a booking: what
	// was read elsewhere may be from before.
	fresh = 5 * time.Minute
	// A booking is reported when it is due for so long, or was tried so often:
	// which takes a quarter of an hour.
	stuckAfter = 15 * time.Minute
	stuckTries = 30
	// reconcilePage is how many of a kind are read at a time.
	reconcilePage = 200
)

// Reconcile compares what the payment provider, the bookings, the messages'
// consumers and the event service have of the bookings made since then, by what
// they hold, repairs what is safe, and stores and returns what it found. It may
// run while everything else does: of what is being worked on, or was a moment
// ago, it says nothing. Where one of the others does not answer there is no
// report: ErrNotReconciled. What was repaired until then stays so.
//
// It goes on when ctx is cancelled.
func (s *Service) Reconcile(ctx context.Context, by string, since time.Time) (Report, error) {
	ctx = context.WithoutCancel(ctx)
	r, err := s.reconcile(ctx, by, since)
	if err != nil {
		return Report{}, err
	}
	if err := s.saveReport(ctx, r.report); err != nil {
		return Report{}, err
	}
	return r.report, nil
}

func (s *Service) reconcile(ctx context.Context, by string, since time.Time) (reconciliation, error) {
	now := s.now()
	r := reconciliation{s: s, report: Report{
		ID: newID(), By: by, Since: since.UTC().Truncate(time.Microsecond), StartedAt: now, Findings: []Finding{}, Counts: map[FindingKind]Count{},
	}, paid: map[uuid.UUID]bool{}, unanswered: map[string]bool{}, quiet: now.Add(-fresh)}
	if r.quiet.Before(s.RestoredAt) {
		r.quiet = s.RestoredAt
	}
	for _, step := range []func(context.Context) error{r.refunds, r.tickets, r.money, r.messages} {
		if err := step(ctx); err != nil {
			return r, fmt.Errorf("%w: %w", ErrNotReconciled, err)
		}
	}
	r.report.FinishedAt = s.now()
	return r, nil
}

func (s *Service) saveReport(ctx context.Context, r Report) error {
	if err := s.Records.SaveReport(ctx, r); err != nil {
		return err
	}
	found := r.Total()
	s.Log.InfoContext(ctx, "reconciled", "bookings", r.Checked.Bookings, "findings", found.Found, "not_repaired", found.Open)
	return nil
}

type reconciliation struct {
	s      *Service
	report Report
	// paid are the bookings that have a charge, and whether the provider has
	// shown it.
	paid map[uuid.UUID]bool
	// unanswered are the bookings that noAnswer has noted: several steps may look at
	// one in vain, and it is listed once.
	unanswered map[string]bool
	// quiet is until when a booking must have been left alone to be looked at: not
	// just now, or before the data was restored.
	quiet time.Time
	// waiting counts the bookings that recovery has yet to settle.
	waiting int
}

// found counts and logs a finding. The report keeps it if it is one of the first.
func (r *reconciliation) found(ctx context.Context, kind FindingKind, bookingID string, repaired bool, format string, args ...any) {
	f := Finding{Kind: kind, BookingID: bookingID, Detail: fmt.Sprintf(format, args...), Repaired: repaired}
	r.s.Log.WarnContext(ctx, "reconciliation found", "kind", string(f.Kind), "booking_id", f.BookingID, "detail", f.Detail, "repaired", f.Repaired)
	r.report.add(f)
}

// noAnswer notes that a booking could not be looked at, or mended. One of which
// the answer is lost holds up no other.
func (r *reconciliation) noAnswer(ctx context.Context, bookingID string, err error) {
	r.s.Log.WarnContext(ctx, "not reconciled", "booking_id", bookingID, "error", err)
	if r.unanswered[bookingID] {
		return
	}
	r.unanswered[bookingID] = true
	r.report.add(Finding{Kind: FoundNoAnswer, BookingID: bookingID, Detail: "it could not be looked at, or mended, now"})
}

// isolated looks at one booking. A panic, or a row that cannot be read, is found
// at that booking, and holds up no other.
func (r *reconciliation) isolated(ctx context.Context, bookingID string, look func() error) error {
	err := worker.Try(ctx, r.s.Log, "reconciliation", look, "booking_id", bookingID)
	if worker.Panicked(err) || errors.Is(err, ErrUnreadable) {
		r.noAnswer(ctx, bookingID, err)
		return nil
	}
	return err
}

// messages lets the consumers be asked for what was told.
func (r *reconciliation) messages(ctx context.Context) error {
	checked, lost, err := r.s.Recheck(ctx, r.report.Since)
	if err != nil {
		return err
	}
	r.report.Checked.Messages = checked
	for _, m := range lost {
		r.found(ctx, FoundMessageLost, m.Subject, true, "%s, message %s", m.Type, m.ID)
	}
	return nil
}

// inMotion reports whether the booking is being worked on, or was a moment ago.
func (r *reconciliation) inMotion(b Booking) bool {
	return !b.Lease.Until.IsZero() || b.UpdatedAt.After(r.quiet)
}

// repair does something about a booking that nobody drives and that has not
// changed since it was read. It reports whether that was so. A booking that
// waits for recovery stays recovery's: the end of repair would take it off its
// list.
func (s *Service) repair(ctx context.Context, b Booking, do func(ctx context.Context, g *saga) error) (bool, error) {
	lease := s.newLease()
	changed := errors.New("the booking has changed")
	b, err := s.Store.Update(ctx, b.ID, "", func(now *Booking) error {
		if now.Version != b.Version || !now.Lease.Until.IsZero() {
			return changed
		}
		now.Lease = lease
		return nil
	})
	if errors.Is(err, ErrLeaseLost) || errors.Is(err, changed) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	g := s.sagaOf(ctx, b, recovery)
	work, cancel := s.remaining(ctx, lease)
	defer cancel()
	err = do(work, &g)
	s.save(ctx, &g, writeNothing)
	return true, errors.Join(err, g.notSaved)
}
