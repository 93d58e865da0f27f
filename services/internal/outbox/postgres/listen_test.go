//go:build integration

package postgres_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// long is when a test gives up waiting.
const long = time.Minute

// listen starts Listen on db, and returns its wakings and how to end it.
func listen(t *testing.T, db *postgresdb.DB) (wakings chan struct{}, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	wakings = make(chan struct{}, 1000)
	done := make(chan error, 1)
	go func() {
		done <- postgres.Listen(ctx, db, slog.New(slog.DiscardHandler), func() { wakings <- struct{}{} })
	}()
	return wakings, func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Listen returned %v, want nil", err)
			}
		case <-time.After(long):
			t.Error("Listen did not end with its context")
		}
	}
}

func woken(t *testing.T, wakings chan struct{}, why string) {
	t.Helper()
	select {
	case <-wakings:
	case <-time.After(long):
		t.Fatalf("not woken: %s", why)
	}
}

func quiet(t *testing.T, wakings chan struct{}, why string) {
	t.Helper()
	select {
	case <-wakings:
		t.Errorf("woken: %s", why)
	default:
	}
}

// notified returns when what was notified before has been delivered.
func notified(t *testing.T, db *postgresdb.DB, wakings chan struct{}) {
	t.Helper()
	if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT pg_notify('outbox', 'mark')`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	woken(t, wakings, "by hand")
}

func TestListenWakesWhenAnotherProcessCommits(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	here, there := open(t, postgresdb.Options{URL: url}), open(t, postgresdb.Options{URL: url})
	wakings, end := listen(t, here)
	defer end()
	woken(t, wakings, "it listens from now on")

	now := time.Now()
	err := there.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		for _, id := range []string{"a", "b"} {
			if err := postgres.Insert(ctx, tx, "bookings", events.Message{ID: id, Time: now}, now); err != nil {
				return err
			}
		}
		notified(t, here, wakings)
		quiet(t, wakings, "before the commit")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	woken(t, wakings, "by the commit")

	// Whoever takes a and b finds c, too.
	if err := insert(t.Context(), there, "bookings", events.Message{ID: "c", Time: now}, now); err != nil {
		t.Fatal(err)
	}
	notified(t, here, wakings)
	quiet(t, wakings, "although others were due already")

	if entries, err := postgres.New(here).Claim(t.Context(), now, now.Add(time.Hour), 10); err != nil || len(entries) != 3 {
		t.Fatalf("%d entries are claimed (%v), want 3", len(entries), err)
	}
	if err := insert(t.Context(), there, "bookings", events.Message{ID: "d", Time: now}, now); err != nil {
		t.Fatal(err)
	}
	woken(t, wakings, "nothing was due but this")
}

func TestListenConnectsAgain(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
	wakings, end := listen(t, db)
	defer end()
	woken(t, wakings, "it listens from now on")
	for range 3 {
		if err := db.Read(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND query = 'LISTEN outbox'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		woken(t, wakings, "it listens again, and may have missed something")
	}
	now := time.Now()
	if err := insert(t.Context(), db, "bookings", events.Message{ID: "a", Time: now}, now); err != nil {
		t.Fatal(err)
	}
	woken(t, wakings, "by a commit")
}

func TestListenOutlivesTheServer(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	db := open(t, postgresdb.Options{URL: server.New(t, migrate), Timeout: 3 * time.Second})
	wakings, end := listen(t, db)
	defer end()
	woken(t, wakings, "it listens from now on")
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	woken(t, wakings, "the server is back")
}
