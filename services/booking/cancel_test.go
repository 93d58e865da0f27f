package booking_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func TestCancellingGivesEverythingBackOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	id := w.book(t, s, c, booking.Request{EventID: event, Tickets: capacity}).ID
	b, err := s.Cancel(t.Context(), c, id)
	if err != nil || b.Status != booking.Cancelled || b.Payment.Status != booking.PaymentRefunded {
		t.Fatalf("booking %+v, %v", b, err)
	}
	wantSteps(t, b, "created reserved paid confirmed cancelling refunded released cancelled")
	if m := w.messages(t)[id][events.TypeBookingCancelled]; len(m) != 1 || m[0].Refunded != b.Total {
		t.Errorf("the cancellation says %+v", m)
	}
	again, err := s.Cancel(t.Context(), c, id)
	if err != nil || again.Status != booking.Cancelled || again.Version != b.Version {
		t.Errorf("cancelled again: %+v, %v", again, err)
	}
	w.book(t, s, c, booking.Request{EventID: event, Tickets: capacity})
	w.check(t)
}

func TestAFreeBookingIsCancelledWithoutARefund(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	id := w.book(t, s, c, booking.Request{EventID: w.newEvent(money.Amount{Currency: "EUR"}), Tickets: 1}).ID
	b, err := s.Cancel(t.Context(), c, id)
	if err != nil || b.Status != booking.Cancelled || len(b.Refunds) > 0 || b.Payment.Status != booking.PaymentNotRequired {
		t.Errorf("booking %+v, %v", b, err)
	}
	w.check(t)
}

func TestRacingCancellationsRefundOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	id := w.book(t, s, c, booking.Request{EventID: w.newEvent(price), Tickets: 2}).ID
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			b, err := s.Cancel(t.Context(), c, id)
			if err != nil || b.Status != booking.Cancelling && b.Status != booking.Cancelled {
				t.Errorf("booking %s, %v", b.Status, err)
			}
		})
	}
	wg.Wait()
	w.check(t)
}

func TestAnUnknownRefundIsCancelledLater(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*faults{
		"it was not made":          {before: only("Refund", unknown)},
		"it was made":              {after: only("Refund", unknown)},
		"the tickets are not back": {before: only("Release", unknown)},
		"they are":                 {after: only("Release", unknown)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.newCustomer()
			id := w.book(t, w.service(nil), c, booking.Request{EventID: w.newEvent(price), Tickets: 2}).ID
			for range 2 {
				b, err := w.service(f).Cancel(t.Context(), c, id)
				if err != nil || b.Status != booking.Cancelling {
					t.Fatalf("booking %+v, %v", b, err)
				}
			}
			w.recover(t)
			if b, err := w.service(nil).Cancel(t.Context(), c, id); err != nil || b.Status != booking.Cancelled {
				t.Errorf("booking %+v, %v", b, err)
			}
			w.check(t)
		})
	}
}

func TestWhatIsNotConfirmedCannotBeCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	pending := w.pay(t, &faults{after: only("Charge", unknown)}, c, event)
	_, err := s.Cancel(t.Context(), c, pending.ID)
	wantErr(t, err, booking.ErrNotCancellable)

	failed, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Declined})
	wantErr(t, err, booking.ErrPaymentDeclined)
	_, err = s.Cancel(t.Context(), c, failed.ID)
	wantErr(t, err, booking.ErrNotCancellable)

	_, err = s.Cancel(t.Context(), c, uuid.NewString())
	wantErr(t, err, booking.ErrNotFound)
	w.recover(t)
	w.check(t)
}

func TestABookingCanBeCancelledUntilItsEventStarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	first := w.book(t, s, c, booking.Request{EventID: event, Tickets: 1}).ID
	second := w.book(t, s, c, booking.Request{EventID: event, Tickets: 1}).ID

	w.advance(bookingtest.StartsAt.Sub(w.now()) - time.Microsecond)
	if _, err := s.Cancel(t.Context(), c, first); err != nil {
		t.Errorf("a moment before: %v", err)
	}
	w.advance(time.Microsecond)
	_, err := s.Cancel(t.Context(), c, second)
	wantErr(t, err, booking.ErrNotCancellable)
	if b, err := s.Cancel(t.Context(), c, first); err != nil || b.Status != booking.Cancelled {
		t.Errorf("cancelled before, asked after: %+v, %v", b, err)
	}
	w.check(t)
}

func TestOnlyTheOwnerAndAnAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	id := w.book(t, s, c, booking.Request{EventID: event, Tickets: 1}).ID
	organizer := w.newCustomer()
	organizer.Role = identity.Organizer
	for name, stranger := range map[string]identity.Caller{"another customer": w.newCustomer(), "an organizer": organizer, "nobody": {}} {
		t.Run(name, func(t *testing.T) {
			b, err := s.Get(t.Context(), stranger, id)
			wantErr(t, err, booking.ErrForbidden)
			if b.ID != "" {
				t.Error("the booking is returned all the same")
			}
			_, err = s.List(t.Context(), stranger, booking.Query{UserID: c.UserID, Limit: 10})
			wantErr(t, err, booking.ErrForbidden)
			_, err = s.Cancel(t.Context(), stranger, id)
			wantErr(t, err, booking.ErrForbidden)
		})
	}
	_, err := w.create(t.Context(), s, admin, booking.Request{EventID: event, Tickets: 1, UserID: c.UserID})
	wantErr(t, err, booking.ErrForbidden)

	list, err := s.List(t.Context(), admin, booking.Query{UserID: c.UserID, Limit: 10})
	if err != nil || len(list) != 1 {
		t.Errorf("an admin lists %d bookings, %v", len(list), err)
	}
	for _, who := range []identity.Caller{c, admin} {
		b, err := s.Get(t.Context(), who, id)
		if err != nil || b.ID != id {
			t.Errorf("%s gets %q, %v", who.Role, b.ID, err)
		}
	}
	if b, err := s.Cancel(t.Context(), admin, id); err != nil || b.Status != booking.Cancelled {
		t.Errorf("an admin cancels: %s, %v", b.Status, err)
	}
	w.check(t)
}
