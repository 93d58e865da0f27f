package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// consumer is one who must know the messages of a topic, and whether it
// answers.
type consumer struct {
	Receipts
	outage outage
}

// ask asks the consumers about entries that were published, and returns those
// to publish again: those which a consumer that answers does not know although
// it has had the time. A consumer that does not answer closes nothing, and
// keeps nothing from the others.
func (r *Relay) ask(ctx context.Context, entries []Entry, f *findings) (again []Entry) {
	byTopic := map[string][]Entry{}
	for _, e := range entries {
		byTopic[e.Topic] = append(byTopic[e.Topic], e)
	}
	for topic, entries := range byTopic {
		consumers, listed := r.consumers[topic]
		if !listed {
			r.o.Log.Error("an outbox entry has a topic that nobody is known to consume", "topic", topic, "entries", len(entries))
			for _, e := range entries {
				f.postpone(e.Message.ID, r.o.Now().Add(r.o.MaxPause))
			}
			continue
		}
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.Message.ID
		}
		missed, silentUntil := r.askAll(ctx, consumers, ids)
		now := r.o.Now()
		for _, e := range entries {
			id := e.Message.ID
			patient := e.PublishedAt.Add(max(r.o.Grace, r.checkAfter(e.Attempts)))
			setBack := now.Before(e.PublishedAt.Add(-clocksDiffer)) // the clock, since then
			switch {
			case missed[id] && now.Before(patient) && !setBack:
				f.postpone(id, patient)
			case missed[id]:
				again = append(again, e)
			case !silentUntil.IsZero():
				f.postpone(id, silentUntil)
			default:
				f.known = append(f.known, id)
			}
		}
	}
	return again
}

// askAll returns which ids some consumer that answered does not know, and,
// when some did not answer, when to ask again; else the zero time.
func (r *Relay) askAll(ctx context.Context, consumers []*consumer, ids []string) (missed map[string]bool, silentUntil time.Time) {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	missed = map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range consumers {
		wg.Go(func() {
			known, until := r.askOne(asking, c, ids)
			mu.Lock()
			defer mu.Unlock()
			if !until.IsZero() {
				silentUntil = later(silentUntil, until)
				return
			}
			for _, id := range ids {
				if !known[id] {
					missed[id] = true
				}
			}
		})
	}
	wg.Wait()
	return missed, silentUntil
}

// askOne leaves a consumer alone that did not answer a moment ago.
func (r *Relay) askOne(ctx context.Context, c *consumer, ids []string) (known map[string]bool, silentUntil time.Time) {
	if now := r.o.Now(); c.outage.active(now) {
		return nil, c.outage.until
	}
	var answer []string
	err := worker.Try(ctx, r.o.Log, "relay", func() (err error) {
		answer, err = c.Known(ctx, ids)
		return err
	})
	switch now := r.o.Now(); {
	case errors.Is(ctx.Err(), context.Canceled): // the relay stops; nobody has failed
		return nil, now.Add(r.o.CheckAfter)
	case err != nil:
		return nil, c.outage.failed(now, err)
	}
	c.outage.ended()
	known = make(map[string]bool, len(answer))
	for _, id := range answer {
		known[id] = true
	}
	return known, time.Time{}
}
