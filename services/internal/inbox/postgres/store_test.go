//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// migrations are those of a service that has nothing but an inbox.
var migrations fs.FS = fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + postgres.Schema)}}

func migrate(ctx context.Context, url string) error { return postgresdb.Migrate(ctx, url, migrations) }

// open gives each call a minute, unless o says how long.
func open(t *testing.T, o postgresdb.Options) *postgresdb.DB {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	db, err := postgresdb.Open(t.Context(), o, migrations)
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

func record(ctx context.Context, db *postgresdb.DB, id string, at time.Time) (fresh bool, err error) {
	err = db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		fresh, err = postgres.Record(ctx, tx, id, at)
		return err
	})
	return fresh, err
}

func spoil(ctx context.Context, db *postgresdb.DB, id string) error {
	return db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE dead_letters SET attributes = $1 WHERE id = $2`, inboxtest.Spoilt, id)
		return err
	})
}

func TestInboxContract(t *testing.T) {
	t.Parallel()
	inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
		db := open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
		return inboxtest.Fixture{
			Store: postgres.New(db),
			Record: func(ctx context.Context, id string, at time.Time) (bool, error) {
				return record(ctx, db, id, at)
			},
			Spoil: func(ctx context.Context, id string) error { return spoil(ctx, db, id) },
		}
	})
}

func TestRecordIsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if _, err := postgres.Record(ctx, tx, "a", time.Now()); err != nil {
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
	db := open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
	store := postgres.New(db)
	now := time.Now()
	for id, at := range map[string]time.Time{"old": now.Add(-time.Millisecond), "young": now.Add(time.Millisecond)} {
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

// It quotes what somebody sent; a dead letter that cannot be stored would come
// again for ever.
func TestAReasonThatIsNoTextIsStored(t *testing.T) {
	t.Parallel()
	store := postgres.New(open(t, postgresdb.Options{URL: pgtest.New(t, migrate)}))
	if err := store.PutDeadLetter(t.Context(), inbox.DeadLetter{ID: "a", Reason: "no \x00 and \xff", FailedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if d, err := store.DeadLetter(t.Context(), "a"); err != nil || d.Reason != "no \uFFFD and \uFFFD" {
		t.Errorf("reason %q (%v)", d.Reason, err)
	}
}
