package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/outboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

func open(t testing.TB) *sqlitedb.DB {
	t.Helper()
	migrations := fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}}
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), migrations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func fixture(t *testing.T) outboxtest.Fixture {
	db := open(t)
	return outboxtest.Fixture{
		Store: sqlite.New(db),
		Spoil: func(ctx context.Context, id string) error {
			return db.Write(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, `UPDATE outbox SET attributes = ? WHERE id = ?`, outboxtest.Spoilt, id)
				return err
			})
		},
		Insert: func(ctx context.Context, topic string, m events.Message, due time.Time) error {
			return db.Write(ctx, func(tx *sql.Tx) error { return sqlite.Insert(ctx, tx, topic, m, due) })
		},
	}
}

func TestOutboxContract(t *testing.T) {
	t.Parallel()
	outboxtest.TestStore(t, fixture)
}

func TestArchiveContract(t *testing.T) {
	t.Parallel()
	outboxtest.TestArchive(t, func(t *testing.T) outboxtest.ArchiveFixture {
		f := fixture(t)
		return outboxtest.ArchiveFixture{Fixture: f, Archive: f.Store.(*sqlite.Store)}
	})
}

func TestInsertIsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	db := open(t)
	store := sqlite.New(db)
	boom := errors.New("boom")
	m := events.Message{ID: "1", Time: time.Now()}
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if err := sqlite.Insert(t.Context(), tx, "bookings", m, time.Now()); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if n, _, err := store.Open(t.Context()); n != 0 || err != nil {
		t.Errorf("%d entries (%v) after a rollback, want none", n, err)
	}
}

// The relay's poll must stay cheap while millions of closed entries wait to be
// pruned.
func TestClaimAndPruneUseAnIndex(t *testing.T) {
	t.Parallel()
	db := open(t)
	for query, want := range map[string]string{
		`SELECT id FROM outbox WHERE closed_at IS NULL AND due <= 1 ORDER BY due, id LIMIT 9`:                "outbox_open",
		`SELECT count(*), min(time) FROM outbox WHERE closed_at IS NULL`:                                     "outbox_open",
		`SELECT 1 FROM outbox WHERE closed_at IS NULL AND due > 1`:                                           "outbox_open",
		`DELETE FROM outbox WHERE closed_at < 1`:                                                             "outbox_closed",
		`SELECT data FROM outbox WHERE id > 'a' AND closed_at IS NOT NULL AND time >= 1 ORDER BY id LIMIT 9`: "sqlite_autoindex_outbox_1",
		`UPDATE outbox SET closed_at = NULL WHERE closed_at IS NOT NULL AND id IN ('a', 'b')`:                "sqlite_autoindex_outbox_1",
	} {
		var id, parent, unused int
		var detail string
		if err := db.Read.QueryRowContext(t.Context(), "EXPLAIN QUERY PLAN "+query).Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(detail, want) {
			t.Errorf("%s: %s, want %s", query, detail, want)
		}
	}
}
