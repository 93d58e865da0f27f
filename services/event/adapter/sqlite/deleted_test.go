package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

const (
	countReservations = `SELECT count(*) FROM reservations`
	countClosures     = `SELECT count(*) FROM closures`
	countItems        = `SELECT count(*) FROM reservation_items`
	countReturned     = `SELECT count(*) FROM returned_items`
	countDeleted      = `SELECT count(*) FROM deleted_events`
)

func wantCount(t *testing.T, db *sqlitedb.DB, query string, want int) {
	t.Helper()
	var got int
	if err := db.Read.QueryRowContext(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s: %d, want %d", query, got, want)
	}
}

// TestADeletedEventIsSweptInPieces: the deletion itself removes no reservation, a
// transaction of the sweep at most a piece, and a sweep that was interrupted is
// continued by that of the next process.
func TestADeletedEventIsSweptInPieces(t *testing.T) {
	t.Parallel()
	const rows = 2*sqlitedb.Piece + 1
	db, path := openDB(t)
	s := New(db)
	for _, id := range []string{"e", "other"} {
		if err := s.Create(t.Context(), &event.Event{ID: id, Status: event.Published, Title: "Night"}, 1000); err != nil {
			t.Fatal(err)
		}
	}
	limited := `(SELECT n FROM ` + plantest.N + ` WHERE n <= 1001)`
	plantest.Fill(t, path,
		`INSERT INTO reservations SELECT 'b' || n, 1, 'e', 'RELEASED', '{}' FROM `+limited,
		`INSERT INTO reservation_items (booking_id, attempt, position, ticket_type_id, name, quantity, price, currency) SELECT 'b' || n, 1, 0, 't', '', 1, 100, 'EUR' FROM `+limited,
		`INSERT INTO returned_items SELECT 'b' || n, 1, 'r', 't', 1 FROM `+limited,
		`INSERT INTO closures SELECT 'e', 'b' || n, 1 FROM `+limited,
		`INSERT INTO reservations VALUES ('kept', 1, 'other', 'RELEASED', '{}')`,
		`INSERT INTO closures VALUES ('other', 'kept', 1)`)
	if err := s.Delete(t.Context(), "e", func(*event.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantCount(t, db, countReservations, rows+1)

	// A process that ends at its second piece has removed one.
	ctx, end := context.WithCancel(t.Context())
	defer end()
	pieces := 0
	ctx = sqlitedb.Trace(ctx, func(query string, _ []driver.NamedValue) {
		if strings.Contains(query, "DELETE FROM reservations") {
			if pieces++; pieces == 2 {
				end()
			}
		}
	})
	if err := s.SweepDeleted(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("a sweep that is interrupted: %v", err)
	}
	wantCount(t, db, countReservations, rows+1-sqlitedb.Piece)

	// The next one removes the rest: 501 reservations, and 1,001 closures.
	pieces = 0
	ctx = sqlitedb.Trace(t.Context(), func(query string, _ []driver.NamedValue) {
		if strings.Contains(query, "DELETE FROM reservations") || strings.Contains(query, "DELETE FROM closures") {
			pieces++
		}
	})
	if err := New(db).SweepDeleted(ctx); err != nil {
		t.Fatal(err)
	}
	if pieces != 5 {
		t.Errorf("the rest goes in %d pieces, want 5", pieces)
	}
	wantCount(t, db, countReservations, 1)
	wantCount(t, db, countClosures, 1)
	wantCount(t, db, countItems, 0)
	wantCount(t, db, countReturned, 0)
	wantCount(t, db, countDeleted, 0)
}

func TestSweepingGoesByIndexes(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	for query, want := range map[string]string{
		sweepReservations: "reservations_by_event", sweepClosures: "PRIMARY KEY (event_id=?)",
	} {
		if got := plan(t, db, query, "e", 1); !strings.Contains(got, want) || strings.Contains(got, "SCAN reservations") || strings.Contains(got, "SCAN closures") {
			t.Errorf("%s is planned as\n%s", query, got)
		}
	}
}

// TestReservationsOutliveTheMigration that removes the references to events, and
// those between the other tables still hold.
func TestReservationsOutliveTheMigration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "event.db")
	old := fstest.MapFS{}
	for _, name := range []string{"00001_init.sql", "00002_cancellation.sql", "00003_returns.sql", "00004_keys.sql"} {
		data, err := fs.ReadFile(Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: data}
	}
	db, err := sqlitedb.Open(t.Context(), path, old)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	fill(t, path)
	plantest.Fill(t, path, `INSERT INTO returned_items VALUES ('b1', 1, 'r', 't', 1)`, `INSERT INTO closures VALUES ('e1', 'b1', 1)`)
	if db, err = sqlitedb.Open(t.Context(), path, Migrations()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var events int
	if err := db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM events`).Scan(&events); err != nil {
		t.Fatal(err)
	}
	wantCount(t, db, countReservations, events)
	wantCount(t, db, countItems, events)
	wantCount(t, db, countReturned, 1)
	wantCount(t, db, countClosures, 1)
	if err := db.Sweep(t.Context(), `DELETE FROM reservations WHERE booking_id = 'b1'`); err != nil {
		t.Fatal(err)
	}
	wantCount(t, db, countItems, events-1)
	wantCount(t, db, countReturned, 0)
}
