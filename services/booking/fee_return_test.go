package booking_test

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// withFee is a booking of four tickets for an event that keeps a tenth of
// whatever is cancelled.
func withFee(t *testing.T) (w *world, s *booking.Service, c identity.Caller, b booking.Booking) {
	t.Helper()
	w = newWorld(t)
	event := w.newEvent(price)
	w.catalog.Charge(event, events.CancellationPolicy{FreeHours: 24 * 365, FeeBasisPoints: 1000})
	s, c = w.service(nil), w.newCustomer()
	return w, s, c, w.book(t, s, c, booking.Request{EventID: event, Tickets: 4})
}

func (w *world) wantRefunded(t *testing.T, id string, want int64) {
	t.Helper()
	if _, refunded, _ := w.books(t, id); refunded != want {
		t.Errorf("refunded %d, want %d", refunded, want)
	}
}

func TestAFeeKeptAfterTheOrganizerCancelledGoesBackOnce(t *testing.T) {
	t.Parallel()
	w, s, c, b := withFee(t)
	w.callOff(b.EventID)
	w.advance(time.Minute)
	b, err := s.Cancel(t.Context(), c, b.ID)
	if err != nil || b.Status != booking.Cancelled {
		t.Fatalf("%s, %v", b.Status, err)
	}
	w.wantRefunded(t, b.ID, 4*2550-1020) // nobody knows better yet
	for range 2 {                        // the message comes twice
		if err := w.hearCancelled(t.Context(), s, b.EventID); err != nil {
			t.Fatal(err)
		}
	}
	w.recover(t)
	w.wantRefunded(t, b.ID, 4*2550)
	b = w.get(t, b.ID)
	if b.Payment.Status != booking.PaymentRefunded || b.Reason != problem.EventCancelled || !b.Cancellations[0].Fee.IsZero() {
		t.Errorf("payment %s, reason %q, fee %s", b.Payment.Status, b.Reason, b.Cancellations[0].Fee)
	}
	told := w.messages(t)[b.ID][events.TypeBookingCancelled]
	if len(told) != 2 {
		t.Fatalf("%d messages about the cancellation, want that of the customer's and that of the fee", len(told))
	}
	if m := told[1]; m.Reason != string(problem.EventCancelled) || m.Refunded.AmountMinor != 1020 ||
		m.Cancellation.Refund.AmountMinor != 1020 || m.Cancellation.RefundedBefore.AmountMinor != 4*2550-1020 || m.Cancellation.Price.AmountMinor != 4*2550 {
		t.Errorf("told is %+v, %+v", m, m.Cancellation)
	}
	w.check(t)
}

func TestFeesOfAPartGoBackWithTheRest(t *testing.T) {
	t.Parallel()
	w, s, c, b := withFee(t)
	if _, _, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "before"); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	w.callOff(b.EventID)
	w.advance(time.Minute)
	if _, _, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "after"); err != nil {
		t.Fatal(err)
	}
	if err := w.hearCancelled(t.Context(), s, b.EventID); err != nil {
		t.Fatal(err)
	}
	w.recover(t)
	w.wantRefunded(t, b.ID, 4*2550-255) // the first fee was kept while the event took place
	told := w.messages(t)[b.ID][events.TypeBookingCancelled]
	if len(told) != 1 {
		t.Fatalf("%d messages about the cancellation, want one", len(told))
	}
	if c := told[0].Cancellation; c.Refund.AmountMinor != 2*2550+255 || c.RefundedBefore.AmountMinor != 2550-255 {
		t.Errorf("told is %+v", c)
	}
	w.check(t)
}

func TestAFeeKeptBeforeTheOrganizerCancelledStays(t *testing.T) {
	t.Parallel()
	w, s, c, b := withFee(t)
	if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	if err := w.cancelEvent(t.Context(), s, b.EventID); err != nil {
		t.Fatal(err)
	}
	w.recover(t)
	if err := w.recoverOnce(t, s); err != nil {
		t.Fatal(err)
	}
	w.wantRefunded(t, b.ID, 4*2550-1020)
	w.check(t)
}

// A process that dies while it gives a fee back leaves it to the next one.
func TestAFeeGoesBackThroughAnyCrash(t *testing.T) {
	t.Parallel()
	for call := 1; call <= 6; call++ {
		for _, withEffect := range []bool{false, true} {
			w, s, c, b := withFee(t)
			w.callOff(b.EventID)
			if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
				t.Fatal(err)
			}
			if err := w.hearCancelled(t.Context(), s, b.EventID); err != nil {
				t.Fatal(err)
			}
			_ = w.recoverOnce(t, w.service(dies(call, withEffect)))
			w.recover(t)
			w.wantRefunded(t, b.ID, 4*2550)
			w.check(t)
		}
	}
}

func TestTheProgressOfACancelledEventCountsItsFees(t *testing.T) {
	t.Parallel()
	w, s, c, b := withFee(t)
	w.callOff(b.EventID)
	if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.hearCancelled(t.Context(), s, b.EventID); err != nil {
		t.Fatal(err)
	}
	for _, done := range []bool{false, true} {
		p, err := w.store.Progress(t.Context(), b.EventID)
		if err != nil || p.Done() != done {
			t.Errorf("done is %t (%+v, %v), want %t", p.Done(), p, err, done)
		}
		w.recover(t)
	}
}
