//go:build integration

package postgresdb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Ready is who can do the work, and the work is writing.
func TestPingOfADatabaseThatTakesNoWrites(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, migrate)
	db, other := open(t, postgresdb.Options{URL: url}), open(t, postgresdb.Options{URL: url})
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// The connections of before do not know it.
	if err := other.Read(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// A worker that finds nothing to do commits all the time, and that says nothing.
	var err error
	for deadline := time.Now().Add(long); err == nil; err = db.Ping(t.Context()) { // it has written a moment ago
		if empty := db.Write(t.Context(), func(context.Context, pgx.Tx) error { return nil }); empty != nil {
			t.Fatal(empty)
		}
		if time.Now().After(deadline) {
			t.Fatal("ping says that a read-only database can be written to")
		}
	}
	if !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}
