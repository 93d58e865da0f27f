package sqlitedb_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

var migrations = fstest.MapFS{"00001_counter.sql": {Data: []byte(`-- +goose Up
CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (1, 0);
CREATE TABLE child (counter_id INTEGER NOT NULL REFERENCES counter (id)) STRICT;
`)}}

func open(t *testing.T) (*sqlitedb.DB, string) {
	t.Helper()
	// A name that must be escaped in a URI.
	path := filepath.Join(t.TempDir(), "da ta?#%", "x.db")
	db, err := sqlitedb.Open(t.Context(), path, migrations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, path
}

// A kill -9 alone would not show a setting that loses commits on power loss:
// the kernel keeps what was written. So the settings are read back.
func TestCommitsAreDurable(t *testing.T) {
	t.Parallel()
	db, path := open(t)
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "2500",
	} {
		if got, err := db.Pragma(t.Context(), name); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
	for _, f := range []string{path, path + "-wal"} {
		st, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", f, st.Mode().Perm())
		}
	}
}

func TestWriteRollsBackOnError(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec("UPDATE counter SET n = 7"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if n := read(t, db); n != 0 {
		t.Errorf("n = %d after a rollback, want 0", n)
	}
}

func TestAPanicRollsBackAndLetsTheNextOneIn(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	func() {
		defer func() { _ = recover() }()
		_ = db.Write(t.Context(), func(tx *sql.Tx) error {
			_, _ = tx.Exec("UPDATE counter SET n = 7")
			panic("a defect")
		})
	}()
	if err := increment(t.Context(), db); err != nil {
		t.Error(err)
	}
	if n := read(t, db); n != 1 {
		t.Errorf("n = %d, want 1", n)
	}
}

func TestWriteRollsBackWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(ctx context.Context, tx *sql.Tx) error{
		"at once": func(context.Context, *sql.Tx) error { return nil },
		"ignored": func(ctx context.Context, tx *sql.Tx) error {
			_, _ = tx.ExecContext(ctx, "UPDATE counter SET n = 8")
			return nil
		},
		"seen by a call": func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE counter SET n = 8")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, _ := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			err := db.Write(ctx, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, "UPDATE counter SET n = 7"); err != nil {
					return err
				}
				cancel()
				return after(ctx, tx)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want context.Canceled", err)
			}
			if n := read(t, db); n != 0 {
				t.Errorf("n = %d after a rollback, want 0", n)
			}
		})
	}
}

func TestConcurrentReadModifyWriteLosesNothing(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	var wg sync.WaitGroup
	const workers, each = 8, 25
	for range workers {
		wg.Go(func() {
			for range each {
				if err := db.Write(t.Context(), func(tx *sql.Tx) error {
					var n int
					if err := tx.QueryRow("SELECT n FROM counter").Scan(&n); err != nil {
						return err
					}
					_, err := tx.Exec("UPDATE counter SET n = ?", n+1)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := read(t, db); n != workers*each {
		t.Errorf("n = %d after %d increments", n, workers*each)
	}
}

func TestReadConnectionsCannotWrite(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	if _, err := db.Read.Exec("UPDATE counter SET n = 7"); err == nil {
		t.Error("a read connection wrote")
	}
}

func TestForeignKeysAndUniqueViolations(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	exec := func(q string) error {
		return db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(q); return err })
	}
	if err := exec("INSERT INTO child VALUES (99)"); err == nil || sqlitedb.IsUniqueViolation(err) {
		t.Errorf("a dangling reference: %v", err)
	}
	if err := exec("INSERT INTO counter VALUES (1, 1)"); !sqlitedb.IsUniqueViolation(err) {
		t.Errorf("a second row with the same key: %v", err)
	}
}

func TestTimeKeepsMicroseconds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 2, 30, 0, 123456000, time.FixedZone("", 7200))
	if got := sqlitedb.FromTime(sqlitedb.Time(at)); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("%v came back as %v", at, got)
	}
	if got := sqlitedb.FromNullTime(sqlitedb.NullTime(time.Time{})); !got.IsZero() {
		t.Errorf("no time came back as %v", got)
	}
}

func read(t *testing.T, db *sqlitedb.DB) (n int) {
	t.Helper()
	if err := db.Read.QueryRowContext(t.Context(), "SELECT n FROM counter").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestBriefWaitsNoLongerThanItsContext for a connection.
func TestBriefWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	db.Read.SetMaxOpenConns(1)
	if err := db.Brief(ctx, func(brief context.Context, c *sql.Conn) error {
		waiting := make(chan error)
		go func() {
			waiting <- db.Brief(ctx, func(context.Context, *sql.Conn) error { return errors.New("it has a connection") })
		}()
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Errorf("waiting ended with %v", err)
		}
		var one int
		return c.QueryRowContext(brief, "SELECT 1").Scan(&one)
	}); err != nil {
		t.Error(err)
	}
}
