package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Options is what a Relay needs. Zero durations and numbers are the defaults.
type Options struct {
	Store     Store
	Publisher broker.Publisher
	// Consumers names, for each topic, who must know a message before its
	// entry is closed: topic → consumer → how to ask it. An entry of a topic
	// that is not listed is published and stays open, and the log says so.
	Consumers map[string]map[string]Receipts
	Log       *slog.Logger     // slog.Default()
	Now       func() time.Time // time.Now

	// Interval is how often the relay looks at its store when nobody calls
	// Wake: 500 ms.
	Interval time.Duration
	// CheckAfter is how long after a publication the consumers are asked: 1 s,
	// twice that after the second, and so on up to MaxPause.
	CheckAfter time.Duration
	// Grace is the least time between two publications of a message: 5 s. A
	// consumer that is merely slow is not sent everything twice.
	Grace time.Duration
	// MaxPause bounds every back-off: 30 s.
	MaxPause time.Duration
	// Keep is how long closed entries stay: 24 h.
	Keep time.Duration
	// Batch is how many entries are claimed at a time: 256.
	Batch int
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for d, value := range map[*time.Duration]time.Duration{
		&o.Interval: 500 * time.Millisecond, &o.CheckAfter: time.Second, &o.Grace: 5 * time.Second,
		&o.MaxPause: 30 * time.Second, &o.Keep: 24 * time.Hour,
	} {
		if *d <= 0 {
			*d = value
		}
	}
	if o.Batch <= 0 {
		o.Batch = 256
	}
}

const (
	// lease is how long the entries of a batch are this relay's: longer than
	// the longest step, which publishes twice and asks once.
	lease          = 30 * time.Second
	publishTimeout = 10 * time.Second
	askTimeout     = 2 * time.Second
	writeTimeout   = 5 * time.Second

	// gather is the least time between the end of a batch and the next look: in a
	// sale each message wakes the relay, and would be a batch of its own.
	gather = 20 * time.Millisecond

	// probe is how many messages are tried first in an outage.
	probe = 16

	// maxPublishPause is short because everything waits for it.
	maxPublishPause = 10 * time.Second

	// maxUnreadablePause is how long an entry that cannot be read waits at most.
	maxUnreadablePause = 5 * time.Minute

	// clocksDiffer is how far the clocks of two relays may differ before one ends
	// what the other stored: it is short, for a message may be published twice.
	clocksDiffer = 5 * time.Second

	// bringForward runs every forwardEvery.
	forwardEvery = 10 * time.Second

	pruneEvery = time.Hour
)

// Relay carries the entries of one outbox to the broker. Several may work on
// one outbox.
type Relay struct {
	o    Options
	wake chan struct{}

	storing    outage
	publishing outage
	consumers  map[string][]*consumer // by topic
}

// NewRelay checks o.
func NewRelay(o Options) (*Relay, error) {
	if o.Store == nil || o.Publisher == nil {
		return nil, errors.New("an outbox relay needs a store and a publisher")
	}
	o.setDefaults()
	r := &Relay{
		o: o, wake: make(chan struct{}, 1), consumers: map[string][]*consumer{},
		storing:    outage{log: o.Log, what: "the outbox's store", limit: o.MaxPause},
		publishing: outage{log: o.Log, what: "publishing", limit: min(o.MaxPause, maxPublishPause)},
	}
	for topic, asked := range o.Consumers {
		r.consumers[topic] = []*consumer{}
		for name, receipts := range asked {
			if receipts == nil {
				return nil, errors.New("an outbox relay cannot ask the consumer " + name)
			}
			r.consumers[topic] = append(r.consumers[topic], &consumer{
				Receipts: receipts,
				outage:   outage{log: o.Log.With("topic", topic, "consumer", name), what: "asking for receipts", limit: o.MaxPause},
			})
		}
	}
	return r, nil
}

// Wake makes the relay look at its store at once; a service calls it after it
// has committed a message. It never blocks, and a call before or after Run is
// harmless.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run publishes, asks and closes until ctx ends; then it returns nil, after
// what it was doing has stopped. It runs once at a time.
func (r *Relay) Run(ctx context.Context) error {
	var aside sync.WaitGroup
	defer aside.Wait()
	aside.Go(func() { _ = worker.Every(ctx, r.o.Log, pruneEvery, "pruning closed messages", r.prune) })
	aside.Go(func() { _ = worker.Every(ctx, r.o.Log, forwardEvery, "bringing due times forward", r.bringForward) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		pause, wake := r.o.Interval, r.wake
		var found int
		err := worker.Try(ctx, r.o.Log, "relay", func() (err error) {
			found, err = r.step(ctx)
			return err
		})
		now := r.o.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			pause, wake = r.storing.failed(now, err).Sub(now), nil
		default:
			r.storing.ended()
			if r.publishing.active(now) { // what is new waits, too
				pause, wake = r.publishing.until.Sub(now), nil
			} else if found == r.o.Batch { // there may be more
				pause = 0
			} else if found > 0 {
				timer.Reset(gather)
				select {
				case <-ctx.Done():
					return nil
				case <-timer.C:
				}
			}
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-timer.C:
		}
	}
}

// prune forgets closed entries. Messages do not wait for it, and go out when it
// fails.
func (r *Relay) prune(ctx context.Context) error {
	return r.o.Store.Prune(ctx, r.o.Now().Add(-r.o.Keep))
}

// bringForward sees to it that no entry waits for a time that a wrong clock has
// set.
func (r *Relay) bringForward(ctx context.Context) error {
	return r.o.Store.BringForward(ctx, r.o.Now().Add(max(lease, maxUnreadablePause, r.o.MaxPause)+clocksDiffer))
}

// step works on one batch, and returns how many entries it has found.
func (r *Relay) step(ctx context.Context) (found int, err error) {
	now := r.o.Now()
	entries, err := r.o.Store.Claim(ctx, now, now.Add(lease), r.o.Batch)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	var fresh, sent []Entry
	for _, e := range entries {
		if e.Attempts == 0 {
			fresh = append(fresh, e)
		} else {
			sent = append(sent, e)
		}
	}
	var f findings
	r.publish(ctx, fresh, &f) // first: somebody waits for it
	r.publish(ctx, r.ask(ctx, sent, &f), &f)
	return len(entries), r.write(ctx, f)
}

// findings is what one step has to write down.
type findings struct {
	published map[time.Duration][]string // by when to ask about it
	postponed map[time.Time][]string     // by when to look again
	known     []string
}

func (f *findings) publish(id string, check time.Duration) {
	if f.published == nil {
		f.published = map[time.Duration][]string{}
	}
	f.published[check] = append(f.published[check], id)
}

func (f *findings) postpone(id string, next time.Time) {
	if f.postponed == nil {
		f.postponed = map[time.Time][]string{}
	}
	next = together(next)
	f.postponed[next] = append(f.postponed[next], id)
}

// together is t up to a whole tenth of a second, so that many entries share one
// statement, and then one question to each consumer.
func together(t time.Time) time.Time {
	return t.Truncate(100 * time.Millisecond).Add(100 * time.Millisecond)
}

// write writes f down even when ctx has ended: what was published and is not
// marked would be published again.
func (r *Relay) write(ctx context.Context, f findings) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	now := r.o.Now()
	var errs []error
	if len(f.known) > 0 {
		errs = append(errs, r.o.Store.Close(ctx, f.known, now))
	}
	for check, ids := range f.published {
		errs = append(errs, r.o.Store.Published(ctx, ids, now, together(now.Add(check))))
	}
	for next, ids := range f.postponed {
		errs = append(errs, r.o.Store.Postpone(ctx, ids, next))
	}
	return errors.Join(errs...)
}
