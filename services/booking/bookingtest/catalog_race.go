package bookingtest

import (
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func (s show) release(t *testing.T, bookingID string, attempt int) {
	t.Helper()
	must(t, s.Catalog.Release(t.Context(), s.event, bookingID, attempt))
}

func (s show) wantReleased(t *testing.T, bookingID string, attempt int) {
	t.Helper()
	_, err := s.reserve(t, bookingID, attempt, 1)
	wantErr(t, err, booking.ErrReservationReleased)
}

func reserveLast(t *testing.T, u CatalogUnderTest) {
	s := u.show(10)
	s.hold(t, 9)
	var answers count
	race(workers, func(int) {
		_, err := s.reserve(t, newID(), 1, 1)
		answers.add(err, booking.ErrSoldOut)
	})
	if answers.n[nil] != 1 || answers.n[booking.ErrSoldOut] != workers-1 {
		t.Errorf("%d buyers are answered %v, want one success and the rest sold out", workers, answers.n)
	}
	s.wantAvailable(t, 0)
}

func reserveRepeatsRace(t *testing.T, u CatalogUnderTest) {
	s, id := u.show(5), newID()
	race(workers, func(int) {
		if _, err := s.reserve(t, id, 1, 3); err != nil {
			t.Error(err)
		}
	})
	s.wantAvailable(t, 2)
}

func releaseOnce(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	mine, theirs := s.hold(t, 2), s.hold(t, 1)
	for range 3 {
		s.release(t, mine, 1)
		s.wantAvailable(t, 4)
	}
	s.wantReleased(t, mine, 1)
	s.release(t, theirs, 1)
	s.wantAvailable(t, 5)
}

func releaseRace(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	mine := s.hold(t, 2)
	s.hold(t, 3)
	race(workers, func(int) {
		if err := s.Catalog.Release(t.Context(), s.event, mine, 1); err != nil {
			t.Error(err)
		}
	})
	s.wantAvailable(t, 2)
}

func releaseFirst(t *testing.T, u CatalogUnderTest) {
	s, late := u.show(5), newID()
	s.release(t, late, 1)
	for range 2 {
		s.wantReleased(t, late, 1)
	}
	s.wantAvailable(t, 5)
	if _, err := s.reserve(t, late, 2, 1); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
	s.wantAvailable(t, 4)
}

func releaseUpTo(t *testing.T, u CatalogUnderTest) {
	s, id := u.show(9), newID()
	for attempt, n := range []int{1, 2, 4} {
		_, err := s.reserve(t, id, attempt+1, n)
		must(t, err)
	}
	s.wantAvailable(t, 2)
	s.release(t, id, 2)
	s.wantAvailable(t, 5)
	s.wantReleased(t, id, 1)
	s.wantReleased(t, id, 2)
	s.release(t, id, 1) // opens nothing again
	s.wantReleased(t, id, 2)
	if _, err := s.reserve(t, id, 3, 4); err != nil {
		t.Errorf("the attempt above: %v", err)
	}
	s.wantAvailable(t, 5)
	s.release(t, id, 7)
	s.wantAvailable(t, 9)
	s.wantReleased(t, id, 5)
}

func releaseClosed(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	mine := s.hold(t, 2)
	u.CloseSales(s.event)
	s.release(t, mine, 1)
	s.wantAvailable(t, 5)
	s.wantReleased(t, mine, 1)
}

func releaseRacesReserve(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	for range 10 {
		id := newID()
		race(8, func(i int) {
			if i%2 == 0 {
				if _, err := s.reserve(t, id, 1, 2); err != nil && !errors.Is(err, booking.ErrReservationReleased) {
					t.Error(err)
				}
				return
			}
			if err := s.Catalog.Release(t.Context(), s.event, id, 1); err != nil {
				t.Error(err)
			}
		})
		s.wantReleased(t, id, 1)
		s.wantAvailable(t, 5)
	}
}

func catalogCancelled(t *testing.T, u CatalogUnderTest) {
	s := u.show(5)
	mine, ctx := s.hold(t, 2), cancelled(t)
	_, err := s.Catalog.Availability(ctx, s.event)
	wantErr(t, err, booking.ErrOutcomeUnknown)
	_, err = s.Catalog.Reserve(ctx, booking.Reservation{
		BookingID: newID(), Attempt: 1, EventID: s.event, Items: []events.Item{{TicketTypeID: s.kind, Quantity: 1}},
	})
	wantErr(t, err, booking.ErrOutcomeUnknown)
	wantErr(t, s.Catalog.Release(ctx, s.event, mine, 1), booking.ErrOutcomeUnknown)
	wantErr(t, s.back(ctx, mine, newID(), 1), booking.ErrOutcomeUnknown)
	s.wantAvailable(t, 3)
	if _, err := s.reserve(t, mine, 1, 2); err != nil {
		t.Errorf("the reservation is gone: %v", err)
	}
}
