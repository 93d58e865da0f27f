//go:build integration

package postgres_test

import (
	"cmp"
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/outboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// migrations are those of a service that has nothing but an outbox.
var migrations fs.FS = fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + postgres.Schema)}}

func migrate(ctx context.Context, url string) error { return postgresdb.Migrate(ctx, url, migrations) }

// open gives each call a minute, unless o says how long.
func open(t *testing.T, o postgresdb.Options) *postgresdb.DB {
	t.Helper()
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
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

func insert(ctx context.Context, db *postgresdb.DB, topic string, m events.Message, due time.Time) error {
	return db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error { return postgres.Insert(ctx, tx, topic, m, due) })
}

func fixture(t *testing.T) outboxtest.Fixture {
	return fixtureOf(open(t, postgresdb.Options{URL: pgtest.New(t, migrate)}))
}

func fixtureOf(db *postgresdb.DB) outboxtest.Fixture {
	return outboxtest.Fixture{
		Store: postgres.New(db),
		Spoil: func(ctx context.Context, id string) error {
			return db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE outbox SET attributes = $1 WHERE id = $2`, outboxtest.Spoilt, id)
				return err
			})
		},
		Insert: func(ctx context.Context, topic string, m events.Message, due time.Time) error {
			return insert(ctx, db, topic, m, due)
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
		return outboxtest.ArchiveFixture{Fixture: f, Archive: f.Store.(*postgres.Store)}
	})
}
