//go:build integration

package postgresdb_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// once adds 1 to the counter 1, and runs sql in the same transaction.
func once(ctx context.Context, db *postgresdb.DB, sql string) error {
	var b pgx.Batch
	b.Queue(`UPDATE counter SET n = n + 1 WHERE id = 1`)
	b.Queue(sql)
	return db.Once(ctx, &b, func(results pgx.BatchResults) error {
		_, err := results.Exec()
		_, second := results.Exec()
		return errors.Join(err, second)
	})
}

func TestOnceCommitsAllStatementsOrNone(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	if err := once(t.Context(), db, `UPDATE counter SET n = n + 1 WHERE id = 2`); err != nil {
		t.Fatal(err)
	}
	if err := once(t.Context(), db, `INSERT INTO counter VALUES (1, 0)`); !postgresdb.IsUniqueViolation(err, "counter_pkey") {
		t.Errorf("error %v, want the violation", err)
	}
	if n := count(t, db, 1); n != 1 {
		t.Errorf("n = %d, want 1", n)
	}
}

func TestOnceRepeatsAfterASerializationFailure(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	if err := once(t.Context(), db, `SELECT fail('40001', 3)`); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, 1); n != 1 {
		t.Errorf("n = %d, want 1", n)
	}
}

func TestOnceReturnsTheErrorOfTheCommit(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{})
	if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE counter SET n = 5 WHERE id = 2`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `ALTER TABLE counter ADD CONSTRAINT apart UNIQUE (n) DEFERRABLE INITIALLY DEFERRED`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := once(t.Context(), db, `UPDATE counter SET n = 1 WHERE id = 2`); !postgresdb.IsUniqueViolation(err, "apart") {
		t.Errorf("error %v, want the violation", err)
	}
	if n := count(t, db, 1); n != 0 {
		t.Errorf("n = %d, want 0", n)
	}
}
