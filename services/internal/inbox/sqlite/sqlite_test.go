package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

func open(t *testing.T) *sqlitedb.DB {
	t.Helper()
	migrations := fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}}
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "inbox.db"), migrations)
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

func record(ctx context.Context, db *sqlitedb.DB, id string, at time.Time) (fresh bool, err error) {
	err = db.Write(ctx, func(tx *sql.Tx) error {
		fresh, err = sqlite.Record(ctx, tx, id, at)
		return err
	})
	return fresh, err
}

func TestInboxContract(t *testing.T) {
	t.Parallel()
	inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
		db := open(t)
		return inboxtest.Fixture{
			Store: sqlite.New(db),
			Record: func(ctx context.Context, id string, at time.Time) (bool, error) {
				return record(ctx, db, id, at)
			},
			Spoil: func(ctx context.Context, id string) error {
				return db.Write(ctx, func(tx *sql.Tx) error {
					_, err := tx.ExecContext(ctx, `UPDATE dead_letters SET attributes = ? WHERE id = ?`, inboxtest.Spoilt, id)
					return err
				})
			},
		}
	})
}

func TestRecordIsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	db := open(t)
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := sqlite.Record(t.Context(), tx, "a", time.Now()); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if fresh, err := record(t.Context(), db, "a", time.Now()); !fresh || err != nil {
		t.Errorf("after a rollback fresh is %v (%v), want true", fresh, err)
	}
}

func TestPruneForgetsWhatIsOlder(t *testing.T) {
	t.Parallel()
	db := open(t)
	store := sqlite.New(db)
	now := time.Now()
	for id, at := range map[string]time.Time{"old": now.Add(-time.Microsecond), "young": now} {
		if _, err := record(t.Context(), db, id, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Prune(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	known, err := store.Known(t.Context(), []string{"old", "young"})
	if diff := cmp.Diff([]string{"young"}, known); diff != "" || err != nil {
		t.Errorf("%v; known (-want +got):\n%s", err, diff)
	}
}
