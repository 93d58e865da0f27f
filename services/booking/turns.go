package booking

import (
	"context"
	"sync"
	"time"
)

// turns lets the creations of a user, or from an address, be stored few at a time.
// Each counts those before it, so a store makes them wait for each other; a client
// with many at a time would otherwise occupy every connection to the database.
type turns struct {
	atOnce int // have a turn at the same time
	limit  int // have a turn or wait for it, in one process

	mu  sync.Mutex
	all map[string]*turn // by user or address
}

// turn is one user's, or one address's.
type turn struct {
	n    int           // creations that have it or wait for it
	busy chan struct{} // has an element for each that has it
}

// begin waits for a turn of key, and returns the function that ends it: a
// *PausedError if wait ends before, or too many have it or wait for it. Nobody
// waits for the key "".
func (t *turns) begin(wait context.Context, key string) (end func(), err error) {
	if key == "" {
		return func() {}, nil
	}
	mine := t.join(key)
	if mine == nil {
		return nil, &PausedError{Reason: ErrTooManyAtOnce, Wait: time.Second}
	}
	select {
	case mine.busy <- struct{}{}:
		return func() {
			<-mine.busy
			t.leave(key, mine)
		}, nil
	case <-wait.Done():
		t.leave(key, mine)
		return nil, &PausedError{Reason: ErrTooManyAtOnce, Wait: time.Second}
	}
}

// join counts one more creation of key; nil if there are too many.
func (t *turns) join(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.all[key]
	switch {
	case mine == nil:
		mine = &turn{busy: make(chan struct{}, t.atOnce)}
		if t.all == nil {
			t.all = map[string]*turn{}
		}
		t.all[key] = mine
	case mine.n >= t.limit:
		return nil
	}
	mine.n++
	return mine
}

func (t *turns) leave(key string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.n--; mine.n == 0 {
		delete(t.all, key)
	}
}
