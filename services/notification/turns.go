package notification

import (
	"cmp"
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

// turns hands out the turns of notifications, by which they are claimed: organizers
// are served one after the other, each a notification every turnStep, so that
// many for one, over however many events, do not hold up the few for another. It is
// what this process has handed out: a restart forgets it, and then an organizer
// begins anew.
//
// Turns are times by a clock of the process's own: it never goes back, whatever
// becomes of the machine's, and is never behind what is being sent. So nobody is
// favoured or starved because the machine's clock was set. Each lane has turns of
// its own, and in these each class has a clock: a lane that is fast, or a class
// that goes first, does not move the clock of those that wait.
type turns struct {
	start time.Time // with the monotonic clock

	mu   sync.Mutex
	base [bulk + 1]int64 // of each class: the time at start, in microseconds since 1970, or later
	last map[queue]int64 // the latest turn of each
}

// queue is where the notifications of one class wait for one organizer.
type queue struct {
	class class
	place string
}

// place is the queue in which b's notifications wait: that of its organizer. A
// message of an earlier release does not name one, and one about a booking that
// failed early does not name an event either.
func place(b events.Booking) string { return cmp.Or(b.Event.OrganizerID, b.Event.ID, b.BookingID) }

const (
	turnStep  = 50 * time.Millisecond
	classStep = int64(1e17) // more than microseconds since 1970 in a thousand years
	maxTurns  = 10_000      // queues that are kept; of the others none has a turn ahead of now
)

func newTurns(now time.Time) *turns {
	at := now.UnixMicro()
	return &turns{start: time.Now(), base: [bulk + 1]int64{at, at, at}, last: map[queue]int64{}}
}

// now is the time of the class's clock. The caller holds t.mu.
func (t *turns) now(c class) int64 { return t.base[c] + time.Since(t.start).Microseconds() }

// classIn is the class of what has this turn.
func classIn(turn int64) class { return min(class(turn/classStep), bulk) }

// serve says that a notification with this turn is being sent.
func (t *turns) serve(turn int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := classIn(turn)
	t.base[c] += max(0, turn%classStep-t.now(c))
}

// again is the turn of what had this turn and is tried again after a pause: it
// comes after all of its class that came before then.
func (t *turns) again(turn int64, pause time.Duration) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return turn - turn%classStep + max(turn%classStep, t.now(classIn(turn))+pause.Microseconds())
}

// next is the next turn of a notification of class c in the queue of a place.
func (t *turns) next(c class, place string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, q := t.now(c), queue{c, place}
	if len(t.last) >= maxTurns {
		for l, last := range t.last {
			if last < t.now(l.class) {
				delete(t.last, l)
			}
		}
	}
	turn := now
	if last, ok := t.last[q]; ok {
		turn = max(now, last+turnStep.Microseconds())
	}
	t.last[q] = turn
	return int64(c)*classStep + turn
}
