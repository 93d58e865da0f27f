//go:build integration

package postgresdb_test

import (
	"cmp"
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// long is when a test gives up waiting.
const long = time.Minute

var migrations fs.FS = fstest.MapFS{"00001_init.sql": {Data: []byte(`-- +goose Up
CREATE TABLE counter (id bigint PRIMARY KEY, n bigint NOT NULL, at timestamptz);
INSERT INTO counter VALUES (1, 0), (2, 0);
CREATE SEQUENCE tries;

-- +goose StatementBegin
CREATE FUNCTION fail(code text, until bigint) RETURNS void AS $$
BEGIN
    IF nextval('tries') < until THEN
        RAISE EXCEPTION 'as asked' USING ERRCODE = code;
    END IF;
END $$ LANGUAGE plpgsql;
-- +goose StatementEnd

-- A negative number makes the commit take its time: until nobody holds the
-- advisory lock 1.
-- +goose StatementBegin
CREATE FUNCTION linger() RETURNS trigger AS $$
BEGIN
    IF NEW.n < 0 THEN
        PERFORM pg_advisory_xact_lock(1);
    END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER linger AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION linger();
`)}}

func migrate(ctx context.Context, url string) error { return postgresdb.Migrate(ctx, url, migrations) }

func open(t *testing.T, o postgresdb.Options) *postgresdb.DB {
	t.Helper()
	if o.URL == "" {
		o.URL = pgtest.New(t, migrate)
	}
	o.Timeout = cmp.Or(o.Timeout, long)
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

// add adds delta to the counter with this id, read first and locked.
func add(ctx context.Context, tx pgx.Tx, id, delta int) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT n FROM counter WHERE id = $1 FOR UPDATE`, id).Scan(&n); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE counter SET n = $2 WHERE id = $1`, id, n+delta)
	return err
}

func count(t *testing.T, db *postgresdb.DB, id int) (n int) {
	t.Helper()
	if err := db.Read(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT n FROM counter WHERE id = $1`, id).Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// terminate ends the server's side of tx's connection, and returns when it has.
func terminate(t *testing.T, other *postgresdb.DB, pid uint32) {
	t.Helper()
	if err := other.Read(t.Context(), func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `SELECT pg_terminate_backend($1, 10000)`, int32(pid))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
