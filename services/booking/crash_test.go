package booking_test

import (
	"fmt"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

// crashes runs work in a process that dies at its first call, at its second
// and so on, with and without that call's effect, until it lives to the end.
// The next process recovers, and then the promises must hold.
func crashes(t *testing.T, prepare func(t *testing.T, w *world), work func(w *world, dying *booking.Service) error, after func(t *testing.T, w *world, err error)) {
	const most = 30
	for n := 1; ; n++ {
		last := false
		for _, effect := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d effect %v", n, effect), func(t *testing.T) {
				w := newWorld(t)
				prepare(t, w)
				f := dies(n, effect)
				err := work(w, w.service(f))
				last = f.before("") == nil // it was still alive
				w.recover(t)
				w.check(t)
				after(t, w, err)
			})
		}
		if last {
			return
		}
		if n == most {
			t.Fatalf("it makes more than %d calls", most)
		}
	}
}

func TestABookingSurvivesACrashAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct {
		price money.Amount
		token string
	}{
		"paid":     {price, sandbox.Visa},
		"free":     {money.Amount{Currency: "EUR"}, ""},
		"declined": {price, sandbox.Declined},
	} {
		t.Run(name, func(t *testing.T) {
			var request booking.Request
			var c identity.Caller
			var first booking.Booking
			crashes(t, func(t *testing.T, w *world) {
				c = w.newCustomer()
				request = booking.Request{EventID: w.newEvent(r.price), Tickets: 2, PaymentToken: r.token, IdempotencyKey: "k"}
			}, func(w *world, dying *booking.Service) (err error) {
				first, err = w.create(t.Context(), dying, c, request)
				return err
			}, func(t *testing.T, w *world, err error) {
				// The customer tries again, with the same key.
				again, againErr := w.create(t.Context(), w.service(nil), c, request)
				if err == nil && again.ID != first.ID {
					t.Errorf("booking %s was acknowledged, the key answers %s", first.ID, again.ID)
				}
				if confirmed := again.Status == booking.Confirmed; confirmed != (againErr == nil) {
					t.Errorf("the key answers %s, %v", again.Status, againErr)
				}
				n := 0
				for _, b := range w.bookings(t) {
					if b.Status == booking.Confirmed {
						n++
					}
				}
				if want := map[bool]int{true: 1}[againErr == nil]; n != want {
					t.Errorf("one key has %d confirmed bookings, want %d", n, want)
				}
				if first.Status == booking.Confirmed && err == nil && w.get(t, first.ID).Status != booking.Confirmed {
					t.Errorf("booking %s was confirmed and is no more", first.ID)
				}
				w.check(t)
			})
		})
	}
}

func TestACancellationSurvivesACrashAtEveryStep(t *testing.T) {
	t.Parallel()
	var c identity.Caller
	var b booking.Booking
	crashes(t, func(t *testing.T, w *world) {
		c = w.newCustomer()
		b = w.book(t, w.service(nil), c, booking.Request{EventID: w.newEvent(price), Tickets: 2})
	}, func(w *world, dying *booking.Service) error {
		_, err := dying.Cancel(t.Context(), c, b.ID)
		return err
	}, func(t *testing.T, w *world, err error) {
		now := w.get(t, b.ID)
		if err == nil && now.Status != booking.Cancelled {
			t.Errorf("the cancellation was acknowledged, the booking is %s", now.Status)
		}
		if now, err := w.service(nil).Cancel(t.Context(), c, b.ID); err != nil || now.Status != booking.Cancelled {
			t.Errorf("cancelled again it is %s, %v", now.Status, err)
		}
		w.check(t)
	})
}

// Recovery dies too, wherever it can.
func TestRecoverySurvivesACrashAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, w *world){
		"of a payment": func(t *testing.T, w *world) {
			w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), w.newEvent(price))
		},
		"of no payment": func(t *testing.T, w *world) {
			w.pay(t, &faults{before: only("Charge", unknown)}, w.newCustomer(), w.newEvent(price))
		},
		"of a late payment": func(t *testing.T, w *world) { w.lost(t, w.newEvent(price)) },
		"of a late payment without tickets": func(t *testing.T, w *world) {
			event := w.newEvent(price)
			w.lost(t, event)
			w.catalog.CloseSales(event)
		},
		"of a cancellation": func(t *testing.T, w *world) {
			c := w.newCustomer()
			b := w.book(t, w.service(nil), c, booking.Request{EventID: w.newEvent(price), Tickets: 2})
			if _, err := w.service(&faults{before: only("Refund", unknown)}).Cancel(t.Context(), c, b.ID); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			crashes(t, prepare, func(w *world, dying *booking.Service) error {
				return w.recoverOnce(t, dying)
			}, func(*testing.T, *world, error) {})
		})
	}
}
