package booking

import (
	"context"
	"sync"
	"time"
)

// maxAtOnce is how many creations of one user may be stored or wait for it, in one
// process.
const maxAtOnce = 64

// turns lets the creations of a user be stored one after the other. Each counts
// those before it, so a store makes them wait for each other; a user with many at
// a time would otherwise occupy every connection to the database.
type turns struct {
	mu    sync.Mutex
	users map[string]*turn
}

// turn is one user's.
type turn struct {
	n    int           // creations that have it or wait for it
	busy chan struct{} // has an element while one has it
}

// begin waits for the user's turn, and returns the function that ends it: a
// *PausedError if wait ends before, or maxAtOnce have it or wait for it.
func (t *turns) begin(wait context.Context, userID string) (end func(), err error) {
	mine := t.join(userID)
	if mine == nil {
		return nil, &PausedError{Reason: ErrTooManyAtOnce, Wait: time.Second}
	}
	select {
	case mine.busy <- struct{}{}:
		return func() {
			<-mine.busy
			t.leave(userID, mine)
		}, nil
	case <-wait.Done():
		t.leave(userID, mine)
		return nil, &PausedError{Reason: ErrTooManyAtOnce, Wait: time.Second}
	}
}

// join counts one more creation of a user; nil if there are too many.
func (t *turns) join(userID string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.users[userID]
	switch {
	case mine == nil:
		mine = &turn{busy: make(chan struct{}, 1)}
		if t.users == nil {
			t.users = map[string]*turn{}
		}
		t.users[userID] = mine
	case mine.n >= maxAtOnce:
		return nil
	}
	mine.n++
	return mine
}

func (t *turns) leave(userID string, mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.n--; mine.n == 0 {
		delete(t.users, userID)
	}
}
