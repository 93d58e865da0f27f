package notification

import (
	"sync"
	"time"
)

// ledger is what this process has begun and not recorded yet. A lease keeps
// other processes off a delivery, but ends with time; the ledger keeps our own
// workers off it however long sending and recording take, and knows what has
// been sent: that is recorded as soon as it can be, for the others do not know.
type ledger struct {
	mu      sync.Mutex
	entries map[string]*entry // by the delivery's id
}

type entry struct {
	lease string        // the newest that this process holds
	since time.Time     // when it was asked for, by the monotonic clock
	busy  bool          // a worker is at it
	sent  *Notification // as it is to be recorded; nil when nothing is known to be sent
}

// begin takes n, which is leased since then, for the caller, who shall end it. It is false
// when another worker is at it: n's lease is that worker's now. When n has been
// sent before, sent is what is to be recorded instead of sending it.
func (l *ledger) begin(n Notification, since time.Time) (sent *Notification, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.entries == nil {
		l.entries = map[string]*entry{}
	}
	e := l.entries[n.ID]
	if e == nil {
		e = &entry{}
		l.entries[n.ID] = e
	}
	// They may come in another order than that in which they were leased.
	if !since.Before(e.since) {
		e.lease, e.since = n.Lease, since
	}
	if e.busy {
		return nil, false
	}
	e.busy = true
	return e.sent, true
}

// lease is the newest on the delivery id, which has been begun.
func (l *ledger) lease(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[id].lease
}

// end ends what begin began. A delivery that has been sent and is not recorded
// stays known.
func (l *ledger) end(n Notification, recorded bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if recorded || n.Status != Sent {
		delete(l.entries, n.ID)
		return
	}
	n.Booking, n.Text, n.HTML, n.Calendar = "", "", "", "" // recording an outcome needs none of them
	e := l.entries[n.ID]
	e.busy, e.sent = false, &n
}

// endRecorded ends what begin began, after it was recorded under lease. A newer
// lease is unused: n fell due and was claimed again before this end, and whoever
// claimed it left it to the caller.
func (l *ledger) endRecorded(n Notification, lease string) (unused string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.entries[n.ID]; e.lease != lease {
		unused = e.lease
	}
	delete(l.entries, n.ID)
	return unused
}

// unrecorded takes what has been sent, is not recorded, and no worker is at, for
// the caller, who shall end each.
func (l *ledger) unrecorded() []Notification {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Notification
	for _, e := range l.entries {
		if !e.busy && e.sent != nil {
			e.busy = true
			n := *e.sent
			n.Lease = e.lease
			all = append(all, n)
		}
	}
	return all
}
