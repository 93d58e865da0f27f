//go:build integration

package postgresdb_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestManyReplicasMayMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := postgresdb.Migrate(t.Context(), url, migrations); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := open(t, postgresdb.Options{URL: url})
	var applied int
	if err := db.Read(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT count(*) FROM goose_db_version WHERE version_id = 1`).Scan(&applied)
	}); err != nil || applied != 1 {
		t.Errorf("the migration was applied %d times (%v), want once", applied, err)
	}
}

// A start waits for a server that goes away while it migrates, and not for a
// migration that is wrong.
func TestAConnectionThatBreaksIsNotTheMigrationsFault(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, nil)
	for sql, away := range map[string]bool{
		"SELECT pg_terminate_backend(pg_backend_pid());": true,
		"SELECT 1 / 0;": false,
	} {
		err := postgresdb.Migrate(t.Context(), url, fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sql)}})
		if err == nil || errors.Is(err, storage.ErrUnavailable) != away {
			t.Errorf("%s: error %v, want ErrUnavailable: %v", sql, err, away)
		}
	}
}
