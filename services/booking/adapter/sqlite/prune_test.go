package sqlite_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

func TestPruneForgetsAddresses(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "booking.db"))
	bookingtest.CheckPrunedAddresses(t, s, s.Prune)
}

// Whatever has grown for weeks is pruned in pieces: nobody who writes waits for
// more than one of them.
func TestPruningIsInPieces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	n := fmt.Sprintf(`(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n)`, 2*sqlitedb.Piece+1)
	plantest.Fill(t, path, `
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries)
		VALUES ('id', 'user', '', '', 'event', '{}', '[]', 0, 'EUR', 'CONFIRMED', '', '', '', '', 1, 0, '[]', 1, 1, 1, '', 0)`,
		`INSERT INTO idempotency_keys SELECT 'user', 'key' || i, 'f', 'id', i FROM `+n,
		`INSERT INTO outbox (id, topic, attributes, data, time, due, closed_at) SELECT 'id' || i, 'bookings', '{}', x'7b7d', i, i, i FROM `+n,
		`INSERT INTO inbox (message_id, received_at) SELECT 'id' || i, i FROM `+n,
		`INSERT INTO payment_events (id, type, booking_id, kept_at, handled_at) SELECT 'id' || i, '', '', i, i FROM `+n)
	now := time.Now()
	for what, prune := range map[string]func(ctx context.Context) error{
		"idempotency_keys": func(ctx context.Context) error { return s.Prune(ctx, now) },
		"outbox":           func(ctx context.Context) error { return s.Outbox().Prune(ctx, now) },
		"payment_events":   func(ctx context.Context) error { return s.PaymentEvents().Prune(ctx, now) },
	} {
		pieces := map[string]int{}
		err := prune(sqlitedb.Trace(t.Context(), func(query string, _ []driver.NamedValue) {
			if _, rest, ok := strings.Cut(query, "DELETE FROM "); ok {
				pieces[strings.Fields(rest)[0]]++
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if pieces[what] != 3 {
			t.Errorf("%s: pruned in %d pieces, want 3", what, pieces[what])
		}
		if what == "idempotency_keys" && pieces["inbox"] != 3 {
			t.Errorf("inbox: pruned in %d pieces, want 3", pieces["inbox"])
		}
	}
}
