package rest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// throttle refuses a key that had its limit of strikes within a window. An
// attempt under way counts as a strike to be: however many come at once, no
// more than the limit can fail. Those beyond it wait for the outcome of the
// others, so that many good ones at once all pass.
type throttle[K comparable] struct {
	limit  int
	window time.Duration
	now    func() time.Time

	mu      sync.Mutex
	entries *simplelru.LRU[K, *entry]
}

// maxWaiters is how many wait for the outcome of others with the same key.
const maxWaiters = 100

type entry struct {
	strikes, pending, waiting int

	resets  time.Time     // when the strikes are forgotten
	changed chan struct{} // closed when an attempt ends
}

// errThrottled says how long to stay away.
type errThrottled struct{ wait time.Duration }

func (e *errThrottled) Error() string { return fmt.Sprintf("throttled for %s", e.wait) }

// outcome is how an attempt ended.
type outcome int

const (
	void   outcome = iota // it told nobody anything
	strike                // it counts
	pardon                // it makes up for all strikes before
)

func newThrottle[K comparable](limit int, window time.Duration, now func() time.Time) *throttle[K] {
	entries, err := simplelru.NewLRU[K, *entry](remembered, nil)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &throttle[K]{limit: limit, window: window, now: now, entries: entries}
}

// begin lets an attempt of key begin, and returns how to end it, once. It
// returns *errThrottled for a key that has its strikes, or ctx's error.
func (t *throttle[K]) begin(ctx context.Context, key K) (end func(outcome), err error) {
	for {
		e, changed, err := t.enter(key)
		if err != nil {
			return nil, err
		}
		if changed == nil {
			return func(o outcome) { t.leave(e, o) }, nil
		}
		select {
		case <-changed:
			t.stopWaiting(e)
		case <-ctx.Done():
			t.stopWaiting(e)
			return nil, ctx.Err()
		}
	}
}

func (t *throttle[K]) stopWaiting(e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.waiting--
}

// add counts a strike that was no attempt begun.
func (t *throttle[K]) add(key K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.strike(t.of(key))
}

// full returns *errThrottled for a key that has its strikes.
func (t *throttle[K]) full(key K) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.of(key); e.strikes >= t.limit {
		return &errThrottled{e.resets.Sub(t.now())}
	}
	return nil
}

// struck reports whether key has a strike.
func (t *throttle[K]) struck(key K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of(key).strikes > 0
}

// of returns the entry of key. The caller holds mu.
func (t *throttle[K]) of(key K) *entry {
	e, ok := t.entries.Get(key)
	if !ok {
		e = &entry{changed: make(chan struct{})}
		t.entries.Add(key, e)
	}
	if !t.now().Before(e.resets) {
		e.strikes = 0
	}
	return e
}

func (t *throttle[K]) strike(e *entry) {
	if e.strikes == 0 {
		e.resets = t.now().Add(t.window)
	}
	e.strikes++
}

// enter counts key as pending, or returns what to wait for.
func (t *throttle[K]) enter(key K) (*entry, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.of(key)
	switch {
	case e.strikes >= t.limit:
		return nil, nil, &errThrottled{e.resets.Sub(t.now())}
	case e.strikes+e.pending >= t.limit && e.waiting >= maxWaiters:
		return nil, nil, &errThrottled{time.Second}
	case e.strikes+e.pending >= t.limit:
		e.waiting++
		return e, e.changed, nil
	}
	e.pending++
	return e, nil, nil
}

func (t *throttle[K]) leave(e *entry, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.pending--
	switch o {
	case void:
	case pardon:
		e.strikes = 0
	case strike:
		t.strike(e)
	}
	close(e.changed)
	e.changed = make(chan struct{})
}
