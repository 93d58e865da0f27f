package eventtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
)

// TestInventory is the contract of event.Inventory. open returns an empty
// adapter; its store is how events come to be, and what is left is seen.
func TestInventory(t *testing.T, open func(t *testing.T) Adapter) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, a Adapter)
	}{
		{"reserve holds all the tickets wanted", reserveHolds},
		{"all the tickets or none", allOrNone},
		{"a repeat returns the same reservation", repeatIsTheSame},
		{"other tickets or another event is a mismatch", mismatch},
		{"sold out", soldOut},
		{"a booking gets no more than the event sells to one", tooMany},
		{"sales are closed from the start and when cancelled", salesClosed},
		{"a ticket type is sold while its sale lasts", salesLast},
		{"refusals have an order", refusalsInOrder},
		{"an edit of a sale counts at once", salesEdited},
		{"unknown ticket type and unknown event", unknownThings},
		{"attempts and bookings have reservations of their own", attemptsApart},
		{"release gives back exactly once", releaseOnce},
		{"release gives sold tickets back", releaseSold},
		{"release closes every attempt up to its own", releaseCloses},
		{"a delayed reserve finds its attempt released", delayedReserve},
		{"release of one event leaves another alone", releaseElsewhere},
		{"return gives some of the tickets back", returnSome},
		{"return gives back once for each id", returnOnce},
		{"return of more than is left is refused", returnTooMany},
		{"another return under the same id is a mismatch", returnMismatch},
		{"return of what is released changes nothing", returnReleased},
		{"release after return gives back the rest", returnThenRelease},
		{"sell after return sells the rest", returnThenSell},
		{"return of an unknown reservation or event", returnUnknown},
		{"returned tickets are free", returnFree},
		{"return as a message says", returnHeard},
		{"a cancelled context returns nothing", returnCancelled},
		{"sell turns the hold into a sale", sellHold},
		{"sell after release changes nothing", sellReleased},
		{"a message is known when it has had its effect", messageKnown},
		{"a redelivery changes nothing", redelivery},
		{"give back releases as a message says", giveBack},
		{"a message about an unknown event is no error", messageUnknownEvent},
		{"a stale message leaves later attempts alone", staleMessage},
		{"reservation is found at its event alone", reservationFound},
		{"a cancelled context changes nothing", inventoryCancelled},
		{"the inventory version grows and the edit version stays", versions},
		{"64 workers for the last seats", lastSeats},
		{"32 repeats at once are one hold", racingRepeats},
		{"racing releases give back once", racingReleases},
		{"reserve and release of one attempt race", reserveReleaseRace},
		{"racing returns of one id give back once", racingReturns},
		{"racing returns give back no more than there is", racingReturnsOfMore},
		{"return and release of one attempt race", returnReleaseRace},
		{"racing multi-type requests take all or none", racingMultiType},
		{"what races never oversells", mixedRaces},
		{"random operations agree with a model", agreesWithModel},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func reserveHolds(t *testing.T, a Adapter) {
	e := a.create(t, []int{5, 3})
	k := key(e)
	want := &event.Reservation{
		Key: k, State: event.Held, Event: e.Snapshot(),
		Items: []events.Item{
			{TicketTypeID: e.TicketTypes[1].ID, Name: "Type 1", Quantity: 2, UnitPrice: e.TicketTypes[1].Price, Position: 2},
			{TicketTypeID: e.TicketTypes[0].ID, Name: "Type 0", Quantity: 5, UnitPrice: e.TicketTypes[0].Price, Position: 1},
		},
	}
	got, err := a.Reserve(t.Context(), k, []event.Request{of(e, 1, 2), of(e, 0, 5)}, now)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	got, err = a.Reservation(t.Context(), k)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	a.left(t, e, 0, 1)
}

func allOrNone(t *testing.T, a Adapter) {
	e := a.create(t, []int{5, 1, 5})
	k := key(e)
	_, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, 1), of(e, 1, 2), of(e, 2, 1)}, now)
	wantErr(t, err, event.ErrSoldOut)
	a.left(t, e, 5, 1, 5)
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1), {TicketTypeID: id(), Quantity: 1}}, now)
	wantErr(t, err, event.ErrTicketTypeNotFound)
	a.left(t, e, 5, 1, 5)
	// A refusal binds nothing: the same attempt may have better luck.
	_, err = a.Update(t.Context(), e.ID, func(e *event.Event) error { e.TicketTypes[1].Capacity = 2; return nil })
	must(t, err)
	_, err = a.Reserve(t.Context(), k, []event.Request{of(e, 0, 1), of(e, 1, 2), of(e, 2, 1)}, now)
	must(t, err)
	a.left(t, e, 4, 0, 4)
}

func repeatIsTheSame(t *testing.T, a Adapter) {
	e := a.create(t, []int{5, 5})
	k := key(e)
	want := []event.Request{of(e, 0, 2), of(e, 1, 1)}
	first, err := a.Reserve(t.Context(), k, want, now)
	must(t, err)
	repeat := func(when string, want []event.Request, at time.Time) {
		t.Helper()
		again, err := a.Reserve(t.Context(), k, want, at)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if diff := cmp.Diff(first.Items, again.Items); diff != "" {
			t.Errorf("%s: other items (-first +again):\n%s", when, diff)
		}
		if diff := cmp.Diff(first.Event, again.Event); diff != "" {
			t.Errorf("%s: another event (-first +again):\n%s", when, diff)
		}
		a.left(t, e, 3, 4)
	}
	repeat("at once", want, now)
	repeat("in another order", []event.Request{of(e, 1, 1), of(e, 0, 2)}, now)
	repeat("after the start", want, e.EndsAt)

	_, err = a.Update(t.Context(), e.ID, func(e *event.Event) error {
		e.Title, e.StartsAt, e.Status = "Edited", e.StartsAt.Add(time.Hour), event.Cancelled
		e.CancellationPolicy = events.CancellationPolicy{FeeBasisPoints: 10_000}
		e.TicketTypes[0].Price.AmountMinor, e.TicketTypes[0].Name = 9, "Edited"
		return nil
	})
	must(t, err)
	repeat("edited and cancelled", want, now)
	must(t, a.Sell(t.Context(), id(), k))
	repeat("sold", want, now)

	full := a.create(t, []int{2})
	k = key(full)
	a.hold(t, k, full, 2)
	a.hold(t, k, full, 2)
	a.left(t, full, 0)
}

func mismatch(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{9, 9}), a.create(t, []int{9})
	k := key(e)
	_, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, 2), of(e, 1, 1)}, now)
	must(t, err)
	for _, want := range [][]event.Request{
		{of(e, 0, 1), of(e, 1, 1)}, {of(e, 0, 3), of(e, 1, 1)}, {of(e, 0, 2)}, {of(e, 0, 1), of(e, 1, 2)},
		{of(e, 0, 2), {TicketTypeID: id(), Quantity: 1}}, {of(e, 0, 2), of(e, 1, 1), {TicketTypeID: id(), Quantity: 1}},
	} {
		_, err := a.Reserve(t.Context(), k, want, now)
		wantErr(t, err, event.ErrReservationMismatch)
	}
	elsewhere := k
	elsewhere.EventID = other.ID
	_, err = a.Reserve(t.Context(), elsewhere, []event.Request{of(other, 0, 1)}, now)
	wantErr(t, err, event.ErrReservationMismatch)
	a.left(t, e, 7, 8)
	a.left(t, other, 9)
}

func soldOut(t *testing.T, a Adapter) {
	e := a.create(t, []int{3})
	k := key(e)
	a.hold(t, k, e, 2)
	late := key(e)
	_, err := a.Reserve(t.Context(), late, []event.Request{of(e, 0, 2)}, now)
	wantErr(t, err, event.ErrSoldOut)
	a.state(t, late, "")
	a.hold(t, key(e), e, 1)
	a.left(t, e, 0)
	must(t, a.Release(t.Context(), k))
	a.hold(t, late, e, 2) // who was refused may come again
	a.left(t, e, 0)
}

func tooMany(t *testing.T, a Adapter) {
	e := a.create(t, []int{5, 5}, func(e *event.Event) { e.MaxPerBooking = 3 })
	k := key(e)
	_, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, 2), of(e, 1, 2)}, now)
	wantErr(t, err, event.ErrTooManyTickets)
	a.state(t, k, "")
	a.left(t, e, 5, 5)
	a.hold(t, k, e, 3)
	// What was sold when the event sold more stays, and the limit of now holds.
	_, err = a.Update(t.Context(), e.ID, func(e *event.Event) error { e.MaxPerBooking = 1; return nil })
	must(t, err)
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 1, 2)}, now)
	wantErr(t, err, event.ErrTooManyTickets)
	a.hold(t, k, e, 3)
	a.left(t, e, 2, 5)
}

func salesClosed(t *testing.T, a Adapter) {
	e := a.create(t, []int{3})
	for _, at := range []time.Time{e.StartsAt, e.StartsAt.Add(time.Microsecond), e.EndsAt.Add(time.Hour)} {
		_, err := a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, at)
		wantErr(t, err, event.ErrSalesClosed)
	}
	if _, err := a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, e.StartsAt.Add(-time.Microsecond)); err != nil {
		t.Errorf("a microsecond before the start: %v", err)
	}
	_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { e.Status = event.Cancelled; return nil })
	must(t, err)
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrSalesClosed)
	a.left(t, e, 2)
}

func salesLast(t *testing.T, a Adapter) {
	e := a.create(t, []int{9, 9, 9}, func(e *event.Event) {
		e.TicketTypes[0].SalesFrom, e.TicketTypes[0].SalesUntil = now.Add(time.Hour), now.Add(2*time.Hour)
		e.TicketTypes[1].SalesFrom, e.TicketTypes[1].SalesUntil = time.Time{}, e.EndsAt // also while it is running
	})
	early, late := &e.TicketTypes[0], &e.TicketTypes[1]
	reserve := func(i int, at time.Time, want error) {
		t.Helper()
		_, err := a.Reserve(t.Context(), key(e), []event.Request{of(e, i, 1)}, at)
		if !errors.Is(err, want) {
			t.Errorf("type %d at %v: %v, want %v", i, at, err, want)
		}
	}
	reserve(0, now, event.ErrNotOnSaleYet)
	reserve(0, early.SalesFrom.Add(-time.Microsecond), event.ErrNotOnSaleYet)
	reserve(0, early.SalesFrom, nil)
	reserve(0, early.SalesUntil.Add(-time.Microsecond), nil)
	reserve(0, early.SalesUntil, event.ErrSalesClosed)
	reserve(0, e.StartsAt, event.ErrSalesClosed)
	reserve(1, now, nil)
	reserve(1, e.StartsAt, nil)
	reserve(1, late.SalesUntil.Add(-time.Microsecond), nil)
	reserve(1, late.SalesUntil, event.ErrSalesClosed)
	reserve(2, now, nil)
	reserve(2, e.StartsAt, event.ErrSalesClosed)
	a.left(t, e, 7, 6, 8)
	_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { e.Status = event.Cancelled; return nil })
	must(t, err)
	reserve(0, now, event.ErrSalesClosed) // and not on sale yet, which never comes
	reserve(1, now, event.ErrSalesClosed)
}

func refusalsInOrder(t *testing.T, a Adapter) {
	e := a.create(t, []int{1, 9, 9}, func(e *event.Event) {
		e.MaxPerBooking = 2
		e.TicketTypes[1].SalesFrom = now.Add(time.Microsecond)
		e.TicketTypes[2].SalesUntil = now
	})
	one, early, closed := of(e, 0, 1), of(e, 1, 1), of(e, 2, 1)
	unknown := event.Request{TicketTypeID: id(), Quantity: 1}
	for _, c := range []struct {
		want    []event.Request
		refusal error
	}{
		{[]event.Request{of(e, 0, 2)}, event.ErrSoldOut},
		{[]event.Request{of(e, 0, 3)}, event.ErrTooManyTickets},
		{[]event.Request{of(e, 0, 3), early}, event.ErrNotOnSaleYet},
		{[]event.Request{early, of(e, 0, 3)}, event.ErrNotOnSaleYet},
		{[]event.Request{early, closed}, event.ErrSalesClosed},
		{[]event.Request{closed, one}, event.ErrSalesClosed},
		{[]event.Request{closed, unknown}, event.ErrTicketTypeNotFound},
	} {
		_, err := a.Reserve(t.Context(), key(e), c.want, now)
		if !errors.Is(err, c.refusal) {
			t.Errorf("%v: %v, want %v", c.want, err, c.refusal)
		}
	}
	a.left(t, e, 1, 9, 9)
}

func salesEdited(t *testing.T, a Adapter) {
	e := a.create(t, []int{5})
	k, refused := key(e), key(e)
	first := a.hold(t, k, e, 2)
	edit := func(from, until time.Time) {
		t.Helper()
		_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
			e.TicketTypes[0].SalesFrom, e.TicketTypes[0].SalesUntil = from, until
			return nil
		})
		must(t, err)
	}
	for _, c := range []struct {
		from, until time.Time
		refusal     error
	}{
		{now.Add(time.Hour), time.Time{}, event.ErrNotOnSaleYet},
		{time.Time{}, now, event.ErrSalesClosed},
	} {
		edit(c.from, c.until)
		_, err := a.Reserve(t.Context(), refused, []event.Request{of(e, 0, 1)}, now)
		wantErr(t, err, c.refusal)
		a.state(t, refused, "")
		// What is held stays, and a repeat finds it.
		again := a.hold(t, k, e, 2)
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("a repeat differs (-first +again):\n%s", diff)
		}
		a.left(t, e, 3)
	}
	edit(now, now.Add(time.Microsecond))
	a.hold(t, refused, e, 1) // a refusal binds nothing
	a.left(t, e, 2)
}

func unknownThings(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{3}), a.create(t, []int{3})
	for _, typeID := range []string{id(), "", "x", other.TicketTypes[0].ID} {
		_, err := a.Reserve(t.Context(), key(e), []event.Request{{TicketTypeID: typeID, Quantity: 1}}, now)
		wantErr(t, err, event.ErrTicketTypeNotFound)
	}
	gone := event.Key{EventID: id(), BookingID: id(), Attempt: 1}
	_, err := a.Reserve(t.Context(), gone, []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrEventNotFound)
	wantErr(t, a.Release(t.Context(), gone), event.ErrEventNotFound)
	a.left(t, e, 3)
	a.left(t, other, 3)
}

func attemptsApart(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := key(e)
	second := k
	second.Attempt = 2
	a.hold(t, k, e, 2)
	a.hold(t, second, e, 3)
	a.hold(t, key(e), e, 1)
	a.left(t, e, 3)
	must(t, a.Release(t.Context(), k))
	a.left(t, e, 5)
	a.state(t, k, event.Released)
	a.state(t, second, event.Held)
}

func reservationFound(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{9}), a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 2)
	a.state(t, k, event.Held)
	for _, none := range []event.Key{
		{EventID: other.ID, BookingID: k.BookingID, Attempt: 1},
		{EventID: e.ID, BookingID: id(), Attempt: 1},
		{EventID: e.ID, BookingID: k.BookingID, Attempt: 2},
		{EventID: id(), BookingID: k.BookingID, Attempt: 1},
	} {
		a.state(t, none, "")
	}
	must(t, a.Release(t.Context(), k))
	a.state(t, k, event.Released)
}

func inventoryCancelled(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k, ctx, message := key(e), cancelled(t), id()
	if _, err := a.Reserve(ctx, k, []event.Request{of(e, 0, 1)}, now); err == nil {
		t.Error("Reserve has no error")
	}
	a.state(t, k, "")
	a.hold(t, k, e, 2)
	if a.Release(ctx, k) == nil {
		t.Error("Release has no error")
	}
	if a.Sell(ctx, message, k) == nil {
		t.Error("Sell has no error")
	}
	if a.GiveBack(ctx, message, k) == nil {
		t.Error("GiveBack has no error")
	}
	a.left(t, e, 7)
	a.state(t, k, event.Held)
	a.known(t, message, false)
	must(t, a.Sell(t.Context(), message, k))
	a.state(t, k, event.Sold)
}

func versions(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	k := key(e)
	last := a.get(t, e.ID).Inventory
	changed := func(what string) {
		t.Helper()
		got := a.get(t, e.ID)
		if got.Inventory <= last || got.Version != 1 {
			t.Errorf("after %s the versions are %d.%d, before %d.%d", what, got.Version, got.Inventory, 1, last)
		}
		last = got.Inventory
	}
	a.hold(t, k, e, 2)
	changed("a reservation")
	must(t, a.Release(t.Context(), k))
	changed("a release")
	k.Attempt = 2
	a.hold(t, k, e, 2)
	changed("another attempt")
	a.back(t, k, e, 0, 1)
	changed("a return")
	must(t, a.GiveBack(t.Context(), id(), k))
	changed("giving back")
}
