package bookingtest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// back gives n of the tickets of a booking's first attempt back.
func (s show) back(ctx context.Context, bookingID, cancellationID string, n int) error {
	return s.Catalog.Return(ctx, booking.Return{
		EventID: s.event, BookingID: bookingID, Attempt: 1, CancellationID: cancellationID,
		Items: []events.Item{{TicketTypeID: s.kind, Quantity: n}},
	})
}

func returnSome(t *testing.T, u CatalogUnderTest) {
	event, kinds := u.NewEvent(named("Links", 5), named("Rechts", 5))
	s, id := show{u, event, kinds[0]}, newID()
	r := booking.Reservation{BookingID: id, Attempt: 1, EventID: event}
	for i, n := range []int{3, 2} {
		r.Items = append(r.Items, events.Item{TicketTypeID: kinds[i], Quantity: n})
	}
	want, err := u.Catalog.Reserve(t.Context(), r)
	must(t, err)
	s.hold(t, 1)
	must(t, u.Catalog.Return(t.Context(), booking.Return{
		EventID: event, BookingID: id, Attempt: 1, CancellationID: newID(),
		Items: []events.Item{{TicketTypeID: kinds[1], Quantity: 1, Name: "x", UnitPrice: euros(1)}, {TicketTypeID: kinds[0], Quantity: 2}},
	}))
	s.wantAvailable(t, 3, 4)
	got, err := u.Catalog.Reserve(t.Context(), r)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a repeat after a return (-want +got):\n%s", diff)
	}
	s.wantAvailable(t, 3, 4)

	u.CloseSales(event)
	must(t, s.back(t.Context(), id, newID(), 1))
	s.wantAvailable(t, 4, 4)
}

func returnOnce(t *testing.T, u CatalogUnderTest) {
	s := u.show(9)
	mine, one, two := s.hold(t, 5), newID(), newID()
	for range 3 {
		must(t, s.back(t.Context(), mine, one, 2))
		s.wantAvailable(t, 6)
	}
	for range 2 {
		must(t, s.back(t.Context(), mine, two, 1))
		must(t, s.back(t.Context(), mine, one, 2))
		s.wantAvailable(t, 7)
	}
	for _, other := range []int{1, 3} {
		wantErr(t, s.back(t.Context(), mine, one, other), booking.ErrReturnRefused)
	}
	s.wantAvailable(t, 7)
}

func returnTooMany(t *testing.T, u CatalogUnderTest) {
	event, kinds := u.NewEvent(named("Links", 5), named("Rechts", 5))
	s := show{u, event, kinds[0]}
	mine, refused := s.hold(t, 3), newID()
	s.hold(t, 2)
	must(t, s.back(t.Context(), mine, newID(), 1))
	wantErr(t, s.back(t.Context(), mine, refused, 3), booking.ErrReturnRefused)
	for _, foreign := range []string{kinds[1], newID()} {
		wantErr(t, s.Catalog.Return(t.Context(), booking.Return{
			EventID: event, BookingID: mine, Attempt: 1, CancellationID: refused,
			Items: []events.Item{{TicketTypeID: s.kind, Quantity: 1}, {TicketTypeID: foreign, Quantity: 1}},
		}), booking.ErrReturnRefused)
	}
	wantErr(t, s.back(t.Context(), newID(), newID(), 1), booking.ErrReturnRefused)
	s.wantAvailable(t, 1, 5)
	must(t, s.back(t.Context(), mine, refused, 2)) // a refusal binds nothing
	s.wantAvailable(t, 3, 5)
}

func returnRelease(t *testing.T, u CatalogUnderTest) {
	s := u.show(9)
	mine, early := s.hold(t, 5), newID()
	s.hold(t, 4)
	must(t, s.back(t.Context(), mine, early, 2))
	for range 2 {
		s.release(t, mine, 1)
		s.wantAvailable(t, 5)
		must(t, s.back(t.Context(), mine, early, 2))
		must(t, s.back(t.Context(), mine, newID(), 3))
		s.wantAvailable(t, 5)
	}
	s.wantReleased(t, mine, 1)

	all := s.hold(t, 5)
	must(t, s.back(t.Context(), all, newID(), 5))
	s.wantAvailable(t, 5)
	s.release(t, all, 1)
	s.wantReleased(t, all, 1)
	s.wantAvailable(t, 5)
}

func returnRace(t *testing.T, u CatalogUnderTest) {
	s := u.show(20)
	mine, id := s.hold(t, 15), newID()
	race(workers, func(int) {
		if err := s.back(t.Context(), mine, id, 4); err != nil {
			t.Error(err)
		}
	})
	s.wantAvailable(t, 9)
}

func returnRacesRelease(t *testing.T, u CatalogUnderTest) {
	s := u.show(20)
	s.hold(t, 10)
	for range 10 {
		mine, id := s.hold(t, 6), newID()
		race(8, func(i int) {
			var err error
			switch i % 3 {
			case 0:
				err = s.Catalog.Release(t.Context(), s.event, mine, 1)
			case 1:
				err = s.back(t.Context(), mine, id, 2)
			default:
				err = s.back(t.Context(), mine, newID(), 1)
			}
			if err != nil {
				t.Error(err)
			}
		})
		s.wantReleased(t, mine, 1)
		s.wantAvailable(t, 10)
	}
}
