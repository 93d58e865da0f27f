package mongo

import (
	"slices"
	"sync"

	"github.com/openboxoffice/boxoffice/services/event"
)

// maxKnown is how many events a process remembers.
const maxKnown = 1000

// known is events as they were read last. Reserve asks for the version that it
// knows, so that an old one is harmless: the tickets are not taken, and it reads
// the event.
type known struct {
	mu sync.Mutex
	by map[string]*event.Event
}

// get returns the event, for the caller to change, or nil.
func (k *known) get(id string) *event.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.by[id]; e != nil {
		return clone(e)
	}
	return nil
}

func (k *known) put(e *event.Event) {
	own := clone(e) // the caller may change the other
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil || len(k.by) >= maxKnown && k.by[e.ID] == nil {
		k.by = map[string]*event.Event{}
	}
	k.by[e.ID] = own
}

func clone(e *event.Event) *event.Event {
	own := *e
	own.TicketTypes = slices.Clone(e.TicketTypes)
	return &own
}
