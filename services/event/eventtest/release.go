package eventtest

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/event"
)

func releaseOnce(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, other := key(e), key(e)
	_, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, 2), of(e, 1, 4)}, now)
	must(t, err)
	a.hold(t, other, e, 3)
	for range 3 {
		must(t, a.Release(t.Context(), k))
		a.left(t, e, 6, 9)
		a.state(t, k, event.Released)
		a.state(t, other, event.Held)
	}
}

func releaseSold(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 4)
	must(t, a.Sell(t.Context(), id(), k))
	a.left(t, e, 5)
	must(t, a.Release(t.Context(), k))
	a.left(t, e, 9)
	a.state(t, k, event.Released)
}

func releaseCloses(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	booking := id()
	k := func(attempt int) event.Key { return event.Key{EventID: e.ID, BookingID: booking, Attempt: attempt} }
	for attempt := 1; attempt <= 4; attempt++ {
		a.hold(t, k(attempt), e, attempt-attempt/4*3) // 1, 2, 3 and 1 tickets
	}
	a.left(t, e, 2)
	must(t, a.Release(t.Context(), k(3)))
	a.left(t, e, 8)
	must(t, a.Release(t.Context(), k(1))) // closes nothing more, and opens nothing
	a.left(t, e, 8)
	for attempt := 1; attempt <= 3; attempt++ {
		_, err := a.Reserve(t.Context(), k(attempt), []event.Request{of(e, 0, 1)}, now)
		wantErr(t, err, event.ErrReservationReleased)
	}
	a.state(t, k(4), event.Held)
	a.hold(t, k(5), e, 1)
	a.left(t, e, 7)
}

func delayedReserve(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := event.Key{EventID: e.ID, BookingID: id(), Attempt: 3}
	must(t, a.Release(t.Context(), k))
	for attempt := 1; attempt <= 3; attempt++ {
		k.Attempt = attempt
		_, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, 1)}, now)
		wantErr(t, err, event.ErrReservationReleased)
		a.state(t, k, "")
	}
	a.left(t, e, 9)
	k.Attempt = 4
	a.hold(t, k, e, 1)
	a.left(t, e, 8)
}

func releaseElsewhere(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{9}), a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 2)
	elsewhere := k
	elsewhere.EventID, elsewhere.Attempt = other.ID, 5
	must(t, a.Release(t.Context(), elsewhere))
	must(t, a.GiveBack(t.Context(), id(), elsewhere))
	a.left(t, e, 7)
	a.left(t, other, 9)
	a.state(t, k, event.Held)
}
