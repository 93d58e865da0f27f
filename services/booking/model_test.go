package booking_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

// TestMain makes the model's run short; -rapid.checks on the command line still
// decides.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// Whatever customers do, wherever processes die and answers are lost: once
// recovery is through, the promises hold.
func TestThePromisesHoldThroughAnyHistory(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		w.users, w.capacity, w.told = map[string]bool{}, map[string]int{}, map[string]bool{}
		customers := []identity.Caller{w.newCustomer(), w.newCustomer()}
		shows := []string{w.newEvent(price), w.newEvent(money.Amount{Currency: "EUR"})}
		confirmed, cancelled := map[string]bool{}, map[string]bool{}

		settled := func(rt *rapid.T) {
			w.recover(t)
			wrong := w.broken(t)
			for _, b := range w.bookings(t) {
				if confirmed[b.ID] && b.Status != booking.Confirmed && !cancelled[b.ID] {
					wrong = append(wrong, b.ID+" was confirmed and is "+string(b.Status))
				}
				if b.Status == booking.Cancelled && !cancelled[b.ID] {
					wrong = append(wrong, b.ID+" was cancelled by nobody")
				}
			}
			if len(wrong) > 0 {
				rt.Fatalf("broken promises:\n%s", strings.Join(wrong, "\n"))
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"book": func(rt *rapid.T) {
				b, err := w.create(t.Context(), w.service(misfortune(rt)), rapid.SampledFrom(customers).Draw(rt, "customer"), booking.Request{
					EventID:        rapid.SampledFrom(shows).Draw(rt, "event"),
					Tickets:        rapid.IntRange(1, 3).Draw(rt, "tickets"),
					PaymentToken:   rapid.SampledFrom([]string{sandbox.Visa, sandbox.Visa, sandbox.Declined}).Draw(rt, "token"),
					IdempotencyKey: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "key"),
				})
				if err == nil && b.Status == booking.Confirmed {
					confirmed[b.ID] = true
				}
			},
			"cancel": func(rt *rapid.T) {
				b := anyBooking(rt, w.bookings(t))
				// What dies may have cancelled it.
				cancelled[b.ID] = true
				_, _ = w.service(misfortune(rt)).Cancel(t.Context(), admin, b.ID)
			},
			"a worker": func(rt *rapid.T) {
				if err := w.recoverOnce(t, w.service(misfortune(rt))); err != nil {
					rt.Fatal(err)
				}
			},
			"lose the tickets of a pending booking": func(rt *rapid.T) {
				b := anyBooking(rt, w.bookings(t))
				if b.Status != booking.Pending {
					rt.Skip("it is settled")
				}
				if err := w.catalog.Release(t.Context(), b.EventID, b.ID, b.Attempt); err != nil {
					rt.Fatal(err)
				}
			},
			"settle": settled,
		})
		settled(rt)
	})
}

func anyBooking(rt *rapid.T, all []booking.Booking) booking.Booking {
	if len(all) == 0 {
		rt.Skip("there is no booking")
	}
	return all[rapid.IntRange(0, len(all)-1).Draw(rt, "booking")]
}

// misfortune is a process that dies, or one that gets no answer to one kind of
// call, or one that all goes well for.
func misfortune(rt *rapid.T) *faults {
	f := &faults{}
	switch rapid.SampledFrom([]string{"dies", "is not heard", "does not hear", "is lucky"}).Draw(rt, "process") {
	case "dies":
		return dies(rapid.IntRange(1, 9).Draw(rt, "at call"), rapid.Bool().Draw(rt, "with effect"))
	case "is not heard":
		f.before = only(call(rt), unknown)
	case "does not hear":
		f.after = only(call(rt), unknown)
	}
	return f
}

func call(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"Reserve", "Release", "Charge", "Settle", "Refund", "Update"}).Draw(rt, "call")
}
