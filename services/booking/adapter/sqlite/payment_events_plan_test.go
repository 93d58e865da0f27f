package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

func TestPaymentEventsGoByIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	plantest.Fill(t, path, `
		INSERT INTO payment_events (id, type, booking_id, kept_at, handled_at)
		SELECT 'id' || n, 't', 'b' || n, n, iif(n % 100 = 0, NULL, 1e15 + n) FROM `+plantest.N)
	p, now := s.PaymentEvents(), time.UnixMicro(1e15).Add(booking.PaymentEventsKept)
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Unhandled", "payment_events_unhandled", func(ctx context.Context) error { _, err := p.Unhandled(ctx, 10); return err }},
		{"Handled", "sqlite_autoindex_payment_events_1", func(ctx context.Context) error { return p.Handled(ctx, "id100", now) }},
		{"Prune", "payment_events_handled", func(ctx context.Context) error { return p.Prune(ctx, now) }},
	} {
		plantest.ByIndex(t, path, c.what, c.index, c.ask)
	}
}
