//go:build integration

package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// world is the broker and the one consumer of three replicas: it has what was
// published, and counts how often.
type world struct {
	mu    sync.Mutex
	times map[string]int
	by    map[int]int // replica → messages
}

type publisher struct {
	*world
	replica int
}

func (p publisher) Publish(_ context.Context, _ string, batch ...events.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range batch {
		p.times[m.ID]++
		p.by[p.replica]++
	}
	return nil
}

func (w *world) Known(_ context.Context, ids []string) ([]string, error) { return ids, nil }

// Three replicas of a service relay one outbox: each message is published by
// one of them, once.
func TestThreeReplicasShareOneOutbox(t *testing.T) {
	t.Parallel()
	const replicas, messages = 3, 600
	url := pgtest.New(t, migrate)
	w := &world{times: map[string]int{}, by: map[int]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	dbs := make([]*postgresdb.DB, replicas)
	for i := range dbs {
		db := open(t, postgresdb.Options{URL: url})
		dbs[i] = db
		relay, err := outbox.NewRelay(outbox.Options{
			Store: postgres.New(db), Publisher: publisher{w, i}, Log: slog.New(slog.DiscardHandler),
			Consumers: map[string]map[string]outbox.Receipts{"bookings": {"event": w}}, Batch: 20, CheckAfter: 100 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		g.Go(func() error { return relay.Run(ctx) })
		g.Go(func() error { return postgres.Listen(ctx, db, slog.New(slog.DiscardHandler), relay.Wake) })
	}
	for i := range messages {
		now := time.Now()
		m := events.Message{ID: fmt.Sprintf("%04d", i), Time: now}
		if err := insert(t.Context(), dbs[i%replicas], "bookings", m, now); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(long)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := -1; n != 0; <-tick.C {
		var err error
		if n, _, err = postgres.New(dbs[0]).Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages are still open", n)
		}
	}
	cancel()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	for id, n := range w.times {
		if n != 1 {
			t.Errorf("message %s was published %d times", id, n)
		}
	}
	if len(w.times) != messages {
		t.Errorf("%d messages were published, want %d", len(w.times), messages)
	}
	t.Logf("messages published by each of %d replicas: %v", replicas, w.by)
}
