// Package inproc is a broker inside one process.
//
// Its queues are in memory: a process that is killed loses them. That breaks
// no promise, because nobody relies on a queue alone: a publisher keeps its
// message in an outbox until every consumer has receipted it, and publishes
// again what was lost.
package inproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// Why Publish refuses a message.
var (
	ErrFull    = errors.New("a consumer's queue is full")
	ErrStopped = errors.New("the broker has stopped")
	ErrNoID    = errors.New("the message has no ID")
)

// Options configures a Broker. Zero values are the defaults.
type Options struct {
	Log *slog.Logger // slog.Default()

	// MaxAttempts is how often a handler may fail at a message before that is
	// a dead letter: 12, which with the default Backoff takes about 110 s.
	// Failures that broker.IsOutage do not count.
	MaxAttempts int
	// Backoff is the pause after the given failed attempt, the first being 1.
	// By default it doubles from 100 ms up to 30 s.
	Backoff func(attempt int) time.Duration
	// Concurrency is how many messages each consumer handles at a time: 8.
	Concurrency int
	// Capacity is how many messages each consumer may have in memory, those
	// being handled and those waiting for another attempt included: 4096.
	Capacity int
	// HandlerTimeout ends the context of a handler that takes longer: 30 s.
	// It also bounds how long Run waits for handlers once its context ended.
	HandlerTimeout time.Duration
}

// Broker is a broker.Publisher and a broker.Subscriber.
type Broker struct {
	o Options

	mu      sync.Mutex
	queues  map[string][]*queue // by topic
	start   func(*queue)        // non-nil while Run delivers
	stopped bool
	ended   chan struct{} // closed when Run returns
}

var (
	_ broker.Publisher  = (*Broker)(nil)
	_ broker.Subscriber = (*Broker)(nil)
)

// New returns a Broker that takes messages at once and delivers them while Run
// runs.
func New(o Options) *Broker {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.MaxAttempts <= 0 {
		o.MaxAttempts = 12
	}
	if o.Backoff == nil {
		o.Backoff = retry.Pauses{First: 100 * time.Millisecond, Limit: 30 * time.Second}.After
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.Capacity <= 0 {
		o.Capacity = 4096
	}
	if o.HandlerTimeout <= 0 {
		o.HandlerTimeout = 30 * time.Second
	}
	return &Broker{o: o, queues: map[string][]*queue{}, ended: make(chan struct{})}
}

// patience is how long Publish waits for room.
const patience = time.Second

// Publish puts each message of batch, in its order, into the queue of each
// consumer of topic and returns without waiting for any of them to handle it.
// Where a queue is full, it waits a second for room, so that what fills a queue
// goes at its consumer's pace, and others are not given the same again; then that
// message fails, having been put into the others. From then on it fails at once
// until that queue has room: what others are to hear does not wait behind a
// consumer that is stuck. It fails with ctx's error when ctx ends before, and once
// the broker has stopped. A message whose id is in a queue already is not put
// there again: it is the same message.
func (b *Broker) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	return broker.Each(ctx, batch, 1, func(ctx context.Context, m events.Message) error { return b.publish(ctx, topic, m) })
}

func (b *Broker) publish(ctx context.Context, topic string, m events.Message) error {
	_, full, err := b.put(ctx, topic, m)
	if err != nil || len(full) == 0 {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, q := range full {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case q.isStuck():
			err = errors.Join(err, q.fullError())
		default:
			err = errors.Join(err, b.putLate(ctx, waiting, q, m))
		}
	}
	return err
}

// putLate puts m into q, which is full, when it has room, until waiting ends,
// which is ctx with patience.
func (b *Broker) putLate(ctx, waiting context.Context, q *queue, m events.Message) error {
	for last := false; !last; {
		select {
		case <-q.room:
		case <-b.ended:
			return ErrStopped
		case <-waiting.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			last = true // another queue may have used up the time, and this have room
		}
		b.mu.Lock()
		if b.stopped {
			b.mu.Unlock()
			return ErrStopped
		}
		d := q.put(m)
		b.mu.Unlock()
		if d != nil {
			return nil
		}
	}
	q.giveUp()
	return q.fullError()
}

// Deliver is Publish without waiting for room, and returns nil only when every
// consumer of topic has m: its handler does, or it is stored as a dead letter.
// It is ErrStopped when the broker stops before. Where ctx ends before, or a
// queue is full, the others have it all the same.
func (b *Broker) Deliver(ctx context.Context, topic string, m events.Message) error {
	deliveries, full, err := b.put(ctx, topic, m)
	for _, q := range full {
		err = errors.Join(err, q.fullError())
	}
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		select {
		case <-d.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-b.ended:
			select {
			case <-d.done: // the last thing that happened
			default:
				return ErrStopped
			}
		}
	}
	return nil
}

// put puts m into each queue that is not full.
func (b *Broker) put(ctx context.Context, topic string, m events.Message) (deliveries []*delivery, full []*queue, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if m.ID == "" {
		return nil, nil, ErrNoID
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return nil, nil, ErrStopped
	}
	for _, q := range b.queues[topic] {
		if d := q.put(m); d != nil {
			deliveries = append(deliveries, d)
		} else {
			full = append(full, q)
		}
	}
	return deliveries, full, nil
}

// Subscribe implements broker.Subscriber. Each consumer subscribes to a topic
// once.
func (b *Broker) Subscribe(s broker.Subscription) error {
	if s.Topic == "" || s.Consumer == "" || s.Handle == nil || s.DeadLetter == nil {
		return fmt.Errorf("a subscription of %q to %q lacks a part", s.Consumer, s.Topic)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return ErrStopped
	}
	for _, q := range b.queues[s.Topic] {
		if q.Consumer == s.Consumer {
			return fmt.Errorf("%q is subscribed to %q already", s.Consumer, s.Topic)
		}
	}
	q := newQueue(s, b.o)
	b.queues[s.Topic] = append(b.queues[s.Topic], q)
	if b.start != nil {
		b.start(q)
	}
	return nil
}

// Run delivers until ctx ends; then it starts no handler more, waits for those
// that run, and returns nil. It runs once; a Broker that has stopped stays so.
func (b *Broker) Run(ctx context.Context) error {
	b.mu.Lock()
	if b.stopped || b.start != nil {
		b.mu.Unlock()
		return errors.New("the broker has been run already")
	}
	var running sync.WaitGroup
	b.start = func(q *queue) { running.Go(func() { q.run(ctx) }) }
	for _, queues := range b.queues {
		for _, q := range queues {
			b.start(q)
		}
	}
	b.mu.Unlock()

	<-ctx.Done()
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	running.Wait()
	close(b.ended)
	return nil
}
