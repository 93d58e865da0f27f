package booking_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// A reservation with an unknown outcome is no booking: its key is free again.
func TestAnUnknownReservationIsUndone(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*faults{
		"it was not made": {before: only("Reserve", unknown)},
		"it was made":     {after: only("Reserve", unknown)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			event, c := w.newEvent(price), w.newCustomer()
			request := booking.Request{EventID: event, Tickets: 2, IdempotencyKey: "k"}
			_, err := w.create(t.Context(), w.service(f), c, request)
			wantErr(t, err, booking.ErrUnavailable)
			_, err = w.create(t.Context(), w.service(nil), c, request)
			wantErr(t, err, booking.ErrInProgress)
			w.recover(t)
			failed := w.bookings(t)[0]
			if failed.Status != booking.Failed || failed.Reason != "" || len(w.messages(t)) != 0 {
				t.Errorf("the booking is %+v", failed)
			}
			wantSteps(t, failed, "created reservation_unknown released failed")
			w.check(t)

			if b := w.book(t, w.service(nil), c, request); b.ID == failed.ID {
				t.Error("the failed booking was confirmed")
			}
			w.check(t)
		})
	}
}

func TestADelayedReservationIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	_, err := w.create(t.Context(), w.service(&faults{before: only("Reserve", unknown)}), c, booking.Request{EventID: event, Tickets: 2})
	wantErr(t, err, booking.ErrUnavailable)
	w.recover(t)

	b := w.bookings(t)[0]
	_, err = w.catalog.Reserve(t.Context(), booking.Reservation{BookingID: b.ID, Attempt: 1, EventID: event, Items: b.Items})
	wantErr(t, err, booking.ErrReservationReleased)
	w.check(t)
}

// pay books with a payment whose outcome is unknown.
func (w *world) pay(t *testing.T, f *faults, c identity.Caller, event string) booking.Booking {
	t.Helper()
	request := booking.Request{EventID: event, Tickets: 2, IdempotencyKey: "k"}
	s := w.service(f)
	b, err := w.create(t.Context(), s, c, request)
	if err != nil || b.Status != booking.Pending || !b.Acknowledged {
		t.Fatalf("booking %+v, %v; want it pending", b, err)
	}
	if again, err := w.create(t.Context(), s, c, request); err != nil || again.ID != b.ID || again.Status != booking.Pending {
		t.Fatalf("the key answers %+v, %v", again, err)
	}
	return b
}

func TestAnUnknownPaymentThatSucceededIsConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	b := w.pay(t, &faults{after: only("Charge", unknown)}, c, event)
	w.recover(t)
	b = w.get(t, b.ID)
	if b.Status != booking.Confirmed || b.Payment.Reference == "" || b.Attempt != 1 {
		t.Errorf("the booking is %+v", b)
	}
	wantSteps(t, b, "created reserved payment_unknown reserved recovered paid confirmed")
	w.check(t)
}

func TestAnUnknownPaymentThatNeverHappenedIsAbandoned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	b := w.pay(t, &faults{before: only("Charge", unknown)}, c, event)
	w.recover(t)
	b = w.get(t, b.ID)
	if b.Status != booking.Failed || b.Reason != problem.PaymentAbandoned || b.Payment.Status != booking.PaymentNever {
		t.Errorf("the booking is %+v", b)
	}
	_, err := w.create(t.Context(), w.service(nil), c, booking.Request{EventID: event, Tickets: 2, IdempotencyKey: "k"})
	wantErr(t, err, booking.ErrPaymentAbandoned)

	// The charge that was on its way comes now.
	_, err = w.payments.Charge(t.Context(), booking.Charge{BookingID: b.ID, Attempt: 1, Amount: b.Total, Token: sandbox.Visa})
	wantErr(t, err, booking.ErrPaymentClosed)
	w.check(t)
}

func TestAnUnknownPaymentThatWasDeclinedFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	request := booking.Request{EventID: event, Tickets: 2, IdempotencyKey: "k", PaymentToken: sandbox.InsufficientFunds}
	b, err := w.create(t.Context(), w.service(&faults{after: only("Charge", unknown)}), c, request)
	if err != nil || b.Status != booking.Pending {
		t.Fatalf("booking %+v, %v", b, err)
	}
	w.recover(t)
	b, err = w.create(t.Context(), w.service(nil), c, request)
	wantErr(t, err, booking.ErrPaymentDeclined)
	if b.Status != booking.Failed || b.Reason != problem.PaymentDeclined {
		t.Errorf("the booking is %+v", b)
	}
	w.check(t)
}

// An answer that does not come in time is an unknown outcome.
func TestAPaymentThatNeverAnswersEndsByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	s := w.service(nil)
	s.PaymentTimeout = 300 * time.Millisecond
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Timeout})
	if err != nil || b.Status != booking.Pending {
		t.Fatalf("booking %+v, %v", b, err)
	}
	w.recover(t)
	w.check(t)
}

// The customer has an answer within ten seconds, by the clock of the test, when
// the payment provider never gives one.
func TestAnAnswerTakesTenSecondsAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
		began := time.Now()
		b, err := s.Create(t.Context(), c, booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Timeout})
		took := time.Since(began)
		if err != nil || b.Status != booking.Pending {
			t.Fatalf("booking %s, %v, want PENDING", b.Status, err)
		}
		if took > 10*time.Second {
			t.Errorf("the answer took %v", took)
		}
	})
}

// A payment is left alone for a while before it is settled.
func TestAnUnknownPaymentGetsItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.pay(t, &faults{before: only("Charge", unknown)}, w.newCustomer(), w.newEvent(price))
	if want := w.now().UTC().Add(5 * time.Second); !b.Lease.Until.Equal(want) {
		t.Errorf("it is taken up at %v, want %v", b.Lease.Until, want)
	}
}

// lost is a booking paid for, whose tickets went back in the meantime.
func (w *world) lost(t *testing.T, event string) booking.Booking {
	t.Helper()
	b := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), event)
	if err := w.catalog.Release(t.Context(), event, b.ID, 1); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestALatePaymentIsConfirmedWithOtherTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.lost(t, w.newEvent(price))
	w.recover(t)
	if b = w.get(t, b.ID); b.Status != booking.Confirmed || b.Attempt != 2 {
		t.Errorf("the booking is %+v", b)
	}
	w.check(t)
}

func TestALatePaymentWithoutTicketsIsRefundedOnce(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		name   string
		befall func(w *world, t *testing.T, event string)
		reason problem.Code
	}{
		{"sold out", func(w *world, t *testing.T, event string) {
			w.book(t, w.service(nil), w.newCustomer(), booking.Request{EventID: event, Tickets: capacity})
		}, problem.SoldOut},
		{"sales closed", func(w *world, _ *testing.T, event string) { w.catalog.CloseSales(event) }, problem.SalesClosed},
		{"another price", func(w *world, _ *testing.T, event string) {
			w.catalog.Reprice(event, money.Amount{AmountMinor: price.AmountMinor + 1, Currency: "EUR"})
		}, problem.SoldOut},
	} {
		t.Run(r.name, func(t *testing.T) {
			w := newWorld(t)
			event := w.newEvent(price)
			b := w.lost(t, event)
			r.befall(w, t, event)
			// The provider's answer to the refund is lost, twice.
			n := 0
			w.recover(t, w.service(&faults{after: only("Refund", func() error {
				if n++; n <= 2 {
					return booking.ErrOutcomeUnknown
				}
				return nil
			})}))
			b = w.get(t, b.ID)
			if b.Status != booking.Failed || b.Reason != r.reason || b.Payment.Status != booking.PaymentRefunded {
				t.Errorf("the booking is %+v", b)
			}
			if captured, refunded, entries := w.books(t, b.ID); captured != refunded || entries != 2 {
				t.Errorf("captured %d, refunded %d in %d entries", captured, refunded, entries)
			}
			if m := w.messages(t)[b.ID][events.TypeBookingFailed]; len(m) != 1 || m[0].Reason != string(r.reason) {
				t.Errorf("the failure says %+v", m)
			}
			w.check(t)
		})
	}
}

// What is refunded already is not refunded again while the tickets wait, and
// the timeline does not grow with every try.
func TestARefundedBookingWaitsForItsTickets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.newEvent(price)
	b := w.lost(t, event)
	w.catalog.CloseSales(event)
	releases := 0
	w.recover(t, w.service(&faults{before: only("Release", func() error {
		if releases++; releases <= 3 {
			return booking.ErrOutcomeUnknown
		}
		return nil
	})}))
	wantSteps(t, w.get(t, b.ID), "created reserved payment_unknown refunded released failed")
	w.check(t)
}

func TestManyAreRecoveredByRacingWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 24 {
		event, c := w.newEvent(price), w.newCustomer()
		f := &faults{after: only("Charge", unknown)}
		if i%3 == 0 {
			f = &faults{before: only("Reserve", unknown)}
		}
		_, err := w.create(t.Context(), w.service(f), c, booking.Request{EventID: event, Tickets: 1 + i%2})
		if err != nil && !errors.Is(err, booking.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	w.recover(t, w.service(nil), w.service(nil), w.service(nil))
	w.check(t)
}

func TestRecoveryEndsBetweenSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), w.newEvent(price))
	ctx, cancel := context.WithCancel(t.Context())
	w.advance(time.Minute)
	if err := w.service(&faults{before: once("Settle", cancel)}).Recover(ctx); err != nil {
		t.Errorf("Recover returns %v", err)
	}
	if b = w.get(t, b.ID); b.Status != booking.Confirmed {
		t.Errorf("what it had begun is %s", b.Status)
	}
	w.check(t)
}

// What was paid is given back in full, although the driver died before it
// could store how much that was.
func TestAPaymentThatWasNotStoredIsRefunded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	b, err := w.create(t.Context(), w.service(&faults{before: only("Update", unknown)}), c, booking.Request{EventID: event, Tickets: 2})
	if err != nil || b.Status != booking.Pending || !w.get(t, b.ID).Total.IsZero() {
		t.Fatalf("booking %+v, %v", b, err)
	}
	if err := w.catalog.Release(t.Context(), event, b.ID, 1); err != nil {
		t.Fatal(err)
	}
	w.catalog.CloseSales(event)
	w.recover(t)
	if b = w.get(t, b.ID); b.Status != booking.Failed || len(b.Refunds) != 1 || b.Refunds[0].Amount.AmountMinor != 2*price.AmountMinor {
		t.Errorf("the booking is %+v", b)
	}
	w.check(t)
}

// A clock that was wrong by a day for a moment holds up no booking for a day:
// neither one whose driver died then, nor one that was left to a later try.
func TestAClockThatIsSetBackHoldsUpNothingForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.newEvent(price)
	w.advance(24 * time.Hour)
	left := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), event)
	died := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), event)
	w.advance(time.Minute)
	lease := booking.Lease{Token: "of who died", Until: w.now().Add(15 * time.Second)}
	if claimed, err := w.store.Claim(t.Context(), w.now(), lease, 10); err != nil || len(claimed) != 2 {
		t.Fatalf("%d bookings are claimed (%v), want 2", len(claimed), err)
	}
	if _, err := w.store.Update(t.Context(), left.ID, lease.Token, func(b *booking.Booking) error {
		b.Lease = booking.Lease{Until: w.now().Add(30 * time.Second)}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	w.advance(-24*time.Hour - time.Minute)

	startRecovery(t, w.service(nil))
	for id, longest := range map[string]time.Duration{died.ID: 16 * time.Minute, left.ID: 31 * time.Minute} {
		until(t, "its time is brought forward", func() bool { return w.get(t, id).Lease.Until.Before(w.now().Add(longest)) })
	}
	w.advance(31 * time.Minute)
	for _, id := range []string{died.ID, left.ID} {
		until(t, "it is confirmed", func() bool { return w.get(t, id).Status == booking.Confirmed })
	}
}

// A customer keeps the time that they were told, however short it is for those
// who come after a restart.
func TestAShorterCheckoutTTLTakesNoHold(t *testing.T) {
	t.Parallel()
	w := modelWorld(t)
	before := w.service(&faults{})
	before.CheckoutTTL = time.Hour
	b, err := w.create(t.Context(), before, w.newCustomer(), booking.Request{EventID: w.newEvent(price), Tickets: 2, PaymentToken: bookingtest.Acts})
	if err != nil {
		t.Fatal(err)
	}
	forwarded := make(chan struct{}, 1)
	startRecovery(t, w.service(&faults{after: only("BringForward", func() error {
		select {
		case forwarded <- struct{}{}:
		default:
		}
		return nil
	})}))
	<-forwarded
	if got := w.get(t, b.ID).Lease.Until; !got.Equal(b.Payment.Deadline) {
		t.Errorf("the tickets are held until %v, want the deadline %v", got, b.Payment.Deadline)
	}
}
