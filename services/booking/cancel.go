package booking

import (
	"context"
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Cancel gives a booking's tickets back and its money in full, for its owner or
// an admin, until the event starts. The booking it returns is Cancelled, or
// Cancelling while the refund's outcome is not known yet. Cancelling again
// answers the current state. ErrNotFound, ErrForbidden, ErrNotCancellable.
//
// It goes on when ctx is cancelled.
func (s *Service) Cancel(ctx context.Context, caller identity.Caller, id string) (Booking, error) {
	ctx = context.WithoutCancel(ctx)
	b, err := s.Get(ctx, caller, id)
	if err != nil || b.Status == Cancelling || b.Status == Cancelled {
		return b, err
	}
	lease := s.newLease()
	b, err = s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		if b.Status != Confirmed || !now.Before(b.Event.StartsAt) {
			return ErrNotCancellable
		}
		b.Status, b.Lease, b.UpdatedAt = Cancelling, lease, now
		if !b.Total.IsZero() {
			b.Refund = &Refund{ID: newID(), Amount: b.Total}
		}
		b.note(now, "cancelling", "")
		return nil
	})
	switch {
	case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrNotCancellable):
		// Another request may have been first: then its result is ours.
		if b, err := s.Store.Get(ctx, id); err == nil && (b.Status == Cancelling || b.Status == Cancelled) {
			return b, nil
		}
		return Booking{}, ErrNotCancellable
	case err != nil:
		return Booking{}, err
	}

	d := driver{s: s, b: b, lease: lease.Token}
	work, cancel := context.WithTimeout(ctx, s.PaymentTimeout)
	defer cancel()
	if err := d.finishCancel(work); err != nil {
		s.Log.WarnContext(ctx, "cancellation left to recovery", "booking_id", id, "error", err)
		d.later(ctx, s.now(), func(*Booking) {})
	}
	return d.b, nil
}

// finishCancel refunds, gives the tickets back, and makes the booking
// Cancelled. Each step may have been done before.
func (d *driver) finishCancel(ctx context.Context) error {
	if d.b.Refund != nil {
		if err := d.refund(ctx); err != nil {
			return err
		}
	}
	if err := d.release(ctx); err != nil {
		return err
	}
	return d.update(ctx, func(b *Booking) {
		b.Status, b.Lease, b.Tries = Cancelled, Lease{}, 0
		b.refunded()
		b.note(b.UpdatedAt, "cancelled", "")
		d.tell(ctx, b, events.TypeBookingCancelled)
	})
}
