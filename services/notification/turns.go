package notification

import (
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// class is how urgent a notification is. All of a lower class go first.
type class int64

const (
	paidFor class = iota // somebody has paid, and waits for it
	free                 // nothing was paid
	bulk                 // an event is cancelled: one for each of its bookings
)

func classOf(kind Kind, b events.Booking) class {
	switch {
	case kind == EventCancelled:
		return bulk
	case paid(kind, b):
		return paidFor
	}
	return free
}

// paid reports whether money was paid for b, be it given back since.
func paid(kind Kind, b events.Booking) bool {
	switch {
	case kind == PaymentFailed || kind == NotCompleted:
		return false
	case b.Cancellation != nil && !b.Cancellation.Price.IsZero():
		return true
	}
	return !b.Total.IsZero() || !b.Refunded.IsZero()
}

// turns hands out the turns of notifications, by which they are claimed: events
// are served one after the other, each a notification every turnStep, so that
// many for one event do not hold up the few for another. It is what this process
// has handed out: a restart forgets it, and then an event begins anew.
type turns struct {
	mu   sync.Mutex
	last map[string]int64 // of each event, in microseconds since 1970
}

const (
	turnStep  = 50 * time.Millisecond
	classStep = int64(1e17) // more than microseconds since 1970 in a thousand years
	maxTurns  = 10_000      // events that are kept; of the others none has a turn ahead of now
)

// again is the turn of what had this turn and is tried again when it is due: it
// comes after all of its class that came before then.
func again(turn int64, due time.Time) int64 {
	return turn - turn%classStep + max(turn%classStep, due.UnixMicro())
}

// next is the next turn of a notification of class c for an event.
func (t *turns) next(c class, event string, now time.Time) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.UnixMicro()
	if t.last == nil {
		t.last = map[string]int64{}
	}
	if len(t.last) >= maxTurns {
		for e, last := range t.last {
			if last < at {
				delete(t.last, e)
			}
		}
	}
	turn := at
	if last, ok := t.last[event]; ok {
		turn = max(at, last+turnStep.Microseconds())
	}
	t.last[event] = turn
	return int64(c)*classStep + turn
}
