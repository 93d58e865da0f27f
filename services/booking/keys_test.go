package booking_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// A repeat overtaken by its original meets the tickets gone: the original has
// them, and that is the answer.
func TestARepeatIsNotRefusedWhatItsOriginalHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	r := booking.Request{EventID: event, Tickets: capacity, IdempotencyKey: "k"}
	var original booking.Booking
	s := w.service(&faults{before: once("Availability", func() {
		original = w.book(t, w.service(nil), c, r)
	})})
	got, err := w.create(t.Context(), s, c, r)
	if err != nil || got.ID != original.ID || got.Status != booking.Confirmed {
		t.Errorf("the repeat is answered %s %q, %v; its original %s", got.ID, got.Status, err, original.ID)
	}
}

// A refusal that could not be stored is not told: the key would not answer it
// again.
func TestARefusalIsToldOnlyOnceItIsStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	r := booking.Request{EventID: event, Tickets: 1, IdempotencyKey: "k"}
	soldOut := only("Reserve", func() error { return booking.ErrSoldOut })
	broken := only("Update", func() error { return storage.ErrUnavailable })
	s := w.service(&faults{before: func(call string) error { return errors.Join(soldOut(call), broken(call)) }})
	if _, err := w.create(t.Context(), s, c, r); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("error %v, want that of the store", err)
	}
	if _, err := w.create(t.Context(), w.service(nil), c, r); !errors.Is(err, booking.ErrInProgress) {
		t.Errorf("a repeat at once: %v, want ErrInProgress", err)
	}
}

// One booking whose event service hangs holds up no other.
func TestRecoveryGoesOnBesideAHangingBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.newCustomer()
	for range 20 { // Availability and Create, no more
		_, _ = w.create(t.Context(), w.service(dies(2, true)), c, booking.Request{EventID: w.newEvent(price), Tickets: 1})
	}
	w.advance(time.Minute)

	ctx, cancel := context.WithCancel(t.Context())
	hang := make(chan struct{})
	s := w.service(&faults{before: once("Settle", func() { <-hang })})
	done := make(chan error, 1)
	go func() { done <- s.Recover(ctx) }()
	deadline, tick := time.After(time.Minute), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for failed := 0; failed < 19; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d of 19 bookings are settled beside the one that hangs", failed)
		}
		failed = 0
		for _, b := range w.bookings(t) {
			if b.Status == booking.Failed {
				failed++
			}
		}
	}
	close(hang)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
