package inproc

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

var errPanicked = errors.New("the handler panicked")

// queue is what one consumer has yet to hear. A message in it is ready, waits
// out a pause, or is being handled; only the last of these takes a worker.
type queue struct {
	broker.Subscription
	o   Options
	log *slog.Logger

	mu      sync.Mutex
	ready   []*delivery
	waiting waiting
	size    int                  // messages in all three states
	ids     map[string]*delivery // theirs
	stuck   bool                 // it had no room for as long as a publisher waits, and has none since

	wake chan struct{} // holds one token when run must look again
	room chan struct{} // and this when there may be room
}

// delivery is one message on its way to one consumer.
type delivery struct {
	m        events.Message
	attempts int // at Handle, or at DeadLetter once dead
	failures int // those of the attempts at Handle that count
	dead     bool
	reason   string
	due      time.Time
	done     chan struct{} // closed when the consumer has it
}

func newQueue(s broker.Subscription, o Options) *queue {
	return &queue{
		Subscription: s, o: o, log: o.Log.With("topic", s.Topic, "consumer", s.Consumer),
		ids: map[string]*delivery{}, wake: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

// put returns the delivery of m, which may have been there; nil if there was no
// room for it.
func (q *queue) put(m events.Message) *delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d, there := q.ids[m.ID]; there && m.ID != "" {
		q.pass()
		return d
	}
	if q.size >= q.o.Capacity {
		return nil
	}
	m.Data = bytes.Clone(m.Data)
	d := &delivery{m: m, done: make(chan struct{})}
	q.size++
	q.ids[m.ID] = d
	q.ready = append(q.ready, d)
	signal(q.wake)
	q.pass()
	return d
}

// pass tells the next who waits for room that there is some left. Who was told
// before may have taken all, some, or none. The caller holds mu.
func (q *queue) pass() {
	if q.size < q.o.Capacity {
		signal(q.room)
	}
}

// giveUp notes that somebody has waited for room in vain.
func (q *queue) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stuck = q.size >= q.o.Capacity
}

// isStuck reports whether nobody need wait for room.
func (q *queue) isStuck() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stuck
}

func (q *queue) fullError() error { return fmt.Errorf("%w: %s", ErrFull, q.Consumer) }

func signal(token chan struct{}) {
	select {
	case token <- struct{}{}:
	default:
	}
}

// run hands deliveries to workers until ctx ends, then waits for the workers.
func (q *queue) run(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, q.o.Concurrency)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case slots <- struct{}{}:
		}
		for {
			if ctx.Err() != nil {
				return
			}
			d, pause := q.next()
			if d != nil {
				workers.Go(func() {
					defer func() { <-slots }()
					q.deliver(ctx, d)
				})
				break
			}
			timer.Reset(pause)
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
			case <-timer.C:
			}
		}
	}
}

// next takes the delivery to start now; without one it says how long there
// will be none unless wake is signalled.
func (q *queue) next() (*delivery, time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for len(q.waiting) > 0 && !q.waiting[0].due.After(now) {
		q.ready = append(q.ready, heap.Pop(&q.waiting).(*delivery))
	}
	if len(q.ready) > 0 {
		d := q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		return d, 0
	}
	q.ready = nil // lets go of the array behind what was taken
	if len(q.waiting) > 0 {
		return nil, q.waiting[0].due.Sub(now)
	}
	return nil, time.Hour
}

// deliver calls the handler once. The end of ctx does not reach the handler:
// what has begun may finish.
func (q *queue) deliver(ctx context.Context, d *delivery) {
	err := errPanicked // stands if the handler never returns
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("a message handler panicked", "id", d.m.ID, "type", d.m.Type, "panic", p, "stack", string(debug.Stack()))
		}
		q.settle(d, err)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.o.HandlerTimeout)
	defer cancel()
	m := d.m
	m.Data = bytes.Clone(m.Data) // a handler may keep or change its own
	if d.dead {
		err = q.DeadLetter(ctx, m, d.reason)
	} else {
		err = q.Handle(ctx, m)
	}
}

// settle forgets d when the consumer has it, and otherwise decides when it is
// tried again, and how.
func (q *queue) settle(d *delivery, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		q.size--
		delete(q.ids, d.m.ID)
		close(d.done)
		q.stuck = false
		signal(q.room)
		return
	}
	d.attempts++
	if !broker.IsOutage(err) {
		d.failures++
	}
	log := q.log.With("id", d.m.ID, "type", d.m.Type, "attempt", d.attempts, "error", err)
	if !d.dead && (errors.Is(err, broker.ErrReject) || d.failures >= q.o.MaxAttempts) {
		log.Error("a message becomes a dead letter")
		d.dead, d.reason, d.attempts = true, err.Error(), 0
		q.ready = append(q.ready, d)
	} else {
		level := slog.LevelDebug
		if d.attempts == 1 { // an outage is not told once per attempt
			level = slog.LevelWarn
		}
		log.Log(context.Background(), level, "a message will be delivered again")
		d.due = time.Now().Add(q.o.Backoff(d.attempts))
		heap.Push(&q.waiting, d)
	}
	signal(q.wake)
}

// waiting is a heap, the delivery that is due first on top.
type waiting []*delivery

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].due.Before(w[j].due) }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(d any)        { *w = append(*w, d.(*delivery)) }
func (w *waiting) Pop() any {
	old := *w
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return d
}
