package sqlite

import (
	"slices"
	"sync"

	"github.com/openboxoffice/boxoffice/services/event"
)

// versions name what an event is at one moment: whatever changes it raises one
// of them, and no id is used twice.
type versions struct {
	id                 string
	version, inventory int64
}

// cache has the events that were read last. Each statement says which versions
// it sees, and only what is of those is taken from here: there is nothing to
// expire, and another process may change the file. Only what is committed
// belongs here: what a transaction undoes, another one makes under the same
// versions. BenchmarkRead of the REST adapter takes twice the CPU for a list without.
type cache struct {
	mu     sync.RWMutex
	events map[string]*event.Event // none of them changes
}

// maxCached bounds the cache: with the longest descriptions it has some tens of
// megabytes, and usually one.
const maxCached = 1000

// get returns a copy of the event, and whether it is there.
func (c *cache) get(v versions) (event.Event, bool) {
	c.mu.RLock()
	e := c.events[v.id]
	c.mu.RUnlock()
	if e == nil || e.Version != v.version || e.Inventory != v.inventory {
		return event.Event{}, false
	}
	return clone(e), true
}

// put keeps a copy of e.
func (c *cache) put(e *event.Event) {
	kept := clone(e)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) >= maxCached && c.events[e.ID] == nil {
		clear(c.events) // what is asked for often is soon back
	}
	c.events[e.ID] = &kept
}

func clone(e *event.Event) event.Event {
	other := *e
	other.TicketTypes = slices.Clone(e.TicketTypes)
	return other
}
