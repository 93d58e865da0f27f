package booking

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// recovery is the name of who drives what no request does.
const recovery = "recovery"

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
	g := s.sagaOf(ctx, b, recovery)
	g.rest = rests.After(b.Tries)
	err := worker.Try(ctx, s.Log, recovery, func() error {
		s.drive(ctx, work, &g)
		return nil
	}, "booking_id", b.ID)
	if err != nil { // it has panicked
		s.setAside(ctx, b, lease, err)
	}
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
