package booking_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

// recoverOnce lets s claim what there is and drive it as far as it goes.
func (w *world) recoverOnce(t *testing.T, s *booking.Service) error {
	t.Helper()
	w.advance(time.Minute)
	// Recover ends after the round that it is in: the first, once it has
	// claimed or failed to.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	defer cancel()
	f := s.Store.(*faults) // service made it
	before, after := f.before, f.after
	defer func() { f.before, f.after = before, after }()
	f.before = func(call string) (err error) {
		if before != nil {
			err = before(call)
		}
		if err != nil && call == "Claim" {
			cancel()
		}
		return err
	}
	f.after = func(call string) error {
		if call == "Claim" {
			cancel()
		}
		if after != nil {
			return after(call)
		}
		return nil
	}
	return s.Recover(ctx)
}

// A driver slower than its lease loses the booking, at whichever step it
// stands: recovery settles it, and there is one outcome.
func TestTheDriverThatIsTooSlowHasNoEffectAnyMore(t *testing.T) {
	t.Parallel()
	for _, token := range []string{sandbox.Visa, sandbox.Declined} {
		for _, at := range []struct {
			call  string
			after bool
		}{
			{"Create", true}, {"Reserve", false}, {"Reserve", true}, {"Charge", false}, {"Charge", true}, {"Release", false}, {"Release", true}, {"Update", false},
		} {
			name := token + " before " + at.call
			if at.after {
				name = token + " after " + at.call
			}
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				event, c := w.newEvent(price), w.newCustomer()
				request := booking.Request{EventID: event, Tickets: 2, PaymentToken: token, IdempotencyKey: "k"}
				overtaken := once(at.call, func() { w.recover(t) })
				f := &faults{before: overtaken}
				if at.after {
					f = &faults{after: overtaken}
				}
				b, err := w.create(t.Context(), w.service(f), c, request)
				w.wantBookings(t, 1)
				stored := w.bookings(t)[0]
				if err == nil && (b.ID != stored.ID || b.Status != stored.Status) {
					t.Errorf("answered with %s, but it is %s", b.Status, stored.Status)
				}
				if err != nil && stored.Status != booking.Failed {
					t.Errorf("answered with %v, but it is %s", err, stored.Status)
				}
				w.recover(t)
				w.check(t)
			})
		}
	}
}

func TestTheCancellerThatIsTooSlowHasNoEffectAnyMore(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Refund", "Release", "Update"} {
		for _, after := range []bool{false, true} {
			t.Run(call+map[bool]string{true: " after", false: " before"}[after], func(t *testing.T) {
				w := newWorld(t)
				event, c := w.newEvent(price), w.newCustomer()
				id := w.book(t, w.service(nil), c, booking.Request{EventID: event, Tickets: 2}).ID
				overtaken := once(call, func() { w.recover(t) })
				f := &faults{before: overtaken}
				if after {
					f = &faults{after: overtaken}
				}
				b, err := w.service(f).Cancel(t.Context(), c, id)
				if err != nil || b.Status != booking.Cancelling && b.Status != booking.Cancelled {
					t.Errorf("answered %s, %v", b.Status, err)
				}
				w.recover(t)
				if b := w.get(t, id); b.Status != booking.Cancelled {
					t.Errorf("it is %s", b.Status)
				}
				w.check(t)
			})
		}
	}
}

// One recovery worker overtakes another, at every step of backing out.
func TestTheWorkerThatIsTooSlowHasNoEffectAnyMore(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Settle", "Reserve", "Update", "Refund", "Release"} {
		for _, sold := range []bool{false, true} {
			t.Run(call+map[bool]string{true: " sold out", false: ""}[sold], func(t *testing.T) {
				w := newWorld(t)
				event := w.newEvent(price)
				w.lost(t, event)
				if sold {
					w.book(t, w.service(nil), w.newCustomer(), booking.Request{EventID: event, Tickets: capacity})
				}
				slow := w.service(&faults{before: once(call, func() { w.recover(t) })})
				if err := w.recoverOnce(t, slow); err != nil {
					t.Error(err)
				}
				w.recover(t)
				w.check(t)
			})
		}
	}
}

// The outcome of a payment could not be stored: the customer is told only what
// will be true.
func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	down := errors.New("the disk is full")
	for _, f := range []*faults{
		{before: func(call string) error {
			switch call {
			case "Charge":
				return booking.ErrOutcomeUnknown
			case "Update":
				return down
			}
			return nil
		}},
		{before: only("Update", func() error { return down })},
	} {
		for _, price := range []int64{0, price.AmountMinor} {
			w := newWorld(t)
			event := w.newEvent(money.Amount{AmountMinor: price, Currency: "EUR"})
			b, err := w.create(t.Context(), w.service(f), w.newCustomer(), booking.Request{EventID: event, Tickets: 1, IdempotencyKey: "k"})
			w.recover(t)
			w.check(t)
			if err != nil {
				continue
			}
			if now := w.get(t, b.ID); now.Status != booking.Confirmed {
				t.Errorf("it was acknowledged and is %s", now.Status)
			}
		}
	}
}
