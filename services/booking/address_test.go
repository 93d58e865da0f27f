package booking_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

// strangers let n new customers book at once, and returns how many had each error.
func (w *world) strangers(t *testing.T, n int, r booking.Request) map[error]int {
	t.Helper()
	s := w.service(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[error]int{}
	for range n {
		wg.Go(func() {
			_, err := w.create(t.Context(), s, w.newCustomer(), r)
			for _, sentinel := range []error{booking.ErrTooManyTickets, booking.ErrTooManyCheckouts} {
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

func TestAnAddressHasFewUnpaidBookings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, other := w.hall(price), w.hall(price)
	one := booking.Request{EventID: event, Tickets: 1, PaymentToken: sandbox.Authentication, Address: "school"}
	for range 2 { // again when they have expired
		if got := w.strangers(t, 40, one); got[nil] != 30 || got[booking.ErrTooManyCheckouts] != 10 {
			t.Errorf("of 40 strangers at one address %v came, want 30 without an error", got)
		}
		two := one
		two.EventID, two.PaymentToken = other, ""
		if got := w.strangers(t, 1, two); got[booking.ErrTooManyCheckouts] != 1 {
			t.Errorf("one more, of another event: %v", got)
		}
		two.Address = "home"
		if got := w.strangers(t, 30, two); got[nil] != 30 {
			t.Errorf("of 30 strangers who pay from another address %v came", got)
		}
		w.recover(t)
	}
	// Whoever pays at once leaves room for the next.
	one.PaymentToken = ""
	for range 40 {
		w.book(t, w.service(nil), w.newCustomer(), one)
	}
	w.check(t)
}

func TestAnAddressHoldsUnpaidTicketsUpToTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.hall(price)
	twenty := booking.Request{EventID: event, Tickets: 20, PaymentToken: sandbox.Authentication, Address: "school"}
	if got := w.strangers(t, 12, twenty); got[nil] != 6 || got[booking.ErrTooManyTickets] != 6 {
		t.Errorf("of 12 strangers with 20 tickets each %v came, want 6 without an error", got)
	}
	twenty.EventID = w.hall(price)
	if got := w.strangers(t, 1, twenty); got[nil] != 1 {
		t.Errorf("of another event: %v", got)
	}
	w.recover(t)
	w.check(t)
}

func TestAnAddressGetsFreeTicketsUpToTheLimitADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	free := w.hall(money.Amount{Currency: "EUR"})
	four := booking.Request{EventID: free, Tickets: 4, Address: "school"}
	if got := w.strangers(t, 35, four); got[nil] != 30 || got[booking.ErrTooManyTickets] != 5 {
		t.Errorf("of 35 strangers with 4 free tickets each %v came, want 30 without an error", got)
	}
	_, err := w.service(nil).Create(t.Context(), w.newCustomer(), four)
	var many *booking.TooManyTicketsError
	if !errors.As(err, &many) || many.Limit != 120 || many.Left != 0 {
		t.Errorf("one more: %v, want a limit of 120 tickets", err)
	}
	w.advance(booking.AddressKept + 1000)
	w.book(t, w.service(nil), w.newCustomer(), four)
}

// From one address a number of bookings wait to be stored, and nobody else does.
func TestAnAddressWithManyRequestsDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.hall(price)
	entered, finish := make(chan struct{}, 1000), make(chan struct{})
	s := w.service(&faults{before: func(call string) error {
		if call == "Create" {
			entered <- struct{}{}
			<-finish
		}
		return nil
	}})
	book := func(address string) error {
		_, err := w.create(t.Context(), s, w.newCustomer(), booking.Request{EventID: event, Tickets: 1, Address: address})
		return err
	}
	const flood = 300
	errs := make(chan error, flood)
	for range flood {
		go func() { errs <- book("school") }()
	}
	for range flood - 256 {
		if err := <-errs; !errors.Is(err, booking.ErrTooManyAtOnce) {
			t.Fatalf("one of %d at once: %v, want ErrTooManyAtOnce", flood, err)
		}
	}
	for range 4 {
		<-entered
	}
	done := make(chan error, 1)
	go func() { done <- book("home") }()
	<-entered // all that are being stored: four of the school, and this one
	if n := len(entered); n != 0 {
		t.Errorf("%d more bookings of the address are being stored beside the four", n)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Errorf("a booking from another address: %v", err)
	}
	for range 256 {
		// On a busy machine some have waited too long.
		if err := <-errs; err != nil && !errors.Is(err, booking.ErrTooManyCheckouts) && !errors.Is(err, booking.ErrTooManyAtOnce) {
			t.Errorf("a booking that had its turn, or waited for it: %v", err)
		}
	}
}
