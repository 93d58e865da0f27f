//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/inbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// A receipt must stay cheap when months of ids lie there, and when an outage
// has left thousands of dead letters.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	var recorder plantest.Recorder
	url := pgtest.New(t, migrate)
	db := open(t, postgresdb.Options{URL: url, Tracer: &recorder})
	store := postgres.New(db)
	now := time.Now()
	if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO inbox (message_id, received_at)
			SELECT 'id' || n, $1::timestamptz - n * interval '1 second' FROM generate_series(1, 20000) n`, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO dead_letters (id, topic, attributes, data, reason, failed_at)
			SELECT 'id' || n, 'bookings', '{}', convert_to(repeat(md5(n::text), 30), 'UTF8'), 'why', $1 FROM generate_series(1, 20000) n`, now)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what    string
		indexes []string
		ask     func() error
	}{
		{"Prune", []string{"inbox_received", "inbox_pkey"}, func() error { return store.Prune(t.Context(), now.Add(-19_990*time.Second)) }},
		{"Known", []string{"inbox_pkey", "dead_letters_pkey"}, func() error { _, err := store.Known(t.Context(), []string{"id100", "x"}); return err }},
		{"DeadLetters", []string{"dead_letters_pkey"}, func() error { _, err := store.DeadLetters(t.Context(), "id5000", 21); return err }},
		{"DeadLetter", []string{"dead_letters_pkey"}, func() error { _, err := store.DeadLetter(t.Context(), "id100"); return err }},
		{"MarkReplayed", []string{"dead_letters_pkey"}, func() error { return store.MarkReplayed(t.Context(), "id100", "admin", now) }},
	} {
		plan := recorder.Plan(t, url, c.ask)
		for _, index := range c.indexes {
			plantest.ByIndex(t, c.what, plan, index)
		}
	}
}
