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

var countMigrations = fstest.MapFS{"00001_counts.sql": {Data: []byte(
	"-- +goose Up\nCREATE TABLE counts (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, filler BLOB);\nINSERT INTO counts (id, n) VALUES (0, 0);\n")}}

func openCounts(t *testing.T, path string) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path, countMigrations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func count(t *testing.T, db *sqlitedb.DB) (n int) {
	t.Helper()
	if err := db.Read.QueryRowContext(t.Context(), "SELECT n FROM counts WHERE id = 0").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A writer counts in two files, one after the other, and nowhere pauses. At any
// one instant the first is ahead by one at most, and never behind.
func TestBackupShowsAllFilesAtOneInstant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "second.db"), filepath.Join(dir, "first.db")}
	second, first := openCounts(t, paths[0]), openCounts(t, paths[1])
	stop := make(chan struct{})
	var writer sync.WaitGroup
	written := 0
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, db := range []*sqlitedb.DB{first, second} {
				if err := db.Write(t.Context(), func(tx *sql.Tx) error {
					_, err := tx.ExecContext(t.Context(), "UPDATE counts SET n = n + 1 WHERE id = 0")
					if err == nil {
						_, err = tx.ExecContext(t.Context(), "INSERT INTO counts (n, filler) VALUES (0, zeroblob(20000))")
					}
					return err
				}); err != nil {
					t.Errorf("a write during a backup: %v", err)
					return
				}
			}
			written++
		}
	})
	const backups = 10
	targets := make([]string, backups)
	for i := range targets {
		targets[i] = t.TempDir()
		if _, err := sqlitedb.Backup(t.Context(), targets[i], paths...); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writer.Wait()
	last := -1
	for _, target := range targets {
		a, b := count(t, openCounts(t, filepath.Join(target, "first.db"))), count(t, openCounts(t, filepath.Join(target, "second.db")))
		if a != b && a != b+1 {
			t.Errorf("at one instant the first file counts %d and the second %d", a, b)
		}
		if b < last || a > written {
			t.Errorf("the second file counts %d after %d, of %d", b, last, written)
		}
		last = b
	}
}

func TestABackupIsPrivateAndComplete(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "a b%20.db")
	db := openCounts(t, path)
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "UPDATE counts SET n = 7 WHERE id = 0")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	at, err := sqlitedb.Backup(t.Context(), target, path)
	if err != nil {
		t.Fatal(err)
	}
	if at.Before(before) || at.After(time.Now()) {
		t.Errorf("taken at %s", at)
	}
	entries, err := os.ReadDir(target)
	if err != nil || len(entries) != 1 {
		t.Fatalf("in the folder are %v, %v", entries, err)
	}
	info, err := entries[0].Info()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}
	copied := filepath.Join(target, filepath.Base(path))
	if v, err := sqlitedb.SchemaVersion(t.Context(), copied); v != 1 || err != nil {
		t.Errorf("its schema is %d, %v", v, err)
	}
	if n := count(t, openCounts(t, copied)); n != 7 {
		t.Errorf("it counts %d", n)
	}
}

func TestABackupThatCannotBeMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	openCounts(t, path)
	missing := filepath.Join(dir, "missing.db")
	if _, err := sqlitedb.Backup(t.Context(), t.TempDir(), path, missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the missing file was created")
	}
	taken := t.TempDir()
	if err := os.WriteFile(filepath.Join(taken, "x.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitedb.Backup(t.Context(), taken, path); !errors.Is(err, os.ErrExist) {
		t.Errorf("a copy that is there already: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sqlitedb.Backup(ended, t.TempDir(), path); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	damagedCopy := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(damagedCopy, []byte("this is no database, however long it may be, whoever looks at it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sqlitedb.Check(t.Context(), damagedCopy); !errors.Is(err, sqlitedb.ErrDamaged) {
		t.Errorf("checking what is no database: %v", err)
	}
}
