package booking

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// recovery is the name of who drives what no request does.
const recovery = "recovery"

// maxRefusals is how often a refund may be refused before it is Due.
const maxRefusals = 5

// recoverAtOnce is how many bookings the worker drives at one time.
const recoverAtOnce = 8

// Recover drives the bookings whose driver has died or given them up, until ctx
// ends; it then finishes the steps that it is at.
func (s *Service) Recover(ctx context.Context) error {
	tick := time.NewTicker(s.RecoverEvery)
	defer tick.Stop()
	var drivers sync.WaitGroup
	defer drivers.Wait()
	drivers.Go(func() { _ = worker.Every(ctx, s.Log, forwardEvery, "bringing due times forward", s.bringForward) })
	slots := make(chan struct{}, recoverAtOnce)
	for {
		free := recoverAtOnce - len(slots)
		lease := s.newLease()
		for _, b := range s.claim(ctx, lease, free) {
			slots <- struct{}{}
			drivers.Go(func() {
				s.settle(ctx, b, lease)
				<-slots
				s.wakeUp() // the place is free: one slow booking holds up no other
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// bringForward runs every forwardEvery. clocksDiffer is how far the clocks of two
// processes may differ before one ends what the other stored.
const (
	forwardEvery = 10 * time.Second
	clocksDiffer = 15 * time.Minute
)

// bringForward sees to it that no booking waits for a time that
// a wrong clock has set.
func (s *Service) bringForward(ctx context.Context) error {
	latest := s.now().Add(clocksDiffer)
	longest := max(s.CheckoutTTL, s.SettleAfter, rests.Limit, stuckPauses.Limit)
	return s.Store.BringForward(ctx, latest, latest.Add(s.LeaseTime), latest.Add(longest))
}

func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// claim takes over what there is to recover, if anything, at most limit.
func (s *Service) claim(ctx context.Context, lease Lease, limit int) []Booking {
	if limit == 0 || ctx.Err() != nil {
		return nil
	}
	var claimed []Booking
	err := worker.Try(ctx, s.Log, recovery, func() (err error) {
		claimed, err = s.Store.Claim(ctx, s.now(), lease, limit)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "recovery cannot look for bookings", "error", err)
	}
	return claimed
}

// settle drives one booking as far as it goes within its lease. A step that has
// begun ends, whatever becomes of ctx.
func (s *Service) settle(ctx context.Context, b Booking, lease Lease) {
	ctx = context.WithoutCancel(ctx)
	work, cancel := s.remaining(ctx, lease)
	defer cancel()
	d := s.driverOf(b, recovery)
	err := worker.Try(ctx, s.Log, recovery, func() error {
		if err := d.recover(work); err != nil && !errors.Is(err, ErrLeaseLost) {
			s.putOff(ctx, &d, err)
		}
		return nil
	}, "booking_id", b.ID)
	if err != nil { // it has panicked
		s.setAside(ctx, b, lease, err)
	}
}

// putOff leaves a booking that is not settled to a later try.
func (s *Service) putOff(ctx context.Context, d *driver, err error) {
	b := d.b
	switch {
	case errors.Is(err, ErrRefundRefused):
		s.Log.ErrorContext(ctx, "the provider refuses a refund", "booking_id", b.ID, "status", b.Status, "tries", b.Tries)
		d.noteOnce("refund_refused", "the payment provider refuses it")
	default:
		s.Log.WarnContext(ctx, "booking not settled yet", "booking_id", b.ID, "status", b.Status, "tries", b.Tries, "error", err)
	}
	d.later(ctx, s.now().Add(rests.After(b.Tries)), func(*Booking) {})
}

// setAside gives up a booking that recovery panics at, and leaves it listed for
// an admin. If that fails the booking waits for the end of its lease.
func (s *Service) setAside(ctx context.Context, b Booking, lease Lease, cause error) {
	stuck := SetAside(cause, b.Tries, s.now())
	err := worker.Try(ctx, s.Log, recovery, func() error { return s.StuckBookings.SetAside(ctx, b.ID, lease.Token, stuck) }, "booking_id", b.ID)
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		s.Log.ErrorContext(ctx, "booking not set aside", "booking_id", b.ID, "error", err)
	}
}

// rests is how long a booking or an event rests between tries.
var rests = retry.Pauses{First: time.Second, Limit: 30 * time.Second}

// recover drives the booking to its end, or returns why it cannot be now.
func (d *driver) recover(ctx context.Context) error {
	switch {
	case d.b.Open() != nil:
		return d.finishCancel(ctx)
	case d.b.Status == Confirmed, d.b.Status == Cancelled:
		return d.eventCancelled(ctx)
	case d.b.Status == Failed:
		return d.free(ctx) // it was being mended, and is settled all the same
	case len(d.b.Refunds) > 0: // it was backing out
		return d.backOut(ctx, d.b.Reason)
	}
	settled, err := d.s.Payments.Settle(ctx, Unsettled{BookingID: d.b.ID, Reference: d.b.Payment.Reference})
	if err != nil {
		return err
	}
	if !settled.Captured {
		return d.abandon(ctx, settled)
	}
	p := &d.b.Payment
	p.Reference, p.Status, p.Captured = settled.Reference, PaymentCaptured, settled.Amount
	d.b.Total = settled.Amount // the driver may have died before it was stored
	for {
		reserved, err := d.s.Catalog.Reserve(ctx, d.reservation())
		switch code := reasonOf(err); {
		case err == nil && reserved.Total != settled.Amount:
			// Reserved anew, and the price has changed since it was paid: at
			// that price there are no tickets left.
			return d.backOut(ctx, problem.SoldOut)
		case err == nil:
			d.reserved(reserved)
			d.note("recovered", "the payment had succeeded")
			if err := d.confirm(ctx, settled.Reference); !errors.Is(err, ErrEventCancelled) {
				return err
			}
			return d.backOut(ctx, problem.EventCancelled)
		case errors.Is(err, ErrReservationReleased):
			// The tickets were given back before the payment was known: try
			// for others, under an attempt that is stored before it is used.
			if err := d.update(ctx, func(b *Booking) { b.Attempt++ }); err != nil {
				return err
			}
		case code != "":
			return d.backOut(ctx, code)
		default:
			return err
		}
	}
}

// free lets go of a booking that needs nothing.
func (d *driver) free(ctx context.Context) error {
	return d.update(ctx, func(b *Booking) { b.Lease, b.Tries = Lease{}, 0 })
}

// abandon ends a booking that was never paid.
func (d *driver) abandon(ctx context.Context, settled Settlement) error {
	reason := d.b.Reason
	switch {
	case settled.Declined:
		reason, d.b.Payment.Status = problem.PaymentDeclined, PaymentDeclined
	case d.b.Acknowledged && reason == "":
		reason = problem.PaymentAbandoned
	}
	if err := d.release(ctx); err != nil {
		return err
	}
	// Nobody was told of a booking without a reason: its key is freed, and the
	// customer's retry begins anew.
	return d.fail(ctx, reason)
}

// backOut ends a booking that cannot be confirmed, and refunds what was paid.
// The refund is stored before the provider hears of it.
func (d *driver) backOut(ctx context.Context, reason problem.Code) error {
	if len(d.b.Refunds) == 0 && !d.b.Payment.Captured.IsZero() {
		r := Refund{ID: newID(), Amount: d.b.Payment.Captured, Status: RefundPending, Decided: d.s.now()}
		if err := d.update(ctx, func(b *Booking) {
			b.Reason, b.Refunds = reason, []Refund{r}
		}); err != nil {
			return err
		}
	}
	for _, r := range d.b.Refunds {
		if err := d.refund(ctx, r.ID); err != nil {
			return err
		}
	}
	if err := d.release(ctx); err != nil {
		return err
	}
	return d.fail(ctx, reason)
}

// refund gives money back, once. When it returns nil the refund is Done, or has
// been refused so often that it is Due.
func (d *driver) refund(ctx context.Context, id string) error {
	r := d.b.Refund(id)
	if r.Status != RefundPending {
		return nil // by a driver before
	}
	err := d.s.Payments.Refund(ctx, RefundRequest{
		ID: r.ID, BookingID: d.b.ID, Reference: d.b.Payment.Reference, Amount: r.Amount, Since: r.Decided, Refusals: r.Refusals,
	})
	switch {
	case err == nil:
		r.Status = RefundDone
		d.note("refunded", r.Amount.String())
		return nil
	case !errors.Is(err, ErrRefundRefused):
		return err
	}
	if r.Refusals++; r.Refusals < maxRefusals {
		return err
	}
	// The tickets need not wait for the money. Reconciliation goes on with it,
	// until somebody has seen to it.
	r.Status = RefundDue
	d.s.Log.ErrorContext(ctx, "a refund is due that the provider refuses", "booking_id", d.b.ID, "refund_id", r.ID, "error", err)
	d.note("refund_due", "the payment provider refuses "+r.Amount.String()+"; the operator has to see to it")
	return nil
}
