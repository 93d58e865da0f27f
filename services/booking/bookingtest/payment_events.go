package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// PaymentEventsUnderTest is an adapter of booking.PaymentEvents that has kept
// nothing yet.
type PaymentEventsUnderTest struct {
	booking.PaymentEvents
	// Prune forgets what was handled booking.PaymentEventsKept before now.
	Prune func(now time.Time) error
}

// TestPaymentEvents is the contract of booking.PaymentEvents.
func TestPaymentEvents(t *testing.T, open func(t *testing.T) PaymentEventsUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u PaymentEventsUnderTest)
	}{
		{"an event is kept as it was told", eventKept},
		{"a repeat changes nothing", eventRepeated},
		{"32 racing deliveries are kept once", paymentEventRace},
		{"the unhandled are in the order they were kept", eventsInOrder},
		{"what is handled needs no more doing", eventHandled},
		{"what is kept as handled needs no doing", eventKeptHandled},
		{"what was handled long ago is forgotten and what was not is not", eventsPruned},
		{"a cancelled context keeps nothing", eventCancelled},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func newPaymentEvent() booking.PaymentEvent {
	return booking.PaymentEvent{ID: "evt_" + newID(), Type: "payment.ÄÖÜ", BookingID: newID(), KeptAt: start}
}

func (u PaymentEventsUnderTest) keep(t *testing.T, e booking.PaymentEvent, wantFresh bool) {
	t.Helper()
	fresh, err := u.Keep(t.Context(), e)
	must(t, err)
	if fresh != wantFresh {
		t.Errorf("fresh: %t, want %t", fresh, wantFresh)
	}
}

func (u PaymentEventsUnderTest) wantUnhandled(t *testing.T, limit int, want ...booking.PaymentEvent) {
	t.Helper()
	got, err := u.Unhandled(t.Context(), limit)
	must(t, err)
	if diff := cmp.Diff(append([]booking.PaymentEvent{}, want...), append([]booking.PaymentEvent{}, got...)); diff != "" {
		t.Errorf("unhandled (-want +got):\n%s", diff)
	}
}

func eventKept(t *testing.T, u PaymentEventsUnderTest) {
	u.wantUnhandled(t, 10)
	e, none := newPaymentEvent(), newPaymentEvent()
	none.BookingID = ""
	u.keep(t, e, true)
	u.keep(t, none, true)
	u.wantUnhandled(t, 10, e, none)
}

func eventRepeated(t *testing.T, u PaymentEventsUnderTest) {
	e := newPaymentEvent()
	u.keep(t, e, true)
	again := newPaymentEvent()
	again.ID = e.ID
	for range 2 {
		u.keep(t, again, false)
		u.keep(t, e, false)
	}
	u.wantUnhandled(t, 10, e)
}

func paymentEventRace(t *testing.T, u PaymentEventsUnderTest) {
	e := newPaymentEvent()
	var fresh [workers]bool
	race(workers, func(i int) {
		var err error
		if fresh[i], err = u.Keep(t.Context(), e); err != nil {
			t.Error(err)
		}
	})
	n := 0
	for _, f := range fresh {
		if f {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of %d are told that they are the first", n, workers)
	}
	u.wantUnhandled(t, 10, e)
}

func eventsInOrder(t *testing.T, u PaymentEventsUnderTest) {
	var all []booking.PaymentEvent
	for i := range 5 {
		e := newPaymentEvent()
		e.KeptAt = start.Add(-time.Duration(i) * time.Second) // by clocks that differ
		u.keep(t, e, true)
		all = append(all, e)
	}
	u.wantUnhandled(t, 10, all...)
	u.wantUnhandled(t, 2, all[:2]...)
	must(t, u.Handled(t.Context(), all[0].ID, start))
	u.wantUnhandled(t, 2, all[1:3]...)
}

func eventHandled(t *testing.T, u PaymentEventsUnderTest) {
	e, other := newPaymentEvent(), newPaymentEvent()
	u.keep(t, e, true)
	u.keep(t, other, true)
	for range 2 {
		must(t, u.Handled(t.Context(), e.ID, start.Add(time.Second)))
		u.wantUnhandled(t, 10, other)
	}
	u.keep(t, e, false)
	u.wantUnhandled(t, 10, other)
}

func eventKeptHandled(t *testing.T, u PaymentEventsUnderTest) {
	e := newPaymentEvent()
	e.HandledAt = start
	u.keep(t, e, true)
	u.keep(t, e, false)
	u.wantUnhandled(t, 10)
}

func eventsPruned(t *testing.T, u PaymentEventsUnderTest) {
	old, handled, recent := newPaymentEvent(), newPaymentEvent(), newPaymentEvent()
	recent.HandledAt = start.Add(2 * time.Second)
	for _, e := range []booking.PaymentEvent{old, handled, recent} {
		u.keep(t, e, true)
	}
	must(t, u.Handled(t.Context(), handled.ID, start))
	must(t, u.Handled(t.Context(), handled.ID, start.Add(time.Hour))) // it was before
	must(t, u.Prune(start.Add(booking.PaymentEventsKept+time.Second)))
	u.keep(t, old, false)
	u.keep(t, recent, false)
	u.keep(t, handled, true)
}

func eventCancelled(t *testing.T, u PaymentEventsUnderTest) {
	ctx := cancelled(t)
	e, kept := newPaymentEvent(), newPaymentEvent()
	if fresh, err := u.Keep(ctx, e); err == nil || fresh {
		t.Errorf("kept: %t, %v", fresh, err)
	}
	u.keep(t, kept, true)
	if err := u.Handled(ctx, kept.ID, start); err == nil {
		t.Error("handled although cancelled")
	}
	if _, err := u.Unhandled(ctx, 10); err == nil {
		t.Error("read although cancelled")
	}
	u.wantUnhandled(t, 10, kept)
}
