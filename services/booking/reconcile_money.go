package booking

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

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
	case !r.s.RestoredAt.IsZero() && (b.Payment.Reference == "" || b.AwaitsCustomer()) && len(b.Refunds) == 0 && st.Captured != st.Refunded &&
		(b.Status == Pending || b.Status == Failed):
		// It comes from a backup of before the charge, or of before the customer acted:
		// recovery asks for it now.
		r.waiting++
		if err := r.s.heardOf(ctx, b.ID, st.Reference); err != nil && !errors.Is(err, ErrLeaseLost) {
			r.noAnswer(ctx, b.ID, err)
		}
	case r.inMotion(b):
	case b.Status == Failed && len(b.Refunds) == 0 && st.Captured != st.Refunded:
		if err := r.s.heardOf(ctx, b.ID, st.Reference); err != nil && !errors.Is(err, ErrLeaseLost) { // then somebody else has heard
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

// refundAgain asks once more for a refund that is due, and reports whether it
// could, and whether it has been made.
func (s *Service) refundAgain(ctx context.Context, b Booking, refundID string) (driven, done bool, err error) {
	driven, err = s.repair(ctx, b, func(ctx context.Context, g *saga) error {
		g.b.Refunds = slices.Clone(g.b.Refunds) // what is stored stays
		r := g.b.Refund(refundID)
		switch err := s.Payments.Refund(ctx, g.refundRequest(r)); {
		case errors.Is(err, ErrRefundRefused):
			r.Refusals++
			return nil
		case err != nil:
			return err
		}
		r.Status, done = RefundDone, true
		g.noted(s.now(), "refunded", r.Amount.String())
		return nil
	})
	return driven, done, err
}
