//go:build integration

package postgresdb_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

func TestManyReplicasMayMigrateAtOnce(t *testing.T) {
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
