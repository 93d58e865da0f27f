package booking

import (
	"context"
	"errors"
)

// PaymentHeard takes the provider's hint that something has become of a
// booking's payment: what waits for it is settled at once, and a booking that
// failed is taken up again where its payment has succeeded although, to be
// confirmed if tickets remain, and refunded if not. The hint is not believed:
// the provider is asked. ErrNotFound; ErrLeaseLost while the booking is driven,
// ErrOutcomeUnknown: the hint is to be repeated.
func (s *Service) PaymentHeard(ctx context.Context, bookingID string) error {
	b, err := s.Store.Get(ctx, bookingID)
	if err != nil {
		return err
	}
	switch b.Status {
	case Pending:
	case Failed:
		if len(b.Refunds) > 0 {
			return nil // what was captured is known
		}
		settled, err := s.Payments.Settle(ctx, Unsettled{BookingID: b.ID, Reference: b.Payment.Reference})
		if err != nil || !settled.Captured {
			return err
		}
	case Confirmed, Cancelling, Cancelled:
		return nil
	}
	_, err = s.Store.Update(ctx, bookingID, "", func(b *Booking) error {
		now := s.now()
		switch {
		case b.Status == Pending:
		case b.Status == Failed && len(b.Refunds) == 0:
			b.Status, b.Reason, b.Acknowledged, b.Tries = Pending, "", true, 0
			b.note(now, b.Payment.Provider, "late_payment", "the payment has succeeded after all")
		default:
			return errSettled
		}
		b.Lease.Until, b.UpdatedAt = now, now
		return nil
	})
	if errors.Is(err, errSettled) {
		return nil
	}
	s.wakeUp()
	return err
}

var errSettled = errors.New("the booking is settled")
