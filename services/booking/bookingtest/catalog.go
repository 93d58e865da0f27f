package bookingtest

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// CatalogUnderTest is an adapter of booking.Catalog, and the event service
// behind it.
type CatalogUnderTest struct {
	Catalog booking.Catalog
	// NewEvent publishes an event with Available tickets of each type, and
	// returns its id and theirs, in order. The ids given are ignored.
	NewEvent func(types ...booking.TicketType) (eventID string, typeIDs []string)
	// CloseSales ends the sale of an event's tickets.
	CloseSales func(eventID string)
	// PutOffSales has the sale of an event's tickets begin later.
	PutOffSales func(eventID string)
	// LimitBookings lets no new booking of the event have more than n tickets.
	LimitBookings func(eventID string, n int)
}

// TestCatalog is the contract of booking.Catalog.
func TestCatalog(t *testing.T, open func(t *testing.T) CatalogUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u CatalogUnderTest)
	}{
		{"availability says what is for sale", availability},
		{"availability is never of before it was asked", availabilityIsNew},
		{"what is not there is not found", catalogNotFound},

		{"a reservation holds what it asks for at the price of now", reserveHolds},
		{"a free event is reserved for nothing", reserveFree},
		{"a reservation holds all or nothing", reserveAllOrNothing},
		{"when sales are closed nothing is held", reserveClosed},
		{"before the sale begins nothing is held", reserveEarly},
		{"a booking holds no more than the event sells to one", reserveTooMany},
		{"a repeat gives the same answer whatever has become of the event", reserveRepeats},
		{"32 buyers race for the last ticket", reserveLast},
		{"32 racing repeats hold once", reserveRepeatsRace},

		{"a release gives back once", releaseOnce},
		{"32 racing releases give back once", releaseRace},
		{"a release needs no reservation and refuses a late one", releaseFirst},
		{"a release covers the attempts up to its own", releaseUpTo},
		{"a release gives back when sales are closed", releaseClosed},
		{"a release that races its reservation leaves nothing held", releaseRacesReserve},

		{"a return gives some tickets back and keeps the rest", returnSome},
		{"a return gives back once for its cancellation", returnOnce},
		{"a return of more than is left is refused", returnTooMany},
		{"a release gives back what returns have left", returnRelease},
		{"32 racing returns give back once", returnRace},
		{"a return that races a release gives back once", returnRacesRelease},

		{"a cancelled context changes nothing", catalogCancelled},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

// ticket is one type of so many tickets.
func ticket(n int) booking.TicketType { return named("Parkett – Reihe 1 🎭", n) }

// named is a ticket type of this name: no two of one event have the same.
func named(name string, n int) booking.TicketType {
	return booking.TicketType{Name: name, Price: euros(2550), Available: n}
}

// show is an event with one type of ticket.
type show struct {
	CatalogUnderTest
	event, kind string
}

func (u CatalogUnderTest) show(tickets int) show {
	event, kinds := u.NewEvent(ticket(tickets))
	return show{u, event, kinds[0]}
}

func (s show) reserve(t *testing.T, bookingID string, attempt, n int) (booking.Reserved, error) {
	t.Helper()
	return s.Catalog.Reserve(t.Context(), booking.Reservation{
		BookingID: bookingID, Attempt: attempt, EventID: s.event,
		Items: []events.Item{{TicketTypeID: s.kind, Quantity: n}},
	})
}

// hold reserves n tickets for a new booking.
func (s show) hold(t *testing.T, n int) (bookingID string) {
	t.Helper()
	bookingID = newID()
	_, err := s.reserve(t, bookingID, 1, n)
	must(t, err)
	return bookingID
}

func (s show) wantAvailable(t *testing.T, want ...int) {
	t.Helper()
	a, err := s.Catalog.Availability(t.Context(), s.event)
	must(t, err)
	var got []int
	for _, kind := range a.Types {
		got = append(got, kind.Available)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tickets available (-want +got):\n%s", diff)
	}
}

func availability(t *testing.T, u CatalogUnderTest) {
	types := []booking.TicketType{
		ticket(100), {Name: "z", Price: euros(0), Available: 1}, {Name: "a", Price: euros(99_999_999), Available: 7},
	}
	event, kinds := u.NewEvent(types...)
	u.NewEvent(ticket(5))
	if len(kinds) != len(types) {
		t.Fatalf("the event has %d types, want %d", len(kinds), len(types))
	}
	for i := range types {
		types[i].ID, types[i].Sale = kinds[i], booking.OnSale
	}
	want := booking.Availability{EventID: event, MaxPerBooking: booking.MaxTickets, Types: types}
	got, err := u.Catalog.Availability(t.Context(), event)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("availability (-want +got):\n%s", diff)
	}

	wantSale := func(event string, want booking.Sale) {
		t.Helper()
		got, err := u.Catalog.Availability(t.Context(), event)
		must(t, err)
		for _, kind := range got.Types {
			if kind.Sale != want {
				t.Errorf("a type is %q, want %q", kind.Sale, want)
			}
		}
	}
	u.PutOffSales(event)
	wantSale(event, booking.NotYet)
	u.CloseSales(event)
	wantSale(event, booking.Closed)

	soldOut := u.show(2)
	soldOut.hold(t, 2)
	soldOut.wantAvailable(t, 0)
	wantSale(soldOut.event, booking.OnSale)
}

// Others ask all the time, so that an answer is on its way whenever one asks.
func availabilityIsNew(t *testing.T, u CatalogUnderTest) {
	const tickets = 20
	s := u.show(tickets)
	var others sync.WaitGroup
	defer others.Wait()
	enough := make(chan struct{})
	defer close(enough)
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-enough:
					return
				default:
					if _, err := s.Catalog.Availability(t.Context(), s.event); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for sold := range tickets {
		s.hold(t, 1)
		s.wantAvailable(t, tickets-sold-1)
	}
}

func catalogNotFound(t *testing.T, u CatalogUnderTest) {
	there := u.show(3)
	nowhere := show{u, newID(), there.kind}
	_, err := u.Catalog.Availability(t.Context(), nowhere.event)
	wantErr(t, err, booking.ErrEventNotFound)
	_, err = nowhere.reserve(t, newID(), 1, 1)
	wantErr(t, err, booking.ErrEventNotFound)
	for range 2 {
		wantErr(t, u.Catalog.Release(t.Context(), nowhere.event, newID(), 1), booking.ErrEventNotFound)
		wantErr(t, nowhere.back(t.Context(), newID(), newID(), 1), booking.ErrEventNotFound)
	}

	_, foreign := u.NewEvent(ticket(3))
	for _, kind := range []string{newID(), foreign[0]} {
		_, err = u.Catalog.Reserve(t.Context(), booking.Reservation{
			BookingID: newID(), Attempt: 1, EventID: there.event,
			Items: []events.Item{{TicketTypeID: there.kind, Quantity: 1}, {TicketTypeID: kind, Quantity: 1}},
		})
		wantErr(t, err, booking.ErrTicketTypeNotFound)
	}
	there.wantAvailable(t, 3)
}

func reserveHolds(t *testing.T, u CatalogUnderTest) {
	event, kinds := u.NewEvent(ticket(10), booking.TicketType{Name: "Loge", Price: euros(9900), Available: 4}, named("Stehplatz", 1))
	got, err := u.Catalog.Reserve(t.Context(), booking.Reservation{
		BookingID: newID(), Attempt: 1, EventID: event,
		Items: []events.Item{ // names and prices of the request do not count
			{TicketTypeID: kinds[1], Quantity: 4, Name: "x", UnitPrice: euros(1)},
			{TicketTypeID: kinds[0], Quantity: 3},
		},
	})
	must(t, err)
	if got.Event.ID != event || got.Event.Title == "" || got.Event.StartsAt.IsZero() || got.Event.TimeZone == "" {
		t.Errorf("the event is %+v", got.Event)
	}
	want := booking.Reserved{
		Event: got.Event,
		Items: []events.Item{
			{TicketTypeID: kinds[1], Name: "Loge", Quantity: 4, UnitPrice: euros(9900), Position: 2},
			{TicketTypeID: kinds[0], Name: ticket(0).Name, Quantity: 3, UnitPrice: euros(2550), Position: 1},
		},
		Total: euros(4*9900 + 3*2550),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reserved (-want +got):\n%s", diff)
	}
	show{u, event, ""}.wantAvailable(t, 7, 0, 1)
}

func reserveFree(t *testing.T, u CatalogUnderTest) {
	event, kinds := u.NewEvent(booking.TicketType{Name: "Free", Price: money.Amount{Currency: "JPY"}, Available: 3})
	free := show{u, event, kinds[0]}
	got, err := free.reserve(t, newID(), 1, 2)
	must(t, err)
	if want := (money.Amount{Currency: "JPY"}); got.Total != want {
		t.Errorf("total %v, want %v", got.Total, want)
	}
	free.wantAvailable(t, 1)
}

func reserveAllOrNothing(t *testing.T, u CatalogUnderTest) {
	event, kinds := u.NewEvent(named("Links", 5), named("Mitte", 2), named("Rechts", 5))
	s := show{u, event, kinds[0]}
	r := booking.Reservation{BookingID: newID(), Attempt: 1, EventID: event}
	for i, n := range []int{1, 3, 1} {
		r.Items = append(r.Items, events.Item{TicketTypeID: kinds[i], Quantity: n})
	}
	_, err := u.Catalog.Reserve(t.Context(), r)
	wantErr(t, err, booking.ErrSoldOut)
	s.wantAvailable(t, 5, 2, 5)
	_, err = s.reserve(t, newID(), 1, 6)
	wantErr(t, err, booking.ErrSoldOut)
	s.hold(t, 5)
	_, err = s.reserve(t, newID(), 1, 1)
	wantErr(t, err, booking.ErrSoldOut)
	s.wantAvailable(t, 0, 2, 5)
}

func reserveClosed(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	u.CloseSales(s.event)
	_, err := s.reserve(t, newID(), 1, 1)
	wantErr(t, err, booking.ErrSalesClosed)
	s.wantAvailable(t, 5)
}

func reserveEarly(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	id := newID()
	before, err := s.reserve(t, id, 1, 2)
	must(t, err)
	u.PutOffSales(s.event)
	_, err = s.reserve(t, newID(), 1, 1)
	wantErr(t, err, booking.ErrNotOnSaleYet)
	s.wantAvailable(t, 3)
	again, err := s.reserve(t, id, 1, 2)
	must(t, err)
	if diff := cmp.Diff(before, again); diff != "" {
		t.Errorf("a repeat of an earlier reservation differs (-first +again):\n%s", diff)
	}
}

func reserveTooMany(t *testing.T, u CatalogUnderTest) {
	event, kinds := u.NewEvent(named("Links", 5), named("Rechts", 5))
	s := show{u, event, kinds[0]}
	id := newID()
	before, err := s.reserve(t, id, 1, 4)
	must(t, err)
	u.LimitBookings(event, 3)
	a, err := u.Catalog.Availability(t.Context(), event)
	must(t, err)
	if a.MaxPerBooking != 3 {
		t.Errorf("the event sells %d tickets to one booking, want 3", a.MaxPerBooking)
	}
	r := booking.Reservation{BookingID: newID(), Attempt: 1, EventID: event, Items: []events.Item{
		{TicketTypeID: kinds[0], Quantity: 1}, {TicketTypeID: kinds[1], Quantity: 3},
	}}
	_, err = u.Catalog.Reserve(t.Context(), r)
	wantErr(t, err, booking.ErrTooManyForBooking)
	s.wantAvailable(t, 1, 5)
	r.Items[1].Quantity = 2
	_, err = u.Catalog.Reserve(t.Context(), r)
	must(t, err)
	s.wantAvailable(t, 0, 3)
	again, err := s.reserve(t, id, 1, 4)
	must(t, err)
	if diff := cmp.Diff(before, again); diff != "" {
		t.Errorf("a repeat of an earlier reservation differs (-first +again):\n%s", diff)
	}
}

func reserveRepeats(t *testing.T, u CatalogUnderTest) {
	s, id := u.show(3), newID()
	want, err := s.reserve(t, id, 1, 2)
	must(t, err)
	repeat := func(when string) {
		t.Helper()
		got, err := s.reserve(t, id, 1, 2)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a repeat %s (-want +got):\n%s", when, diff)
		}
	}
	repeat("at once")
	s.wantAvailable(t, 1)
	s.hold(t, 1)
	repeat("after it has sold out")
	u.CloseSales(s.event)
	repeat("after sales have closed")
	s.wantAvailable(t, 0)
}
