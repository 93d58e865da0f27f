package outbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Archive is the entries that are closed: every consumer has said that it knows
// them. One whose database was brought back from a copy may have forgotten some.
// They stay for Options.Keep and are pruned then; a consumer keeps the ids that
// it knows far longer (inbox.Retention), so that of what is here none is unknown
// for its age.
type Archive interface {
	// Closed returns up to limit closed entries as they stand, whose messages'
	// time is since or later, after the one with the id after, "" from the
	// start, in the order of their ids. None is the empty slice. Paging by the
	// last id neither repeats nor skips what was closed at the first page while
	// others are added, closed and reopened. What is pruned meanwhile may be
	// missing.
	Closed(ctx context.Context, since time.Time, after string, limit int) ([]Entry, error)
	// Reopen makes each of ids that is closed an open entry again, due at now,
	// and changes nothing else of it: the relay asks its consumers, publishes it
	// again where one does not know it, and closes it when all do. A consumer
	// that knows it does nothing. An id that is unknown or open is ignored.
	Reopen(ctx context.Context, ids []string, now time.Time) error
}

// Missing asks the consumers about entries, and returns the ids that some do not
// know, and for each who does not, in the order of their names. consumers is
// Options.Consumers. That a consumer does not answer, or that nobody is known
// to consume a topic, is an error, and never taken for not knowing: what the
// others do not know is returned all the same.
func Missing(ctx context.Context, consumers map[string]map[string]Receipts, entries []Entry) (map[string][]string, error) {
	byTopic := map[string][]string{}
	for _, e := range entries {
		byTopic[e.Topic] = append(byTopic[e.Topic], e.Message.ID)
	}
	missing := map[string][]string{}
	var errs []error
	for topic, ids := range byTopic {
		asked, listed := consumers[topic]
		if !listed {
			errs = append(errs, fmt.Errorf("nobody is known to consume the topic %s", topic))
		}
		for _, name := range slices.Sorted(maps.Keys(asked)) {
			known, err := asked[name].Known(ctx, ids)
			if err != nil {
				errs = append(errs, fmt.Errorf("ask %s for receipts of %s: %w", name, topic, err))
				continue
			}
			has := make(map[string]bool, len(known))
			for _, id := range known {
				has[id] = true
			}
			for _, id := range ids {
				if !has[id] {
					missing[id] = append(missing[id], name)
				}
			}
		}
	}
	return missing, errors.Join(errs...)
}
