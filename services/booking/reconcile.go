package booking

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// refunds asks again for those that are due, whenever their bookings were made.
func (r *reconciliation) refunds(ctx context.Context) error {
	due := stream[Booking]{read: r.s.Records.WithRefundsDue, id: func(b Booking) string { return b.ID }}
	for {
		b, more, err := due.peek(ctx)
		if err != nil || !more {
			return err
		}
		due.next()
		if b.Unreadable != nil {
			r.noAnswer(ctx, b.ID, b.Unreadable)
			continue
		}
		for _, refund := range b.Refunds {
			if refund.Status != RefundDue {
				continue
			}
			var driven, done bool
			err := worker.Try(ctx, r.s.Log, "reconciliation", func() (err error) {
				driven, done, err = r.s.refundAgain(ctx, b, refund.ID)
				return err
			}, "booking_id", b.ID)
			if err != nil {
				r.noAnswer(ctx, b.ID, err)
			} else if driven {
				r.found(ctx, FoundRefundDue, b.ID, done, "%s since %s", refund.Amount, refund.Decided.Format(time.RFC3339))
			}
			break // the booking has changed: what else is due is for the next time
		}
	}
}

// inMotion reports whether the booking is being worked on, or was a moment ago.
func (r *reconciliation) inMotion(b Booking) bool {
	return !b.Lease.Until.IsZero() || b.UpdatedAt.After(r.quiet)
}

// tickets goes through the bookings and the reservations at once, both in the
// order of the bookings' ids.
func (r *reconciliation) tickets(ctx context.Context) error {
	from := firstID(r.report.Since)
	bookings := stream[Booking]{read: r.s.Records.BookingsAfter, id: func(b Booking) string { return b.ID }, after: from}
	holdings := stream[Holding]{read: r.s.Holdings.Holdings, id: func(h Holding) string { return h.BookingID }, after: from}
	for {
		b, more, err := bookings.peek(ctx)
		if err != nil {
			return err
		}
		h, moreHoldings, err := holdings.peek(ctx)
		if err != nil {
			return err
		}
		switch {
		case !more && !moreHoldings:
			return nil
		case !more || moreHoldings && h.BookingID < b.ID:
			holdings.next()
			r.report.Checked.Holdings++
			if err := r.isolated(ctx, h.BookingID, func() error { return r.ofNobody(ctx, h) }); err != nil {
				return err
			}
			continue
		}
		var held []Holding
		for ; moreHoldings && h.BookingID == b.ID; h, moreHoldings, err = holdings.peek(ctx) {
			held = append(held, h)
			holdings.next()
		}
		if err != nil {
			return err
		}
		bookings.next()
		r.report.Checked.Bookings++
		r.report.Checked.Holdings += len(held)
		if err := r.isolated(ctx, b.ID, func() error { return r.booking(ctx, b, held) }); err != nil {
			return err
		}
	}
}

// ofNobody gives tickets back that are held for a booking that is not there.
func (r *reconciliation) ofNobody(ctx context.Context, h Holding) error {
	if made, err := uuid.Parse(h.BookingID); err != nil || madeAt(made).After(r.quiet) {
		return nil //nolint:nilerr // an id that is not ours is not looked at
	}
	if _, err := r.s.Store.Get(ctx, h.BookingID); !errors.Is(err, ErrNotFound) {
		return err // it was not, when it was read
	}
	if err := r.s.release(ctx, h); err != nil {
		r.noAnswer(ctx, h.BookingID, err)
		return nil
	}
	r.foundLeak(ctx, h, "there is no such booking")
	return nil
}

func (s *Service) release(ctx context.Context, h Holding) error {
	err := s.Catalog.Release(ctx, h.EventID, h.BookingID, h.Attempt)
	if errors.Is(err, ErrEventNotFound) {
		return nil
	}
	return err
}

func (r *reconciliation) foundLeak(ctx context.Context, h Holding, why string) {
	r.found(ctx, FoundHoldLeaked, h.BookingID, true, "%d tickets of event %s, attempt %d: %s", h.Tickets, h.EventID, h.Attempt, why)
}

// drive does something about a booking that nobody drives and that has not
// changed since it was read. It reports whether that was so. A booking that
// waits for recovery stays recovery's: the end of drive would take it off its
// list.
func (s *Service) drive(ctx context.Context, b Booking, do func(ctx context.Context, d *driver) error) (bool, error) {
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
	d := s.driverOf(b, recovery)
	work, cancel := s.remaining(ctx, lease)
	defer cancel()
	err = do(work, &d)
	return true, errors.Join(err, d.update(ctx, func(b *Booking) { b.Lease = Lease{}; b.refunded() }))
}

// booking looks at one booking and what is held for it.
func (r *reconciliation) booking(ctx context.Context, b Booking, held []Holding) error {
	if b.Unreadable != nil {
		return b.Unreadable // whatever is held for it stays
	}
	if r.inMotion(b) {
		if due := b.Lease.Until; !due.IsZero() && (b.Tries >= stuckTries || due.Before(r.report.StartedAt.Add(-stuckAfter))) {
			r.found(ctx, FoundBookingStuck, b.ID, false, "%s since %s, tried %d times", b.Status, b.UpdatedAt.Format(time.RFC3339), b.Tries)
		} else if !due.IsZero() {
			r.waiting++
		}
		return nil
	}
	if !b.Payment.Captured.IsZero() {
		if id, err := uuid.Parse(b.ID); err == nil {
			r.paid[id] = false
		}
	}
	has := 0
	var leaked []Holding
	for _, h := range held {
		switch {
		case b.Status != Confirmed || h.Attempt < b.Attempt || h.EventID != b.EventID:
			leaked = append(leaked, h)
		case h.Attempt == b.Attempt:
			has += h.Tickets
		}
	}
	if len(leaked) > 0 {
		// Under its lease: a payment that comes late might have the same tickets.
		driven, err := r.s.drive(ctx, b, func(ctx context.Context, d *driver) error {
			for _, h := range leaked {
				if err := r.s.release(ctx, h); err != nil {
					return err
				}
				d.note("released", fmt.Sprintf("%d tickets of attempt %d that had been left", h.Tickets, h.Attempt))
			}
			return nil
		})
		if err != nil {
			r.noAnswer(ctx, b.ID, err)
			return nil
		}
		for _, h := range leaked {
			if driven {
				r.foundLeak(ctx, h, fmt.Sprintf("the booking is %s, with attempt %d", b.Status, b.Attempt))
			}
		}
	}
	if b.Status == Confirmed && has != b.Tickets() {
		if now, err := r.s.Store.Get(ctx, b.ID); err != nil || now.Status != Confirmed || now.Tickets() != b.Tickets() || now.Attempt != b.Attempt {
			return err // it has changed meanwhile: next time
		}
		r.found(ctx, FoundTicketsMissing, b.ID, false, "it has %d tickets, and %d are held for it", b.Tickets(), has)
	}
	return nil
}

// money goes through the provider's books.
func (r *reconciliation) money(ctx context.Context) error {
	for after := ""; ; {
		page, next, err := r.s.Statements.Statements(ctx, r.report.Since, after, reconcilePage)
		if err != nil {
			return err
		}
		for _, st := range page {
			r.report.Checked.Charges++
			if err := r.isolated(ctx, st.BookingID, func() error { return r.charge(ctx, st) }); err != nil {
				return err
			}
		}
		if next == "" {
			break
		}
		after = next
	}
	// In order, so that two reports keep the same findings.
	for _, id := range slices.SortedFunc(maps.Keys(r.paid), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }) {
		if r.paid[id] {
			continue
		}
		b, err := r.s.Store.Get(ctx, id.String())
		if errors.Is(err, ErrUnreadable) {
			r.noAnswer(ctx, id.String(), err)
			continue
		}
		if err != nil {
			return err
		}
		if b.Payment.Provider != r.s.Payments.Provider() {
			continue // its books are not these
		}
		var settled Settlement
		err = worker.Try(ctx, r.s.Log, "reconciliation", func() (err error) {
			settled, err = r.s.Payments.Settle(ctx, Unsettled{BookingID: b.ID, Reference: b.Payment.Reference})
			return err
		}, "booking_id", b.ID)
		switch {
		case err != nil:
			r.noAnswer(ctx, b.ID, err)
		case !settled.Captured:
			r.found(ctx, FoundChargeMissing, b.ID, false, "the booking says that %s was paid under %q", b.Payment.Captured, b.Payment.Reference)
		}
	}
	return nil
}

// charge compares a charge with its booking.
func (r *reconciliation) charge(ctx context.Context, st Statement) error {
	b, err := r.s.Store.Get(ctx, st.BookingID)
	if errors.Is(err, ErrNotFound) {
		if st.Captured != st.Refunded {
			r.found(ctx, FoundChargeUnknown, st.BookingID, false, "%s was captured under %q and %s given back, and there is no such booking", st.Captured, st.Reference, st.Refunded)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if id, err := uuid.Parse(b.ID); err == nil {
		if _, asked := r.paid[id]; asked {
			r.paid[id] = true
		}
	}
	switch {
	case r.inMotion(b):
	case b.Status == Failed && len(b.Refunds) == 0 && st.Captured != st.Refunded:
		if err := r.s.PaymentHeard(ctx, b.ID); err != nil && !errors.Is(err, ErrLeaseLost) { // then somebody else has heard
			r.noAnswer(ctx, b.ID, err)
			return nil
		}
		r.found(ctx, FoundLatePayment, b.ID, true, "%s was captured under %q after it had failed", st.Captured, st.Reference)
	case st.Captured != b.Payment.Captured || st.Refunded != b.Refunded():
		if now, err := r.s.Store.Get(ctx, b.ID); err != nil || now.Version != b.Version {
			return err // it has changed meanwhile: next time
		}
		r.found(ctx, FoundMoneyDisagrees, b.ID, false, "the provider has captured %s and given back %s, the booking says %s and %s",
			st.Captured, st.Refunded, b.Payment.Captured, b.Refunded())
	}
	return nil
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

// refundAgain asks once more for a refund that is due, and reports whether it
// could, and whether it has been made.
func (s *Service) refundAgain(ctx context.Context, b Booking, refundID string) (driven, done bool, err error) {
	driven, err = s.drive(ctx, b, func(ctx context.Context, d *driver) error {
		r := d.b.Refund(refundID)
		switch err := s.Payments.Refund(ctx, RefundRequest{
			ID: r.ID, BookingID: b.ID, Reference: b.Payment.Reference, Amount: r.Amount, Since: r.Decided, Refusals: r.Refusals,
		}); {
		case errors.Is(err, ErrRefundRefused):
			r.Refusals++
			return nil
		case err != nil:
			return err
		}
		r.Status, done = RefundDone, true
		d.note("refunded", r.Amount.String())
		return nil
	})
	return driven, done, err
}

// stream reads pages as one sequence.
type stream[T any] struct {
	read  func(ctx context.Context, after string, limit int) ([]T, error)
	id    func(T) string
	after string
	page  []T
	end   bool
}

// peek returns what comes next, or false at the end.
func (s *stream[T]) peek(ctx context.Context) (v T, more bool, err error) {
	if len(s.page) == 0 && !s.end {
		if s.page, err = s.read(ctx, s.after, reconcilePage); err != nil {
			return v, false, err
		}
		if len(s.page) == 0 {
			s.end = true
		} else {
			s.after = s.id(s.page[len(s.page)-1])
		}
	}
	if s.end {
		return v, false, nil
	}
	return s.page[0], true, nil
}

func (s *stream[T]) next() { s.page = s.page[1:] }

// firstID is before every UUIDv7 made at that time or later.
func firstID(at time.Time) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16)
	return id.String()
}

// madeAt is when a UUIDv7 was made.
func madeAt(id uuid.UUID) time.Time {
	return time.Unix(id.Time().UnixTime())
}
