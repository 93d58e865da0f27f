//go:build integration

package mongo_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// maxCommands is how many commands a booking that is paid makes of this service,
// batches included. Of those of the event service its own test allows as many.
const maxCommands = 3

// TestABookingCostsFewCommands counts what the server is asked for when a booking's
// confirmation is taken in, and its mail and SMS are sent, of a moment's bookings.
func TestABookingCostsFewCommands(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	const bookings = 50
	var commands atomic.Int64
	o := database(t)
	o.Monitor = &event.CommandMonitor{Started: func(context.Context, *event.CommandStartedEvent) { commands.Add(1) }}
	store, at := open(t, o), time.Now()
	count := func(calls int, do func(i int) error) float64 {
		before := commands.Load()
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				if err := do(i); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return float64(commands.Load()-before) / bookings
	}
	var leased []notification.Notification
	records := make([]notification.Record, bookings)
	for i := range records {
		records[i] = record(newID(), newID(), notification.Confirmation, 1, at)
		for k := range records[i].Deliveries {
			n := &records[i].Deliveries[k]
			n.Lease, n.Due = newID(), at.Add(time.Minute)
			leased = append(leased, *n)
		}
	}
	taking := count(bookings, func(i int) error {
		outcome, err := store.Enqueue(t.Context(), records[i])
		if err == nil && outcome != notification.Leased {
			t.Errorf("outcome %q, want leased", outcome)
		}
		return err
	})
	settling := count(len(leased), func(i int) error {
		leased[i].Status = notification.Sent
		return store.Settle(t.Context(), leased[i])
	})
	t.Logf("commands of a booking: %.2f to take its message in, %.2f to settle a mail and an SMS", taking, settling)
	if taking+settling > maxCommands {
		t.Errorf("a booking makes %.2f commands here, want %d at most", taking+settling, maxCommands)
	}
}
