package booking_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("error %v, want %v", got, want)
	}
}

// steps are the names of a booking's timeline.
func steps(b booking.Booking) string {
	var names []string
	for _, s := range b.Timeline {
		names = append(names, s.Step)
	}
	return strings.Join(names, " ")
}

func wantSteps(t *testing.T, b booking.Booking, want string) {
	t.Helper()
	if got := steps(b); got != want {
		t.Errorf("timeline %q, want %q", got, want)
	}
}

// wantBookings fails unless so many were made.
func (w *world) wantBookings(t *testing.T, want int) {
	t.Helper()
	if got := w.bookings(t); len(got) != want {
		t.Errorf("%d bookings, want %d", len(got), want)
	}
}

func TestABookingIsConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: strings.ToUpper(event), Tickets: 3, UserID: c.UserID})
	if diff := cmp.Diff(b, w.get(t, b.ID)); diff != "" {
		t.Errorf("answered and stored differ:\n%s", diff)
	}
	wantSteps(t, b, "created reserved paid confirmed")
	if b.Total.AmountMinor != 3*price.AmountMinor || b.TicketCount() != 3 || b.Event.ID != event || b.Items[0].UnitPrice != price {
		t.Errorf("booked %+v", b)
	}
	if b.Payment.Status != booking.PaymentCaptured || b.Payment.Reference == "" || b.Payment.Provider != "sandbox" {
		t.Errorf("payment %+v", b.Payment)
	}
	w.check(t)

	m := w.messages(t)[b.ID][events.TypeBookingConfirmed][0]
	if m.UserEmail != c.Email || m.UserName != c.Name || m.Event != b.Event || !cmp.Equal(m.Items, b.Items) {
		t.Errorf("the confirmation says %+v", m)
	}
}

func TestAFreeBookingChargesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.newEvent(money.Amount{Currency: "EUR"})
	b := w.book(t, w.service(nil), w.newCustomer(), booking.Request{EventID: event, Tickets: 2, PaymentToken: sandbox.Declined})
	if want := (booking.Payment{Provider: "none", Status: booking.PaymentNotRequired}); b.Payment != want {
		t.Errorf("payment %+v, want %+v", b.Payment, want)
	}
	wantSteps(t, b, "created reserved confirmed")
	w.check(t)
}

func TestWhatCannotBeHadIsRefusedBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open, closed := w.newEvent(price), w.newEvent(price)
	w.catalog.CloseSales(closed)
	early := w.newEvent(price)
	w.catalog.PutOffSales(early)
	limited := w.newEvent(price)
	w.catalog.LimitBookings(limited, 1)
	some := func(event string, kind string) booking.Request {
		return booking.Request{EventID: event, Items: []booking.Wanted{{TicketTypeID: kind, Quantity: 1}}, IdempotencyKey: "k"}
	}
	c := w.newCustomer()
	down := w.service(&faults{before: only("Availability", unknown)})
	for _, r := range []struct {
		name string
		s    *booking.Service
		r    booking.Request
		want error
	}{
		{"too few", w.service(nil), booking.Request{EventID: open, Tickets: capacity + 1, IdempotencyKey: "k"}, booking.ErrSoldOut},
		{"closed", w.service(nil), booking.Request{EventID: closed, Tickets: 1, IdempotencyKey: "k"}, booking.ErrSalesClosed},
		{"too early", w.service(nil), booking.Request{EventID: early, Tickets: capacity + 1, IdempotencyKey: "k"}, booking.ErrNotOnSaleYet},
		{"too many for a booking", w.service(nil), booking.Request{EventID: limited, Tickets: 2, IdempotencyKey: "k"}, booking.ErrTooManyForBooking},
		{"no event", w.service(nil), booking.Request{EventID: uuid.NewString(), Tickets: 1, IdempotencyKey: "k"}, booking.ErrEventNotFound},
		{"no type", w.service(nil), some(open, uuid.NewString()), booking.ErrTicketTypeNotFound},
		{"no answer", down, booking.Request{EventID: open, Tickets: 1, IdempotencyKey: "k"}, booking.ErrUnavailable},
		{"for another", w.service(nil), booking.Request{EventID: open, Tickets: 1, UserID: uuid.NewString(), IdempotencyKey: "k"}, booking.ErrForbidden},
	} {
		t.Run(r.name, func(t *testing.T) {
			_, err := w.create(t.Context(), r.s, c, r.r)
			wantErr(t, err, r.want)
			w.wantBookings(t, 0)
		})
	}
	// The key of a request that was refused so is as good as new.
	w.book(t, w.service(nil), c, booking.Request{EventID: open, Tickets: 1, IdempotencyKey: "k"})
	w.check(t)
}

func TestWhatIsGoneAfterItWasStoredFails(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		name   string
		befall func(w *world, t *testing.T, event string)
		want   error
		reason problem.Code
	}{
		{"sold out", func(w *world, t *testing.T, event string) {
			w.book(t, w.service(nil), w.newCustomer(), booking.Request{EventID: event, Tickets: capacity})
		}, booking.ErrSoldOut, problem.SoldOut},
		{"closed", func(w *world, _ *testing.T, event string) { w.catalog.CloseSales(event) }, booking.ErrSalesClosed, problem.SalesClosed},
		{"put off", func(w *world, _ *testing.T, event string) { w.catalog.PutOffSales(event) }, booking.ErrNotOnSaleYet, problem.NotOnSaleYet},
		{"limited", func(w *world, _ *testing.T, event string) { w.catalog.LimitBookings(event, 1) }, booking.ErrTooManyForBooking, problem.TooManyTickets},
	} {
		t.Run(r.name, func(t *testing.T) {
			w := newWorld(t)
			event, c := w.newEvent(price), w.newCustomer()
			s := w.service(&faults{before: once("Reserve", func() { r.befall(w, t, event) })})
			request := booking.Request{EventID: event, Tickets: 2, IdempotencyKey: "k"}
			b, err := w.create(t.Context(), s, c, request)
			wantErr(t, err, r.want)
			if b.Status != booking.Failed || b.Reason != r.reason || b.Payment.Status != booking.PaymentNever {
				t.Errorf("the booking is %+v", b)
			}
			again, err := w.create(t.Context(), s, c, request)
			wantErr(t, err, r.want)
			if again.ID != b.ID {
				t.Errorf("the key answers with booking %q, want %q", again.ID, b.ID)
			}
			w.check(t)
		})
	}
}

func TestADeclinedPaymentGivesTheTicketsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	request := booking.Request{EventID: event, Tickets: capacity, PaymentToken: sandbox.Declined, IdempotencyKey: "k"}
	b, err := w.create(t.Context(), s, c, request)
	wantErr(t, err, booking.ErrPaymentDeclined)
	if b.Status != booking.Failed || b.Reason != problem.PaymentDeclined || b.Payment.Status != booking.PaymentDeclined {
		t.Errorf("the booking is %+v", b)
	}
	wantSteps(t, b, "created reserved payment_declined released failed")
	again, err := w.create(t.Context(), s, c, request)
	wantErr(t, err, booking.ErrPaymentDeclined)
	if again.ID != b.ID {
		t.Errorf("the key answers with booking %q, want %q", again.ID, b.ID)
	}
	w.book(t, s, c, booking.Request{EventID: event, Tickets: capacity})
	w.check(t)
}

func TestADeclinedPaymentIsFinalWhileTheTicketsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	s := w.service(&faults{before: only("Release", unknown)})
	request := booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Declined, IdempotencyKey: "k"}
	for range 2 {
		b, err := w.create(t.Context(), s, c, request)
		wantErr(t, err, booking.ErrPaymentDeclined)
		if b.Status != booking.Pending {
			t.Errorf("the booking is %s, its tickets are not back", b.Status)
		}
	}
	w.recover(t)
	b, err := w.create(t.Context(), s, c, request)
	wantErr(t, err, booking.ErrPaymentDeclined)
	if b.Status != booking.Failed || len(w.messages(t)[b.ID][events.TypeBookingFailed]) != 1 {
		t.Errorf("the booking is %+v", b)
	}
	w.check(t)
}

func TestOneKeyIsOneBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, kinds := w.catalog.NewEvent(
		booking.TicketType{Name: "A", Price: price, Available: capacity}, booking.TicketType{Name: "B", Price: price, Available: capacity})
	c, s := w.newCustomer(), w.service(nil)
	a, b := booking.Wanted{TicketTypeID: kinds[0], Quantity: 1}, booking.Wanted{TicketTypeID: strings.ToUpper(kinds[1]), Quantity: 2}
	request := func(key string, items ...booking.Wanted) booking.Request {
		return booking.Request{EventID: event, Items: items, IdempotencyKey: key}
	}
	first := w.book(t, s, c, request("k", a, b))
	if again := w.book(t, s, c, request("k", b, a)); again.ID != first.ID {
		t.Error("the same tickets in another order are another booking")
	}
	for _, other := range []booking.Request{
		request("k", a), {EventID: event, Tickets: 1, IdempotencyKey: "k"},
		{EventID: event, Items: []booking.Wanted{a, b}, IdempotencyKey: "k", PaymentToken: sandbox.Slow},
		{EventID: w.newEvent(price), Items: []booking.Wanted{a, b}, IdempotencyKey: "k"},
	} {
		_, err := w.create(t.Context(), s, c, other)
		wantErr(t, err, booking.ErrKeyReused)
	}
	if another := w.book(t, s, w.newCustomer(), request("k", a, b)); another.ID == first.ID {
		t.Error("another customer's key is the same booking")
	}
	if _, err := s.Cancel(t.Context(), c, first.ID); err != nil {
		t.Fatal(err)
	}
	if b, err := w.create(t.Context(), s, c, request("k", a, b)); err != nil || b.ID != first.ID || b.Status != booking.Cancelled {
		t.Errorf("after it was cancelled the key answers %s %s, %v", b.ID, b.Status, err)
	}
	w.advance(booking.KeyLifetime + time.Second)
	if later := w.book(t, s, c, request("k", a)); later.ID == first.ID {
		t.Error("the key is remembered for too long")
	}
	w.check(t)
}

func TestRacingRequestsWithOneKeyBookOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	var answered sync.Map
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			switch b, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, IdempotencyKey: "k"}); {
			case err == nil:
				answered.Store(b.ID, true)
			case !errors.Is(err, booking.ErrInProgress):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.wantBookings(t, 1)
	w.recover(t)
	answered.Range(func(id, _ any) bool {
		if id != w.bookings(t)[0].ID {
			t.Errorf("somebody was answered with booking %s", id)
		}
		return true
	})
	w.check(t)
}

func TestTheLastTicketsAreSoldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, s := w.newEvent(price), w.service(nil)
	var wg sync.WaitGroup
	for range 32 {
		c := w.newCustomer()
		wg.Go(func() {
			if _, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 2}); err != nil && !errors.Is(err, booking.ErrSoldOut) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if left := w.available(t, event); left != capacity%2 {
		t.Errorf("%d tickets are left", left)
	}
	w.recover(t)
	w.check(t)
}

// A customer who hangs up has booked, and has cancelled.
func TestWhatHasBegunGoesOnWithoutTheCustomer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	ctx, hangUp := context.WithCancel(t.Context())
	b, err := w.create(ctx, w.service(&faults{before: once("Reserve", hangUp)}), c, booking.Request{EventID: event, Tickets: 1})
	if err != nil || b.Status != booking.Confirmed {
		t.Fatalf("booking %+v, %v", b, err)
	}
	ctx, hangUp = context.WithCancel(t.Context())
	b, err = w.service(&faults{before: once("Refund", hangUp)}).Cancel(ctx, c, b.ID)
	if err != nil || b.Status != booking.Cancelled {
		t.Fatalf("booking %+v, %v", b, err)
	}
	w.check(t)
}

// A request that loses the race for its key to one that then fails is told to
// try again.
func TestAKeyThatIsFreedInARaceIsInProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.newCustomer()
	request := booking.Request{EventID: w.newEvent(price), Tickets: 1, IdempotencyKey: "k"}
	_, err := w.create(t.Context(), w.service(&faults{
		before: once("Create", func() {
			_, err := w.create(t.Context(), w.service(&faults{before: only("Reserve", unknown)}), c, request)
			wantErr(t, err, booking.ErrUnavailable)
		}),
		after: once("Create", func() { w.recover(t) }),
	}), c, request)
	wantErr(t, err, booking.ErrInProgress)
	w.book(t, w.service(nil), c, request)
	w.check(t)
}
