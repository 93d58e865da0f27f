//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// Relaying must stay cheap while an outage keeps thousands open and more
// closed ones wait to be pruned.
func TestRelayingGoesByIndexes(t *testing.T) {
	t.Parallel()
	var recorder plantest.Recorder
	url := pgtest.New(t, migrate)
	db := open(t, postgresdb.Options{URL: url, Tracer: &recorder})
	store := postgres.New(db)
	now := time.Now()
	if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO outbox (id, topic, attributes, data, time, due, closed_at)
			SELECT 'id' || n, 'bookings', '{}', convert_to(repeat(md5(n::text), 30), 'UTF8'), $1, $1, CASE WHEN n % 4 <> 0 THEN $1::timestamptz - n * interval '1 second' END
			FROM generate_series(1, 20000) n`, now)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	ids := []string{"id100", "id200"}
	for _, c := range []struct {
		what, index string
		ask         func() error
	}{
		{"Claim", "outbox_open", func() error { _, err := store.Claim(t.Context(), now, now, 10); return err }},
		{"Published", "outbox_pkey", func() error { return store.Published(t.Context(), ids, now, now) }},
		{"Postpone", "outbox_pkey", func() error { return store.Postpone(t.Context(), ids, now) }},
		{"BringForward", "outbox_open", func() error { return store.BringForward(t.Context(), now.Add(time.Hour)) }},
		{"Close", "outbox_pkey", func() error { return store.Close(t.Context(), ids, now) }},
		{"Open", "outbox_open", func() error { _, _, err := store.Open(t.Context()); return err }},
		{"Closed", "outbox_pkey", func() error { _, err := store.Closed(t.Context(), now, "id5", 10); return err }},
		{"Reopen", "outbox_pkey", func() error { return store.Reopen(t.Context(), ids, now) }},
		{"Prune", "outbox_closed", func() error { return store.Prune(t.Context(), now.Add(-time.Hour)) }},
	} {
		plantest.ByIndex(t, c.what, recorder.Plan(t, url, c.ask), c.index)
	}
}
