package eventapi

import (
	"context"
	"fmt"
	"sync"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// together lets those who ask for the same event at the same time share an
// answer: while one request is on its way, all who come wait for the next. So
// nobody gets an answer to what was asked before he came, and a rush on one
// event asks for it one request at a time.
type together struct {
	mu   sync.Mutex
	asks map[string]*ask // those on their way, by event
}

// ask is one request, and those who wait for its answer.
type ask struct {
	done   chan struct{} // closed when there is an answer
	answer booking.Availability
	err    error
	next   *ask // what is asked after it; nil while nobody waits for it
}

// get answers with what fetch returns, which began after the call of get. The
// caller's ctx ends its waiting, not the request of others.
func (t *together) get(ctx context.Context, eventID string, fetch func(ctx context.Context) (booking.Availability, error)) (booking.Availability, error) {
	if err := ctx.Err(); err != nil {
		return booking.Availability{}, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, err)
	}
	t.mu.Lock()
	var mine *ask
	if last := t.asks[eventID]; last == nil {
		mine = &ask{done: make(chan struct{})}
		t.asks[eventID] = mine
		go t.run(context.WithoutCancel(ctx), eventID, mine, fetch)
	} else {
		if last.next == nil {
			last.next = &ask{done: make(chan struct{})}
		}
		mine = last.next
	}
	t.mu.Unlock()
	select {
	case <-mine.done:
		return mine.answer, mine.err
	case <-ctx.Done():
		return booking.Availability{}, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, ctx.Err())
	}
}

// run asks, one time after the other, until nobody waits.
func (t *together) run(ctx context.Context, eventID string, a *ask, fetch func(ctx context.Context) (booking.Availability, error)) {
	for a != nil {
		a.answer, a.err = fetch(ctx)
		close(a.done)
		t.mu.Lock()
		if a = a.next; a != nil {
			t.asks[eventID] = a
		} else {
			delete(t.asks, eventID)
		}
		t.mu.Unlock()
	}
}
