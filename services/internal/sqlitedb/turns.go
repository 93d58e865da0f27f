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
	since int
	turn  chan turn // holds one
}

// turn is one's turn, with the group that is open, if one is; or why it does not
// come.
type turn struct {
	group *group
	err   error
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
	w := &waiter{since: t.tried, turn: make(chan turn, 1)}
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	select {
	case mine := <-w.turn:
		return mine.group, mine.err
	case <-ctx.Done():
		if t.drop(w) {
			return nil, ctx.Err()
		}
		mine := <-w.turn // it has come meanwhile
		return mine.group, mine.err
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
	t.waiting[0].turn <- turn{group: g}
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

// fail sends those away who joined before that try: they have waited as long.
func (t *turns) fail(try int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, func(w *waiter) bool {
		if w.since >= try {
			return false
		}
		w.turn <- turn{err: fmt.Errorf("%w: sqlite: the file could not be locked", storage.ErrUnavailable)}
		return true
	})
}
