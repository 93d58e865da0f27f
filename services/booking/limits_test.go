package booking_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

// hall publishes an event with 1,000 tickets at this price.
func (w *world) hall(price money.Amount) (eventID string) {
	eventID, _ = w.catalog.NewEvent(booking.TicketType{Name: "Saal", Price: price, Available: 1000})
	return eventID
}

// crowd makes n requests at once, and returns how many had each error.
func (w *world) crowd(t *testing.T, n int, c identity.Caller, r booking.Request) map[error]int {
	t.Helper()
	s := w.service(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[error]int{}
	for range n {
		wg.Go(func() {
			_, err := w.create(t.Context(), s, c, r)
			for deadline := time.Now().Add(5 * time.Minute); errors.Is(err, booking.ErrTooManyAtOnce) && time.Now().Before(deadline); {
				_, err = w.create(t.Context(), s, c, r) // the machine is busy
			}
			for _, sentinel := range []error{booking.ErrTooManyTickets, booking.ErrPaymentsPaused, booking.ErrPaymentDeclined} {
				if errors.Is(err, sentinel) {
					err = sentinel
				}
			}
			mu.Lock()
			defer mu.Unlock()
			got[err]++
		})
	}
	wg.Wait()
	return got
}

func TestAnAccountGetsFreeTicketsUpToTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, free := w.service(nil), w.newCustomer(), w.hall(money.Amount{Currency: "EUR"})
	three := booking.Request{EventID: free, Tickets: 3}
	const fit = 2 * booking.MaxTickets / 3
	if got := w.crowd(t, 60, c, three); got[nil] != fit || got[booking.ErrTooManyTickets] != 60-fit {
		t.Errorf("of 60 racing bookings of three tickets %v came, want %d without an error", got, fit)
	}
	w.wantBookings(t, fit)
	if got := w.available(t, free); got != 1000-3*fit {
		t.Errorf("%d tickets are left of 1000, want %d", got, 1000-3*fit)
	}

	w.book(t, s, w.newCustomer(), three)
	w.book(t, s, c, booking.Request{EventID: w.hall(money.Amount{Currency: "EUR"}), Tickets: 20})
	w.book(t, s, c, booking.Request{EventID: free, Tickets: 1, IdempotencyKey: "last"})
	if _, err := s.Create(t.Context(), c, booking.Request{EventID: free, Tickets: 1}); !errors.Is(err, booking.ErrTooManyTickets) {
		t.Errorf("one more: error %v, want ErrTooManyTickets", err)
	}
	// A repeat is no booking more.
	w.book(t, s, c, booking.Request{EventID: free, Tickets: 1, IdempotencyKey: "last"})

	// What was given back does not count.
	b := w.book(t, s, w.newCustomer(), three)
	for _, one := range w.bookings(t) {
		if one.UserID == c.UserID && one.EventID == free && one.TicketCount() == 3 {
			b = one
		}
	}
	if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	w.book(t, s, c, three)
}

func TestAnAccountHoldsUnpaidTicketsUpToTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, event := w.newCustomer(), w.hall(price)
	twenty := booking.Request{EventID: event, Tickets: 20, PaymentToken: sandbox.Authentication}
	for range 2 { // again when they have expired
		if got := w.crowd(t, 30, c, twenty); got[nil] != 2 || got[booking.ErrTooManyTickets] != 28 {
			t.Errorf("of 30 racing bookings of 20 tickets %v came, want 2 without an error", got)
		}
		if got := w.available(t, event); got != 960 {
			t.Errorf("%d tickets are left of 1000, want 960", got)
		}
		w.recover(t)
	}
	w.check(t)
}

func TestPaidTicketsHaveNoLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, event := w.service(nil), w.newCustomer(), w.hall(price)
	for range 4 {
		w.book(t, s, c, booking.Request{EventID: event, Tickets: 20})
	}
}

// declines lets so many payments of c be declined.
func (w *world) declines(t *testing.T, n int, c identity.Caller, event string) {
	t.Helper()
	for i := range n {
		if _, err := w.service(nil).Create(t.Context(), c, booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Declined}); !errors.Is(err, booking.ErrPaymentDeclined) {
			t.Fatalf("payment %d: error %v, want ErrPaymentDeclined", i+1, err)
		}
	}
}

// wantPause fails unless c has to wait as long before the next payment.
func (w *world) wantPause(t *testing.T, c identity.Caller, event string, want time.Duration) {
	t.Helper()
	before := len(w.bookings(t))
	_, err := w.service(nil).Create(t.Context(), c, booking.Request{EventID: event, Tickets: 1})
	var paused *booking.PausedError
	if !errors.As(err, &paused) {
		t.Fatalf("error %v, want a pause of %v", err, want)
	}
	if paused.Wait != want {
		t.Errorf("the pause is %v, want %v", paused.Wait, want)
	}
	w.wantBookings(t, before)
}

func TestDeclinedPaymentsArePausedLongerAndLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, event := w.service(nil), w.newCustomer(), w.hall(price)
	w.declines(t, 3, c, event)
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		pause := time.Duration(seconds) * time.Second
		w.wantPause(t, c, event, pause)
		w.advance(pause - time.Microsecond)
		w.wantPause(t, c, event, time.Microsecond)
		w.advance(time.Microsecond)
		w.declines(t, 1, c, event)
	}
	if got := w.available(t, event); got != 1000 {
		t.Errorf("%d tickets are left of 1000", got)
	}
	// What costs nothing, and whoever else pays, need not wait.
	w.book(t, s, c, booking.Request{EventID: w.hall(money.Amount{Currency: "EUR"}), Tickets: 1})
	w.book(t, s, w.newCustomer(), booking.Request{EventID: event, Tickets: 1})
	w.check(t)
}

// The bookings of one user are stored one after the other, a number of them wait,
// and nobody else does.
func TestAUserWithManyRequestsDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	free, c := w.hall(money.Amount{Currency: "EUR"}), w.newCustomer()
	entered, finish := make(chan struct{}, 1000), make(chan struct{})
	s := w.service(&faults{before: func(call string) error {
		if call == "Create" {
			entered <- struct{}{}
			<-finish
		}
		return nil
	}})
	const flood = 200
	errs := make(chan error, flood)
	for range flood {
		go func() {
			_, err := w.create(t.Context(), s, c, booking.Request{EventID: free, Tickets: 1})
			errs <- err
		}()
	}
	<-entered
	for range flood - 64 {
		var paused *booking.PausedError
		if err := <-errs; !errors.As(err, &paused) || !errors.Is(err, booking.ErrTooManyAtOnce) || paused.Wait != time.Second {
			t.Fatalf("one of %d requests at once: %v, want ErrTooManyAtOnce and a second to wait", flood, err)
		}
	}
	if n := len(entered); n != 0 {
		t.Errorf("%d more bookings of the user are being stored beside the first", n)
	}

	// Another user's booking does not wait for the first.
	done := make(chan error, 1)
	go func() {
		_, err := w.create(t.Context(), s, w.newCustomer(), booking.Request{EventID: free, Tickets: 1})
		done <- err
	}()
	<-entered
	close(finish)
	if err := <-done; err != nil {
		t.Errorf("another user's booking: %v", err)
	}
	refused := 0
	for range 64 {
		if err := <-errs; errors.Is(err, booking.ErrTooManyTickets) {
			refused++
		} else if err != nil {
			t.Errorf("a booking that had its turn: %v", err)
		}
	}
	if want := 64 - 2*booking.MaxTickets; refused != want {
		t.Errorf("%d of the 64 were refused, want %d beyond the limit", refused, want)
	}
}

func TestAClockThatWasSetBackMakesNoPauseLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, event := w.newCustomer(), w.hall(price)
	w.declines(t, 3, c, event)
	w.advance(-10 * time.Minute)
	w.wantPause(t, c, event, time.Second)
}

func TestAPaidBookingEndsThePauses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, event := w.service(nil), w.newCustomer(), w.hall(price)
	w.declines(t, 3, c, event)
	w.advance(time.Second)
	w.book(t, s, c, booking.Request{EventID: event, Tickets: 1})
	w.declines(t, 3, c, event)
	w.wantPause(t, c, event, time.Second)
}

func TestDeclinedPaymentsAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, event := w.newCustomer(), w.hall(price)
	w.declines(t, 3, c, event)
	w.advance(booking.DeclinesKept + time.Microsecond)
	w.declines(t, 3, c, event)
	w.wantPause(t, c, event, time.Second)
}

func TestAClockThatIsSetBackPausesNobodyForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, event := w.newCustomer(), w.hall(price)
	w.declines(t, 3, c, event)
	w.advance(-time.Hour)
	w.book(t, w.service(nil), c, booking.Request{EventID: event, Tickets: 1})
}

func TestTheKeyOfADeclinedPaymentAnswersTheSameInAPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, event := w.newCustomer(), w.hall(price)
	for i := range 6 {
		r := booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Declined, IdempotencyKey: fmt.Sprint(i % 3)}
		_, err := w.service(nil).Create(t.Context(), c, r)
		wantErr(t, err, booking.ErrPaymentDeclined)
	}
	w.wantPause(t, c, event, time.Second)
}

// Racing requests do not evade the pause after declined payments.
func TestOfRacingPaymentsAfterAPauseOneIsTried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, event := w.newCustomer(), w.hall(price)
	w.declines(t, 3, c, event)
	for pause := time.Second; pause <= 4*time.Second; pause *= 2 {
		w.advance(pause)
		got := w.crowd(t, 32, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Declined})
		if got[booking.ErrPaymentDeclined] != 1 || got[booking.ErrPaymentsPaused] != 31 {
			t.Errorf("after %v: of 32 racing payments %v came, want one declined and the others paused", pause, got)
		}
	}
}

// Cards that are declined in checkouts are paused as those of other bookings, whether the
// next card is for the same checkout, for another one, or for a booking of one call.
func TestDeclinedCardsOfCheckoutsArePaused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, event := w.service(nil), w.newCustomer(), w.hall(price)
	var held [3]booking.Booking
	for i := range held {
		var err error
		if held[i], err = s.Create(t.Context(), c, booking.Request{EventID: event, Tickets: 1, Checkout: true}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	pay := func(b booking.Booking, token string) error {
		n++
		_, err := s.Pay(t.Context(), c, b.ID, token, fmt.Sprint("card-", n))
		return err
	}
	wantPause := func(b booking.Booking, want time.Duration) {
		t.Helper()
		err := pay(b, sandbox.Visa)
		var paused *booking.PausedError
		if !errors.As(err, &paused) || !errors.Is(err, booking.ErrPaymentsPaused) {
			t.Fatalf("error %v, want a pause of %v", err, want)
		}
		if paused.Wait != want {
			t.Errorf("the pause is %v, want %v", paused.Wait, want)
		}
	}
	for _, b := range held { // two are free, and the third is before the first pause
		wantErr(t, pay(b, sandbox.Declined), booking.ErrPaymentDeclined)
	}
	// Two other checkouts are open: they may be tried meanwhile.
	for _, seconds := range []int{4, 8, 16} {
		pause := time.Duration(seconds) * time.Second
		for _, b := range held {
			wantPause(b, pause)
		}
		w.advance(pause - time.Microsecond)
		wantPause(held[0], time.Microsecond)
		w.advance(time.Microsecond)
		wantErr(t, pay(held[0], sandbox.Declined), booking.ErrPaymentDeclined)
	}
	if got := len(w.get(t, held[0].ID).Checkout.Attempts); got != 4 {
		t.Errorf("%d attempts are stored, want 4: what is paused is none", got)
	}
	if err := pay(held[1], sandbox.Visa); !errors.Is(err, booking.ErrPaymentsPaused) {
		t.Errorf("error %v, want a pause", err)
	}
	w.advance(32 * time.Second)
	wantErr(t, pay(held[1], sandbox.Visa), nil)
	wantErr(t, pay(held[2], sandbox.Visa), nil) // a paid booking ends the pauses
	w.recover(t)
	w.check(t)
}

// A pause is not used up by its key: the same request is tried when it is over.
func TestAPausedPaymentLeavesItsKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, event := w.service(nil), w.newCustomer(), w.hall(price)
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"1", "2", "3"} {
		_, err := s.Pay(t.Context(), c, b.ID, sandbox.Declined, key)
		wantErr(t, err, booking.ErrPaymentDeclined)
	}
	_, err = s.Pay(t.Context(), c, b.ID, sandbox.Visa, "4")
	wantErr(t, err, booking.ErrPaymentsPaused)
	_, err = s.Pay(t.Context(), c, b.ID, sandbox.Declined, "3")
	wantErr(t, err, booking.ErrPaymentDeclined) // a repeat is answered in a pause, too
	w.advance(time.Second)
	_, err = s.Pay(t.Context(), c, b.ID, sandbox.Visa, "4")
	wantErr(t, err, nil)
}

// An account that books and cancels all the time has to wait, whatever became of its
// bookings; others have not.
func TestAnAccountBooksSoOftenAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, c, event := w.service(nil), w.newCustomer(), w.hall(price)
	s.BookingsPerAccount = 6
	one := booking.Request{EventID: event, Tickets: 1, IdempotencyKey: "first"}
	w.book(t, s, c, one)
	for range 3 {
		b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 1})
		if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.declines(t, 2, c, event)
	for _, checkout := range []bool{false, true} {
		_, err := s.Create(t.Context(), c, booking.Request{EventID: event, Tickets: 1, Checkout: checkout})
		var paused *booking.PausedError
		if !errors.As(err, &paused) || !errors.Is(err, booking.ErrTooManyBookings) {
			t.Fatalf("error %v, want ErrTooManyBookings", err)
		}
		if paused.Wait <= 0 || paused.Wait > booking.MadeKept {
			t.Errorf("it has to wait %v", paused.Wait)
		}
	}
	w.wantBookings(t, 6)
	w.book(t, s, c, one) // a repeat
	w.book(t, s, w.newCustomer(), booking.Request{EventID: event, Tickets: 1})
}
