package eventtest

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// pair reserves two tickets of e's first type and four of its second.
func (a Adapter) pair(t *testing.T, k event.Key, e *event.Event) *event.Reservation {
	t.Helper()
	r, err := a.Reserve(t.Context(), k, pairOf(e), now)
	must(t, err)
	return r
}

func pairOf(e *event.Event) []event.Request { return []event.Request{of(e, 0, 2), of(e, 1, 4)} }

// back returns n tickets of e's i-th type, under an id of its own.
func (a Adapter) back(t *testing.T, k event.Key, e *event.Event, i, n int) {
	t.Helper()
	must(t, a.Return(t.Context(), k, id(), []event.Request{of(e, i, n)}))
}

func returnSome(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, other := key(e), key(e)
	want := a.pair(t, k, e)
	a.hold(t, other, e, 3)
	a.back(t, k, e, 1, 1)
	a.left(t, e, 4, 6)
	must(t, a.Sell(t.Context(), id(), k))
	must(t, a.Return(t.Context(), k, id(), []event.Request{of(e, 1, 2), of(e, 0, 1)}))
	a.left(t, e, 5, 8)
	a.state(t, k, event.Sold)
	a.state(t, other, event.Held)

	// What was reserved stays as it was.
	got, err := a.Reservation(t.Context(), k)
	must(t, err)
	if diff := cmp.Diff(want.Items, got.Items); diff != "" {
		t.Errorf("other items (-reserved +got):\n%s", diff)
	}
	got, err = a.Reserve(t.Context(), k, pairOf(e), now)
	must(t, err)
	if diff := cmp.Diff(want.Items, got.Items); diff != "" {
		t.Errorf("a repeat has other items (-reserved +got):\n%s", diff)
	}
	_, err = a.Reserve(t.Context(), k, []event.Request{of(e, 0, 1), of(e, 1, 1)}, now)
	wantErr(t, err, event.ErrReservationMismatch)
	a.left(t, e, 5, 8)
}

func returnOnce(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, one, two := key(e), id(), id()
	a.pair(t, k, e)
	for range 3 {
		must(t, a.Return(t.Context(), k, one, []event.Request{of(e, 0, 1), of(e, 1, 1)}))
		a.left(t, e, 8, 6)
	}
	for range 2 { // in another order it is the same, and so is each after the other
		must(t, a.Return(t.Context(), k, two, []event.Request{of(e, 1, 1)}))
		must(t, a.Return(t.Context(), k, one, []event.Request{of(e, 1, 1), of(e, 0, 1)}))
		a.left(t, e, 8, 7)
	}
}

func returnTooMany(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9, 9})
	k, refused := key(e), id()
	a.pair(t, k, e)
	a.hold(t, key(e), e, 3)
	tooMany := func(items ...event.Request) {
		t.Helper()
		wantErr(t, a.Return(t.Context(), k, refused, items), event.ErrReturnTooMany)
	}
	tooMany(of(e, 0, 3))
	tooMany(of(e, 1, 1), of(e, 0, 3)) // all or none
	tooMany(of(e, 2, 1))              // of which it has none
	tooMany(event.Request{TicketTypeID: id(), Quantity: 1})
	tooMany(event.Request{TicketTypeID: "x.y", Quantity: 1})
	a.left(t, e, 4, 5, 9)
	a.back(t, k, e, 0, 1)
	tooMany(of(e, 0, 2))
	a.back(t, k, e, 0, 1)
	tooMany(of(e, 0, 1))
	a.left(t, e, 6, 5, 9)
	// A refusal binds nothing.
	must(t, a.Return(t.Context(), k, refused, []event.Request{of(e, 1, 4)}))
	a.left(t, e, 6, 9, 9)
	wantErr(t, a.Return(t.Context(), k, id(), []event.Request{of(e, 1, 1)}), event.ErrReturnTooMany)
	a.state(t, k, event.Held)
}

func returnMismatch(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, first := key(e), id()
	a.pair(t, k, e)
	must(t, a.Return(t.Context(), k, first, []event.Request{of(e, 1, 2)}))
	for _, items := range [][]event.Request{
		{of(e, 1, 1)}, {of(e, 1, 3)}, {of(e, 0, 2)}, {of(e, 1, 2), of(e, 0, 1)}, {{TicketTypeID: id(), Quantity: 2}},
	} {
		wantErr(t, a.Return(t.Context(), k, first, items), event.ErrReservationMismatch)
	}
	a.left(t, e, 7, 7)
	// Of another attempt the same id is another return.
	second := k
	second.Attempt = 2
	a.pair(t, second, e)
	must(t, a.Return(t.Context(), second, first, []event.Request{of(e, 0, 1)}))
	a.left(t, e, 6, 3)
	must(t, a.Release(t.Context(), second))
	wantErr(t, a.Return(t.Context(), k, first, []event.Request{of(e, 1, 1)}), event.ErrReservationMismatch)
	a.left(t, e, 9, 9)
}

func returnReleased(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, early := key(e), id()
	a.pair(t, k, e)
	must(t, a.Return(t.Context(), k, early, []event.Request{of(e, 1, 1)}))
	must(t, a.Release(t.Context(), k))
	a.left(t, e, 9, 9)
	for _, returnID := range []string{early, id()} {
		must(t, a.Return(t.Context(), k, returnID, []event.Request{of(e, 1, 1)}))
		must(t, a.ReturnHeard(t.Context(), id(), k, returnID, []event.Request{of(e, 1, 1)}))
		a.left(t, e, 9, 9)
	}
	must(t, a.Return(t.Context(), k, id(), []event.Request{of(e, 1, 9)}))
	a.left(t, e, 9, 9)
	a.state(t, k, event.Released)
	second := k
	second.Attempt = 2
	a.pair(t, second, e)
	must(t, a.Return(t.Context(), k, id(), []event.Request{of(e, 1, 1)}))
	a.left(t, e, 7, 5)
}

func returnThenRelease(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, other := key(e), key(e)
	a.pair(t, k, e)
	a.pair(t, other, e)
	a.back(t, k, e, 1, 3)
	for range 2 {
		must(t, a.Release(t.Context(), k))
		a.left(t, e, 7, 5)
		a.state(t, k, event.Released)
	}

	// What has come back to the last ticket is released like anything else,
	// and touches no ticket type that is gone meanwhile.
	a.back(t, other, e, 1, 4)
	a.left(t, e, 7, 9)
	_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { e.TicketTypes = e.TicketTypes[:1]; return nil })
	must(t, err)
	a.back(t, other, e, 0, 2)
	a.left(t, e, 9)
	must(t, a.GiveBack(t.Context(), id(), other))
	a.state(t, other, event.Released)
	if got := a.get(t, e.ID); len(got.TicketTypes) != 1 || got.Available() != 9 {
		t.Errorf("%d tickets are available, of types %+v", got.Available(), got.TicketTypes)
	}
	_, err = a.Reserve(t.Context(), other, pairOf(e), now)
	wantErr(t, err, event.ErrReservationReleased)
}

func returnThenSell(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k, all := key(e), key(e)
	a.pair(t, k, e)
	a.hold(t, all, e, 3)
	a.back(t, k, e, 0, 1)
	a.back(t, all, e, 0, 3)
	for _, sold := range []event.Key{k, all} {
		must(t, a.Sell(t.Context(), id(), sold))
		a.state(t, sold, event.Sold)
	}
	a.left(t, e, 8, 5)
	a.back(t, k, e, 0, 1)
	a.left(t, e, 9, 5)
}

func returnUnknown(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{9}), a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 2)
	must(t, a.Release(t.Context(), event.Key{EventID: e.ID, BookingID: k.BookingID, Attempt: 1}))
	k.Attempt = 2
	a.hold(t, k, e, 2)
	for _, c := range []struct {
		k    event.Key
		want error
	}{
		{key(e), event.ErrReservationNotFound},
		{event.Key{EventID: e.ID, BookingID: k.BookingID, Attempt: 3}, event.ErrReservationNotFound},
		{event.Key{EventID: other.ID, BookingID: k.BookingID, Attempt: 2}, event.ErrReservationNotFound},
		{event.Key{EventID: id(), BookingID: k.BookingID, Attempt: 2}, event.ErrEventNotFound},
		{event.Key{EventID: id(), BookingID: id(), Attempt: 1}, event.ErrEventNotFound},
	} {
		wantErr(t, a.Return(t.Context(), c.k, id(), []event.Request{of(e, 0, 1)}), c.want)
		// As a message says, it is no error.
		message := id()
		must(t, a.ReturnHeard(t.Context(), message, c.k, id(), []event.Request{of(e, 0, 1)}))
		a.known(t, message, true)
	}
	a.left(t, e, 7)
	a.left(t, other, 9)
}

// returnFree: tickets that came back are free in every respect.
func returnFree(t *testing.T, a Adapter) {
	e := a.create(t, []int{4, 3})
	k, next := key(e), key(e)
	a.hold(t, k, e, 4)
	must(t, a.Sell(t.Context(), id(), k))
	a.back(t, k, e, 0, 2)
	capacity := func(n int, want error) {
		t.Helper()
		_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { e.TicketTypes[0].Capacity = n; return nil })
		if !errors.Is(err, want) || (want == nil && err != nil) {
			t.Fatalf("a capacity of %d is %v, want %v", n, err, want)
		}
	}
	capacity(1, event.ErrCapacityBelowSold)
	capacity(2, nil)
	a.left(t, e, 0)
	capacity(4, nil)
	a.hold(t, next, e, 2)
	_, err := a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrSoldOut)
	a.back(t, k, e, 0, 2)
	remove := func() error { return a.Delete(t.Context(), e.ID, func(*event.Event) error { return nil }) }
	wantErr(t, remove(), event.ErrEventHasBookings)
	a.back(t, next, e, 0, 2)
	must(t, remove())
	wantErr(t, a.Return(t.Context(), k, id(), []event.Request{of(e, 0, 1)}), event.ErrEventNotFound)
	wantErr(t, a.Release(t.Context(), k), event.ErrEventNotFound)
}

// returnHeard: the message and the call have one effect between them, whichever
// comes first.
func returnHeard(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9})
	k := key(e)
	a.pair(t, k, e)
	some := []event.Request{of(e, 0, 1), of(e, 1, 2)}
	for n, first := range []func(message, returnID string) error{
		func(_, returnID string) error { return a.Return(t.Context(), k, returnID, some) },
		func(message, returnID string) error { return a.ReturnHeard(t.Context(), message, k, returnID, some) },
	} {
		message, returnID := id(), id()
		must(t, first(message, returnID))
		a.known(t, message, n == 1)
		for _, m := range []string{message, message, id()} { // redelivered, and a second message
			must(t, a.ReturnHeard(t.Context(), m, k, returnID, some))
			a.known(t, m, true)
		}
		must(t, a.Return(t.Context(), k, returnID, some))
		a.left(t, e, 8+n, 7+2*n)
	}
	refused := id()
	wantErr(t, a.ReturnHeard(t.Context(), refused, k, id(), some), event.ErrReturnTooMany)
	a.known(t, refused, false)
	a.left(t, e, 9, 9)
}

func returnCancelled(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k, ctx, message, returnID := key(e), cancelled(t), id(), id()
	some := []event.Request{of(e, 0, 1)}
	a.hold(t, k, e, 2)
	if a.Return(ctx, k, returnID, some) == nil {
		t.Error("Return has no error")
	}
	if a.ReturnHeard(ctx, message, k, returnID, some) == nil {
		t.Error("ReturnHeard has no error")
	}
	a.left(t, e, 7)
	a.known(t, message, false)
	must(t, a.ReturnHeard(t.Context(), message, k, returnID, some))
	a.left(t, e, 8)
	a.known(t, message, true)
}

func racingReturns(t *testing.T, a Adapter) {
	e := a.create(t, []int{100})
	k, returnID := key(e), id()
	a.hold(t, k, e, 20)
	a.hold(t, key(e), e, 10)
	some := []event.Request{of(e, 0, 3)}
	race(32, func(i int) {
		var err error
		switch i % 3 {
		case 0:
			err = a.Return(t.Context(), k, returnID, some)
		case 1:
			err = a.ReturnHeard(t.Context(), id(), k, returnID, some)
		default:
			err = a.Sell(t.Context(), id(), k)
		}
		if err != nil {
			t.Error(err)
		}
	})
	a.left(t, e, 73)
	a.state(t, k, event.Sold)
}

// racingReturnsOfMore: of sixteen that want three of ten tickets back, three
// have them.
func racingReturnsOfMore(t *testing.T, a Adapter) {
	e := a.create(t, []int{100})
	k := key(e)
	a.hold(t, k, e, 10)
	a.hold(t, key(e), e, 10)
	var done, tooMany atomic.Int64
	race(16, func(int) {
		switch err := a.Return(t.Context(), k, id(), []event.Request{of(e, 0, 3)}); {
		case err == nil:
			done.Add(1)
		case errors.Is(err, event.ErrReturnTooMany):
			tooMany.Add(1)
		default:
			t.Error(err)
		}
	})
	if done.Load() != 3 || tooMany.Load() != 13 {
		t.Errorf("%d returns are made and %d refused, want 3 and 13", done.Load(), tooMany.Load())
	}
	a.left(t, e, 89)
}

// returnReleaseRace: whoever comes first, afterwards all is back, once.
func returnReleaseRace(t *testing.T, a Adapter) {
	e := a.create(t, []int{100})
	a.hold(t, key(e), e, 20) // a ticket given back twice would show
	for range 16 {
		k, returnID := key(e), id()
		a.hold(t, k, e, 6)
		race(6, func(i int) {
			var err error
			switch i {
			case 0:
				err = a.Release(t.Context(), k)
			case 1:
				err = a.GiveBack(t.Context(), id(), k)
			case 2, 3:
				err = a.Return(t.Context(), k, returnID, []event.Request{of(e, 0, 2)})
			default:
				err = a.Return(t.Context(), k, id(), []event.Request{of(e, 0, 1)})
			}
			if err != nil {
				t.Error(err)
			}
		})
		a.left(t, e, 80)
		a.state(t, k, event.Released)
	}
}
