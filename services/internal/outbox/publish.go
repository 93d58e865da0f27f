package outbox

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/broker"
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
	retry := now
	if succeeded {
		r.publishing.ended()
	} else {
		retry = r.publishing.failed(now, errs[0])
	}
	var refused []error
	for i, e := range entries {
		switch {
		case errs[i] == nil:
		case errors.Is(errs[i], errSkipped):
			f.postpone(e.Message.ID, retry)
		default:
			// Later than what was not tried, or a few that are always refused
			// would always come first.
			refused = append(refused, errs[i])
			f.postpone(e.Message.ID, later(retry, now.Add(r.patience(now, e))))
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

// publishAll returns the error of each entry. As soon as as many have failed
// as are tried at a time, and none has succeeded, it gives up.
func (r *Relay) publishAll(ctx context.Context, entries []Entry) []error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	errs := make([]error, len(entries))
	var mu sync.Mutex
	next, failed, succeeded := 0, 0, 0
	take := func() (i int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil || (succeeded == 0 && failed >= r.o.Concurrency) {
			return 0, false
		}
		next++
		return next - 1, next <= len(entries)
	}
	for i := range errs {
		errs[i] = errSkipped
	}
	var workers sync.WaitGroup
	for range min(r.o.Concurrency, len(entries)) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				e := entries[i]
				err := worker.Try(ctx, r.o.Log, "relay", func() error {
					return r.o.Publisher.Publish(ctx, e.Topic, e.Message)
				}, "id", e.Message.ID, "topic", e.Topic, "type", e.Message.Type)
				mu.Lock()
				errs[i] = err
				if getsThrough(err) {
					succeeded++
				} else {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return errs
}

// getsThrough reports whether the broker answers, whatever became of the
// message. A panic says something about its message alone.
func getsThrough(err error) bool {
	return err == nil || errors.Is(err, broker.ErrPartly) || worker.Panicked(err)
}

// checkAfter is how long after the nth publication of a message its consumers
// are asked.
func (r *Relay) checkAfter(n int) time.Duration {
	if n > 20 { // whatever CheckAfter is, doubling it so often passes MaxPause
		return r.o.MaxPause
	}
	return min(r.o.CheckAfter<<(n-1), r.o.MaxPause)
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
