package booking

import (
	"cmp"
	"context"
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// PaymentHeard takes the provider's hint that something has become of a
// booking's payment: what waits for it is settled at once, and a booking that
// failed is taken up again where its payment has succeeded although, to be
// confirmed if tickets remain, and refunded if not, if nobody was told of it, or if its
// customer has abandoned it.
// The hint is not believed: the provider is asked. ErrNotFound; ErrLeaseLost
// while the booking is driven, and ErrOutcomeUnknown: the hint is to be repeated.
func (s *Service) PaymentHeard(ctx context.Context, bookingID string) error {
	return s.heardOf(ctx, bookingID, "")
}

// heardOf is PaymentHeard of a charge that is known by this reference to a booking that
// has none: it was restored from a backup of before it was stored.
func (s *Service) heardOf(ctx context.Context, bookingID, reference string) error {
	b, err := s.Store.Get(ctx, bookingID)
	if err != nil {
		return err
	}
	var settled Settlement
	switch b.Status {
	case Pending:
		if len(b.Refunds) > 0 {
			return nil // it is backing out, in its own time
		}
	case Failed:
		if len(b.Refunds) > 0 {
			return nil // what was captured is known
		}
		var err error
		settled, err = s.Payments.Settle(ctx, Unsettled{BookingID: b.ID, Reference: cmp.Or(b.Payment.Reference, reference)})
		if err != nil || !settled.Captured {
			return err
		}
	case Confirmed, Cancelling, Cancelled:
		return nil
	}
	_, err = s.Store.Update(ctx, bookingID, "", func(b *Booking) error {
		now := s.now()
		switch {
		case b.Status == Pending && len(b.Refunds) == 0:
			b.Payment.Reference = cmp.Or(b.Payment.Reference, reference)
		case b.Status == Failed && len(b.Refunds) == 0 && !settled.Captured:
			return errOvertaken // it was pending, and the provider has not been asked
		case b.Status == Failed && len(b.Refunds) == 0:
			reason, wanted := b.Reason, b.Reason != problem.CheckoutAbandoned
			if !b.Acknowledged && reason == "" {
				reason, wanted = problem.PaymentAbandoned, false
			}
			b.Status, b.Reason, b.Acknowledged, b.Owed, b.Tries = Pending, "", true, true, 0
			b.Payment.Reference = settled.Reference
			b.note(now, b.Payment.Provider, "late_payment", "the payment has succeeded after all")
			if !wanted {
				// Nobody knows of it, and its customer may have booked anew with
				// the key that it freed: the money goes back, and that is told.
				b.Reason = reason
				b.Payment.Reference, b.Payment.Status, b.Payment.Captured = settled.Reference, PaymentCaptured, settled.Amount
				b.Refunds = []Refund{{ID: newID(), Amount: settled.Amount, Status: RefundPending, Decided: now}}
			}
		default:
			return errSettled
		}
		b.Lease.Until, b.UpdatedAt = now, now
		return nil
	})
	switch {
	case errors.Is(err, errSettled):
		return nil
	case errors.Is(err, errOvertaken):
		return s.heardOf(ctx, bookingID, reference)
	}
	s.wakeUp()
	return err
}

var (
	errSettled   = errors.New("the booking is settled")
	errOvertaken = errors.New("the booking has failed meanwhile")
)
