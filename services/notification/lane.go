package notification

import (
	"sync/atomic"
	"time"
)

// A service leases ahead of its workers, so that one claim serves many
// deliveries, and what has just come needs none: ahead is for how many there is
// room for each worker, beside the one that it is at, and lead how long a lease
// may wait for a worker.
const (
	ahead = 8
	lead  = 5 * time.Second
)

// lane is how one channel's deliveries are claimed and sent: beside those of the
// other, which may be slow or hang.
type lane struct {
	channel Channel
	workers int
	wake    chan struct{}
	turns   *turns

	room   chan struct{} // as many as are leased here, by workers or ahead of them
	ready  chan leased
	behind atomic.Bool // more is due than there was room for
}

func newLane(c Channel, workers int, now time.Time) *lane {
	room := workers * (1 + ahead)
	return &lane{
		channel: c, workers: workers, wake: make(chan struct{}, 1), turns: newTurns(now),
		room: make(chan struct{}, room), ready: make(chan leased, room),
	}
}

// leased is a delivery that waits for a worker, leased since then.
type leased struct {
	Notification
	since   time.Time
	claimed bool // not from its birth
}

// occupy takes room for a delivery, if there is any.
func (l *lane) occupy() bool {
	select {
	case l.room <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l *lane) vacate(n int) {
	for range n {
		<-l.room
	}
}

// reserve takes room for a delivery that is about to be stored, if a worker can
// have it at once. Then it may be stored with a lease, and is for hand, or vacate.
func (s *Service) reserve(l *lane) bool {
	if l.behind.Load() || !l.occupy() { // what is older comes first
		return false
	}
	// Asked last: from when it has stopped, Run waits until nothing is reserved.
	if !s.running.Load() {
		l.vacate(1)
		return false
	}
	return true
}

// hand gives the workers what was reserved for and is stored.
func (s *Service) hand(ns []Notification, since time.Time) {
	for _, n := range ns {
		s.lanes[n.Channel].ready <- leased{n, since, false}
	}
}
