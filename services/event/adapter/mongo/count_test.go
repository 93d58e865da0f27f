//go:build integration

package mongo

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	driver "go.mongodb.org/mongo-driver/v2/event"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// maxReserving and maxCommands are how many commands a reservation makes, and all that
// a booking needs of this service, batches included. Of those of the notification
// service its own test allows as many.
const (
	maxReserving = 2
	maxCommands  = 3
)

// TestABookingCostsFewCommands counts what the server is asked for a reservation,
// for what Run does, and for the messages of a moment.
func TestABookingCostsFewCommands(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	const bookings = 50
	var commands atomic.Int64
	o := database(t)
	o.Monitor = counting(&commands)
	s := openAt(t, o)
	e := &event.Event{
		ID: uuid.NewString(), Title: "Event", Status: event.Published, TimeZone: "UTC",
		StartsAt: now.AddDate(0, 1, 0), EndsAt: now.AddDate(0, 1, 1), CreatedAt: now, UpdatedAt: now,
		TicketTypes: []event.TicketType{{ID: uuid.NewString(), Capacity: bookings, Price: money.Amount{AmountMinor: 100, Currency: "EUR"}}},
	}
	must(t, s.Create(t.Context(), e, 1000))
	_, err := s.Get(t.Context(), e.ID) // as every buyer does before
	must(t, err)
	keys := make([]event.Key, bookings)
	count := func(do func(k event.Key) error) float64 {
		before := commands.Load()
		var wg sync.WaitGroup
		for _, k := range keys {
			wg.Go(func() {
				if err := do(k); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return float64(commands.Load()-before) / bookings
	}
	for i := range keys {
		keys[i] = event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
	}
	reserving := count(func(k event.Key) error {
		_, err := s.Reserve(t.Context(), k, []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}}, now)
		return err
	})
	before := commands.Load()
	must(t, s.moveOutPlaced(t.Context()))
	moving := float64(commands.Load()-before) / bookings
	selling := count(func(k event.Key) error { return s.Sell(t.Context(), uuid.NewString(), k) })
	t.Logf("commands of a booking: %.2f to reserve, %.2f to move out, %.2f to sell", reserving, moving, selling)
	if reserving > maxReserving {
		t.Errorf("a reservation makes %.2f commands, want %d at most", reserving, maxReserving)
	}
	if all := reserving + moving + selling; all > maxCommands {
		t.Errorf("a booking makes %.2f commands here, want %d at most", all, maxCommands)
	}
}

func counting(commands *atomic.Int64) *driver.CommandMonitor {
	return &driver.CommandMonitor{Started: func(context.Context, *driver.CommandStartedEvent) { commands.Add(1) }}
}
