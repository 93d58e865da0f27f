//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

func TestPaymentEventsGoByIndexes(t *testing.T) {
	t.Parallel()
	var recorder plantest.Recorder
	url := pgtest.New(t, postgres.Migrate)
	p := open(t, postgresdb.Options{URL: url, Tracer: &recorder}).PaymentEvents()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	now := time.Now()
	if _, err := conn.Exec(t.Context(), `
		INSERT INTO payment_events (id, type, booking_id, kept_at, handled_at)
		SELECT 'id' || n, 't', 'b' || n, $1, CASE WHEN n % 100 > 0 THEN $1::timestamptz + n * interval '1 second' END
		FROM generate_series(1, 100000) n`, now); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, index string
		ask         func() error
	}{
		{"Unhandled", "payment_events_unhandled", func() error { _, err := p.Unhandled(t.Context(), 10); return err }},
		{"Handled", "payment_events_id_key", func() error { return p.Handled(t.Context(), "id100", now) }},
		{"Prune", "payment_events_handled", func() error { return p.Prune(t.Context(), now) }},
	} {
		plantest.ByIndex(t, c.what, recorder.Plan(t, url, c.ask), c.index)
	}
}
