package eventtest_test

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/event"
)

// add makes tickets available, as far as there are so many.
func (b broken) add(ctx context.Context, k event.Key, items []event.Request) error {
	for _, item := range items {
		if err := b.exec(ctx, `UPDATE ticket_types SET available = min(capacity, available + ?) WHERE event_id = ? AND id = ?`,
			item.Quantity, k.EventID, item.TicketTypeID); err != nil {
			return err
		}
	}
	return nil
}

type returnsAgain struct{ broken }

func (b returnsAgain) Return(ctx context.Context, k event.Key, _ string, items []event.Request) error {
	return b.Store.Return(ctx, k, uuid.NewString(), items)
}

// looksFirst lets others look, too, before it gives back.
type looksFirst struct {
	broken
	mu   sync.Mutex
	seen map[string]bool
}

func (b *looksFirst) Return(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	b.mu.Lock()
	seen := b.seen[returnID]
	b.mu.Unlock()
	if seen {
		return b.Store.Return(ctx, k, returnID, items)
	}
	others.Wait()
	if err := b.Store.Return(ctx, k, uuid.NewString(), items); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[returnID] = true
	return nil
}

type returnsMore struct{ broken }

func (b returnsMore) Return(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	err := b.Store.Return(ctx, k, returnID, items)
	if errors.Is(err, event.ErrReturnTooMany) {
		return b.add(ctx, k, items)
	}
	return err
}

type takesAnyReturn struct{ broken }

func (b takesAnyReturn) Return(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	if err := b.Store.Return(ctx, k, returnID, items); !errors.Is(err, event.ErrReservationMismatch) {
		return err
	}
	return nil
}

// forgetsReturns gives all back that was reserved.
type forgetsReturns struct{ broken }

func (b forgetsReturns) Release(ctx context.Context, k event.Key) error {
	r, err := b.Reservation(ctx, k)
	open := err == nil && r.State != event.Released
	rest := 0
	if open {
		e, err := b.Get(ctx, k.EventID)
		if err != nil {
			return err
		}
		rest = e.Available()
	}
	if err := b.Store.Release(ctx, k); err != nil || !open {
		return err
	}
	e, err := b.Get(ctx, k.EventID)
	if err != nil {
		return err
	}
	reserved := 0
	for _, item := range r.Items {
		reserved += item.Quantity
	}
	more := reserved - (e.Available() - rest)
	return b.add(ctx, k, []event.Request{{TicketTypeID: r.Items[len(r.Items)-1].TicketTypeID, Quantity: more}})
}

type returnsReleased struct{ broken }

func (b returnsReleased) Return(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	r, err := b.Reservation(ctx, k)
	if err := b.Store.Return(ctx, k, returnID, items); err != nil {
		return err
	}
	if err == nil && r.State == event.Released {
		return b.add(ctx, k, items)
	}
	return nil
}

type recordsReturns struct{ broken }

func (b recordsReturns) ReturnHeard(ctx context.Context, messageID string, k event.Key, _ string, _ []event.Request) error {
	return b.Store.Sell(ctx, messageID, k)
}
