package outbox

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

var errSkipped = errors.New("not tried: publishing fails")

// publish gives entries to the broker. When nothing gets through, the rest is
// not tried and the relay pauses; a single message that the broker refuses
// holds up none of the others.
func (r *Relay) publish(ctx context.Context, entries []Entry, f *findings) {
	entries = r.readable(entries, f)
	now := r.o.Now()
	switch {
	case len(entries) == 0:
		return
	case r.publishing.active(now):
		for _, e := range entries {
			f.postpone(e.Message.ID, r.publishing.until)
		}
		return
	}
	errs := r.publishAll(ctx, entries)
	if ctx.Err() != nil { // the relay stops; nothing has failed
		for i, e := range entries {
			if errs[i] == nil {
				f.publish(e.Message.ID, r.checkAfter(e.Attempts+1))
			} else {
				f.postpone(e.Message.ID, now)
			}
		}
		return
	}
	succeeded := false
	for i, e := range entries {
		succeeded = succeeded || getsThrough(errs[i])
		if errs[i] == nil {
			f.publish(e.Message.ID, r.checkAfter(e.Attempts+1))
		}
	}
	now = r.o.Now()
	next := now
	if succeeded {
		r.publishing.ended()
	} else {
		next = r.publishing.failed(now, errs[0])
	}
	var refused []error
	for i, e := range entries {
		switch {
		case errs[i] == nil:
		case errors.Is(errs[i], errSkipped):
			f.postpone(e.Message.ID, next)
		default:
			// Later than what was not tried, or a few that are always refused
			// would always come first.
			refused = append(refused, errs[i])
			f.postpone(e.Message.ID, later(next, now.Add(r.patience(now, e))))
		}
	}
	if succeeded && len(refused) > 0 {
		r.o.Log.Warn("the broker refuses some messages", "refused", len(refused), "of", len(entries), "error", refused[0])
	}
}

// readable returns the entries that can be published. It puts the others off for
// as long as they exist, which doubles each time, up to a limit. From then on the
// log has a line an hour.
func (r *Relay) readable(entries []Entry, f *findings) []Entry {
	some := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if e.Unreadable == nil {
			some = append(some, e)
			continue
		}
		now := r.o.Now()
		age := now.Sub(e.Message.Time)
		pause := max(r.o.CheckAfter, min(age, maxUnreadablePause))
		if pause < maxUnreadablePause || age%time.Hour < pause {
			r.o.Log.Error("an outbox entry cannot be read and is not published", "id", e.Message.ID, "topic", e.Topic, "next_try", pause, "error", e.Unreadable)
		}
		f.postpone(e.Message.ID, now.Add(pause))
	}
	return some
}

// publishAll returns the error of each entry. In an outage it tries a few first,
// and the rest when one of them gets through.
func (r *Relay) publishAll(ctx context.Context, entries []Entry) []error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	first := len(entries)
	if r.publishing.failures > 0 {
		first = min(first, probe)
	}
	errs := r.publishTopics(ctx, entries[:first])
	rest := entries[first:]
	if len(rest) > 0 && ctx.Err() == nil && slices.ContainsFunc(errs, getsThrough) {
		return append(errs, r.publishTopics(ctx, rest)...)
	}
	for range rest {
		errs = append(errs, errSkipped)
	}
	return errs
}

// publishTopics publishes the entries of each topic as one batch, and the topics
// at one time. It returns the error of each entry.
func (r *Relay) publishTopics(ctx context.Context, entries []Entry) []error {
	batches := map[string][]events.Message{}
	for _, e := range entries {
		batches[e.Topic] = append(batches[e.Topic], e.Message)
	}
	failed := make(map[string]error, len(entries)) // by message
	var mu sync.Mutex
	var topics sync.WaitGroup
	for topic, batch := range batches {
		topics.Go(func() {
			for id, err := range r.publishBatch(ctx, topic, batch) {
				mu.Lock()
				failed[id] = err
				mu.Unlock()
			}
		})
	}
	topics.Wait()
	errs := make([]error, len(entries))
	for i, e := range entries {
		errs[i] = failed[e.Message.ID]
	}
	return errs
}

// publishBatch returns the errors of the messages that failed. A batch that
// publishing panics at is published message by message, so that one of them does
// not keep the others back.
func (r *Relay) publishBatch(ctx context.Context, topic string, batch []events.Message) map[string]error {
	attrs := []any{"topic", topic, "messages", len(batch)}
	if len(batch) == 1 {
		attrs = append(attrs, "id", batch[0].ID, "type", batch[0].Type)
	}
	err := worker.Try(ctx, r.o.Log, "relay", func() error { return r.o.Publisher.Publish(ctx, topic, batch...) }, attrs...)
	failed := map[string]error{}
	_, each := errors.AsType[broker.BatchError](err)
	for _, m := range batch {
		if !each && worker.Panicked(err) && len(batch) > 1 {
			maps.Copy(failed, r.publishBatch(ctx, topic, []events.Message{m}))
		} else if why := broker.Failure(err, m.ID); why != nil {
			failed[m.ID] = why
		}
	}
	return failed
}

// getsThrough reports whether the broker answers, whatever became of the
// message. A panic says something about its message alone.
func getsThrough(err error) bool {
	return err == nil || errors.Is(err, broker.ErrPartly) || worker.Panicked(err)
}

// checkAfter is how long after the nth publication of a message its consumers
// are asked.
func (r *Relay) checkAfter(n int) time.Duration {
	return retry.Pauses{First: r.o.CheckAfter, Limit: r.o.MaxPause}.After(n)
}

// patience is how long a message that is refused waits: as long as it exists,
// which doubles each time, up to MaxPause.
func (r *Relay) patience(now time.Time, e Entry) time.Duration {
	return max(r.o.CheckAfter, min(now.Sub(e.Message.Time), r.o.MaxPause))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
