package booking

import (
	"context"
	"errors"
)

// inMotion reports whether the booking is being worked on, or was a moment ago.
func (r *reconciliation) inMotion(b Booking) bool {
	return !b.Lease.Until.IsZero() || b.UpdatedAt.After(r.quiet)
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
