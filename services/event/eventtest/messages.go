package eventtest

import (
	"context"
	"testing"

	"github.com/openboxoffice/boxoffice/services/event"
)

func sellHold(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k, other := key(e), key(e)
	a.hold(t, k, e, 4)
	a.hold(t, other, e, 1)
	message := id()
	for range 2 {
		must(t, a.Sell(t.Context(), message, k))
		a.state(t, k, event.Sold)
		a.state(t, other, event.Held)
		a.left(t, e, 4)
	}
}

func sellReleased(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 4)
	must(t, a.Release(t.Context(), k))
	must(t, a.Sell(t.Context(), id(), k))
	a.state(t, k, event.Released)
	a.left(t, e, 9)

	never := key(e)
	must(t, a.Sell(t.Context(), id(), never))
	a.state(t, never, "")
	a.left(t, e, 9)
}

func messageKnown(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k, never := key(e), key(e)
	a.hold(t, k, e, 4)
	gone := event.Key{EventID: id(), BookingID: id(), Attempt: 1}
	// Also where there is nothing to do: the message has arrived.
	for _, about := range []event.Key{k, k, never, gone} {
		for _, do := range []func(context.Context, string, event.Key) error{a.Sell, a.GiveBack} {
			message := id()
			a.known(t, message, false)
			must(t, do(t.Context(), message, about))
			a.known(t, message, true)
		}
	}
}

// redelivery: each message comes again, late and out of order.
func redelivery(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := key(e)
	other := key(e)
	a.hold(t, k, e, 4)
	a.hold(t, other, e, 1)
	sale, back := id(), id()
	for range 2 {
		must(t, a.Sell(t.Context(), sale, k))
		a.state(t, k, event.Sold)
		a.left(t, e, 4)
	}
	for range 2 {
		must(t, a.GiveBack(t.Context(), back, k))
		must(t, a.Sell(t.Context(), sale, k))
		a.state(t, k, event.Released)
		a.state(t, other, event.Held)
		a.left(t, e, 8)
	}
	second := k
	second.Attempt = 2
	a.hold(t, second, e, 4)
	must(t, a.GiveBack(t.Context(), back, k))
	a.state(t, second, event.Held)
	a.left(t, e, 4)
}

func giveBack(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 4)
	for range 2 {
		must(t, a.GiveBack(t.Context(), id(), k)) // two messages, one effect
		a.left(t, e, 9)
	}
	must(t, a.Release(t.Context(), k))
	a.left(t, e, 9)
	a.state(t, k, event.Released)

	// What comes before the reservation closes its attempt.
	early := key(e)
	must(t, a.GiveBack(t.Context(), id(), early))
	_, err := a.Reserve(t.Context(), early, []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrReservationReleased)
}

func messageUnknownEvent(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	gone := event.Key{EventID: id(), BookingID: id(), Attempt: 1}
	must(t, a.Sell(t.Context(), id(), gone))
	must(t, a.GiveBack(t.Context(), id(), gone))
	a.left(t, e, 9)
}

func staleMessage(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	first := key(e)
	second := first
	second.Attempt = 2
	a.hold(t, first, e, 4)
	must(t, a.Release(t.Context(), first))
	a.hold(t, second, e, 4)
	must(t, a.Sell(t.Context(), id(), second))
	must(t, a.GiveBack(t.Context(), id(), first))
	must(t, a.Sell(t.Context(), id(), first))
	a.state(t, first, event.Released)
	a.state(t, second, event.Sold)
	a.left(t, e, 5)
}
