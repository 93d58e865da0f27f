package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// BatchError says why messages of a batch were not published, by their IDs. The
// broker has taken those that it does not name.
type BatchError map[string]error

func (e BatchError) Error() string {
	first := slices.Min(slices.Collect(maps.Keys(e)))
	if len(e) == 1 {
		return fmt.Sprintf("message %q not published: %v", first, e[first])
	}
	return fmt.Sprintf("%d messages not published, among them %q: %v", len(e), first, e[first])
}

// Unwrap returns the errors of all messages.
func (e BatchError) Unwrap() []error { return slices.Collect(maps.Values(e)) }

// Err returns e, or nil when it names no message.
func (e BatchError) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Failure returns what err, an error of Publish, says of the message with this
// ID. Nil means that the broker has taken it. An err that is no BatchError
// concerns the whole batch.
func Failure(err error, id string) error {
	if batch, ok := errors.AsType[BatchError](err); ok {
		return batch[id]
	}
	return err
}

// Each is Publish by publish, which publishes one message, for up to concurrency
// messages at a time. A panic is the failure of its message alone.
func Each(ctx context.Context, batch []events.Message, concurrency int, publish func(context.Context, events.Message) error) error {
	failed := BatchError{}
	var mu sync.Mutex
	next := 0
	take := func() (m events.Message, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(batch) {
			return m, false
		}
		next++
		return batch[next-1], true
	}
	var workers sync.WaitGroup
	for range min(concurrency, len(batch)) {
		workers.Go(func() {
			for m, ok := take(); ok; m, ok = take() {
				err := worker.Try(ctx, slog.Default(), "publishing", func() error { return publish(ctx, m) }, "id", m.ID, "type", m.Type)
				if err != nil {
					mu.Lock()
					failed[m.ID] = err
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return failed.Err()
}
