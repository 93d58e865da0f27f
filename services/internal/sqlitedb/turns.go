package sqlitedb

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// turns is the queue of those who wait to write: one has the turn, the others
// get it in the order in which they came.
type turns struct {
	mu      sync.Mutex
	taken   bool
	waiting []*waiter
	tried   int // how often one has tried to begin
}

// waiter waits since the tries were as many.
type waiter struct {
	since  int
	turn   chan *group // holds one
	giveUp context.CancelCauseFunc
}

// wait returns when it is the caller's turn, with the group that is open, if
// one is. Whoever has the turn passes it on.
func (t *turns) wait(ctx context.Context) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil, nil //nolint:nilnil // there is none
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	w := &waiter{since: t.tried, turn: make(chan *group, 1), giveUp: giveUp}
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	select {
	case g := <-w.turn:
		return g, nil
	case <-ctx.Done():
		if t.drop(w) {
			return nil, context.Cause(ctx)
		}
		return <-w.turn, nil // it has come meanwhile
	}
}

// drop takes one out of the queue, if it still stands there.
func (t *turns) drop(w *waiter) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, w)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}

// handOver gives the turn, and the group that is open, to who has waited
// longest, and reports whether anyone waits.
func (t *turns) handOver(g *group) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next(g)
}

// pass gives the turn to who has waited longest, or to who comes next.
func (t *turns) pass() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.taken = t.next(nil)
}

func (t *turns) next(g *group) bool {
	if len(t.waiting) == 0 {
		return false
	}
	t.waiting[0].turn <- g
	t.waiting = slices.Delete(t.waiting, 0, 1)
	return true
}

// try counts one more, and returns which it is.
func (t *turns) try() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tried++
	return t.tried
}

// fail tells it to those who joined before that try: they have waited as long.
func (t *turns) fail(try int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waiting {
		if w.since < try {
			w.giveUp(fmt.Errorf("%w: sqlite: the file could not be locked", storage.ErrUnavailable))
		}
	}
}
