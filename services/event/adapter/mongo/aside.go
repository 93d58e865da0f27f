package mongo

import (
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

var asidePauses = retry.Pauses{First: 2 * sweepEvery, Limit: 15 * time.Minute}

// maxAside bounds an aside. If there is more, all of it is tried anew.
const maxAside = 10_000

// aside is the items of one kind that a sweep has failed for. Each is left alone for
// a pause, which grows with every failure, so that all others have their turn. A
// start of the process tries all anew.
type aside struct {
	mu    sync.Mutex
	items map[string]setAside
}

type setAside struct {
	failures int
	until    time.Time
}

// add sets the item aside once more, and returns for how long.
func (a *aside) add(id string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	item := a.items[id]
	if a.items == nil || len(a.items) >= maxAside && item.failures == 0 {
		a.items = map[string]setAside{}
	}
	item.failures++
	pause := asidePauses.After(item.failures)
	item.until = now.Add(pause)
	a.items[id] = item
	return pause
}

func (a *aside) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.items, id)
}

// now returns the ids of what is set aside now.
func (a *aside) now(now time.Time) bson.A {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := bson.A{}
	for id, item := range a.items {
		if now.Before(item.until) {
			ids = append(ids, id)
		}
	}
	return ids
}
