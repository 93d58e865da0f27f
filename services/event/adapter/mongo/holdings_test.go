//go:build integration

package mongo

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/event"
)

// TestHoldingsHaveTheHoldsOfAllEvents, however many events have some.
func TestHoldingsHaveTheHoldsOfAllEvents(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	s.batch = 1
	now := time.Now()
	const events = 3
	for range events {
		e := &event.Event{
			ID: uuid.NewString(), Status: event.Published, StartsAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour),
			TicketTypes: []event.TicketType{{ID: uuid.NewString(), Capacity: 1, Available: 1}},
		}
		if err := s.Create(t.Context(), e, 1000); err != nil {
			t.Fatal(err)
		}
		k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
		if _, err := s.Reserve(t.Context(), k, []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}}, now); err != nil {
			t.Fatal(err)
		}
	}
	held, err := s.Holdings(t.Context(), "", 10)
	if err != nil || len(held) != events {
		t.Errorf("%d bookings are listed (error %v), want %d", len(held), err, events)
	}
}
