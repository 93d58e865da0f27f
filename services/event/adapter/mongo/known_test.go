package mongo

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
)

// What one reservation takes of the event that is known, another one has not lost:
// the database alone knows what is left.
func TestWhatIsKnownOfAnEventIsNobodysToChange(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 12, 19, 30, 0, 0, time.UTC)
	var k known
	k.put(&event.Event{
		ID: "e", Status: event.Published, StartsAt: now.Add(time.Hour),
		TicketTypes: []event.TicketType{{ID: "t", Capacity: 1, Available: 1}},
	})
	for range 2 {
		if _, err := k.get("e").Reserve([]event.Request{{TicketTypeID: "t", Quantity: 1}}, now); err != nil {
			t.Errorf("Reserve: %v", err)
		}
	}
}
