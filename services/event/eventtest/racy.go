package eventtest

import (
	"context"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
)

// Racy returns inv, which is store's, with the classic defect: Reserve looks
// whether tickets are left, lets others look too, and then takes them without
// looking again. Whoever comes too late has a reservation of tickets that
// another has. It is for the control runs that show that a test catches
// overselling.
func Racy(store event.Store, inv event.Inventory) event.Inventory {
	return racy{Inventory: inv, store: store}
}

type racy struct {
	event.Inventory
	store event.Store
}

// raceWindow is the time between looking and taking. Real code has no wait
// there: it only makes certain what would happen now and then.
const raceWindow = 20 * time.Millisecond

func (r racy) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	e, err := r.store.Get(ctx, k.EventID)
	if err != nil {
		return nil, err
	}
	items, refusal := e.Reserve(want, now)
	select {
	case <-ctx.Done():
	case <-time.After(raceWindow):
	}
	held, err := r.Inventory.Reserve(ctx, k, want, now)
	if errors.Is(err, event.ErrSoldOut) && refusal == nil {
		return &event.Reservation{Key: k, State: event.Held, Event: e.Snapshot(), Items: items}, nil
	}
	return held, err
}
