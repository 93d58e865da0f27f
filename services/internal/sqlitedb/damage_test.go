package sqlitedb

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

var notes = fstest.MapFS{"00001_notes.sql": {Data: []byte("-- +goose Up\nCREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;\n")}}

// openNotes opens a file with some hundred pages of notes, all of them in the
// file and none in the log.
func openNotes(t *testing.T) (db *DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notes.db")
	db, err := Open(t.Context(), path, notes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	fill(t, db, 1000)
	if err := db.checkpoint(t.Context(), slog.New(slog.DiscardHandler), 0); err != nil {
		t.Fatal(err)
	}
	return db, path
}

// fill adds notes of a kilobyte.
func fill(t *testing.T, db *DB, n int) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO notes (text) SELECT hex(randomblob(512)) FROM n`, n)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// spoil overwrites the middle of the file, past its header.
func spoil(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.WriteAt(bytes.Repeat([]byte{0xAA}, int(size-8192)), 8192)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedFileIsNotOpened(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, string){
		"pages": spoil,
		"no database": func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		db, path := openNotes(t)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		spoil(t, path)
		again, err := Open(t.Context(), path, notes)
		if err == nil {
			_ = again.Close()
		}
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "restore the file from a backup") {
			t.Errorf("%s: error %v, want ErrDamaged with the file and what to do", name, err)
		}
	}
}

func TestDamageThatAStatementMeetsEndsRun(t *testing.T) {
	t.Parallel()
	db, path := openNotes(t)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { ended <- db.Run(ctx, slog.New(slog.DiscardHandler)) }()
	spoil(t, path)
	var n int
	err := db.Read.QueryRowContext(t.Context(), `SELECT count(DISTINCT text) FROM notes`).Scan(&n)
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("%d notes, error %v, want ErrDamaged", n, err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Errorf("Run's error is %v, want ErrDamaged with the file", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("Run goes on")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db, _ := openNotes(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Run(ctx, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

// Reads that overlap keep SQLite from beginning its log anew; a checkpoint that
// waits for each of them cuts it.
func TestTheLogIsCutWhileReadsOverlap(t *testing.T) {
	t.Parallel()
	db, _ := openNotes(t)
	stop := make(chan struct{})
	begun, done := make(chan struct{}, 2), make(chan struct{}, 2)
	for i := range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			for first := true; ; first = false {
				tx, err := db.Read.BeginTx(context.Background(), nil)
				if err != nil {
					return
				}
				var n int
				_ = tx.QueryRowContext(context.Background(), `SELECT count(*) FROM notes`).Scan(&n)
				if first {
					begun <- struct{}{}
				}
				select {
				case <-stop:
				case <-time.After(time.Duration(20+10*i) * time.Millisecond): // one begins before the other ends
				}
				_ = tx.Rollback()
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	<-begun
	<-begun
	for range 12 {
		fill(t, db, 1000)
	}
	before, err := db.logSize()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	// A read may be under way for longer than a checkpoint waits: then the next cuts it.
	deadline := time.Now().Add(30 * time.Second)
	left := before
	for left > 0 && time.Now().Before(deadline) {
		if err := db.checkpoint(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), 0); err != nil && !errors.Is(err, errNotCut) {
			t.Fatal(err)
		}
		if left, err = db.logSize(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
	<-done
	if before == 0 || left > 0 {
		t.Errorf("the log had %d bytes and has %d, want none", before, left)
	}
	if !strings.Contains(log.String(), "bytes_before=") {
		t.Errorf("the log does not say how large it was: %s", log.String())
	}
}

// A read that outlasts a checkpoint keeps the log. That is an error, and the next
// checkpoint comes later.
func TestALogThatIsNotCutIsAnError(t *testing.T) {
	t.Parallel()
	db, _ := openNotes(t)
	tx, err := db.Read.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(t.Context(), `SELECT count(*) FROM notes`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	fill(t, db, 10)
	var log bytes.Buffer
	if err := db.checkpoint(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), 0); !errors.Is(err, errNotCut) {
		t.Errorf("error %v, want errNotCut", err)
	}
	if log.Len() > 0 {
		t.Errorf("the log says %q", log.String())
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := db.checkpoint(t.Context(), slog.New(slog.DiscardHandler), 0); err != nil {
		t.Errorf("once the read is over: %v", err)
	}
}

func TestThePauseGrowsWithEachCheckpointThatFails(t *testing.T) {
	t.Parallel()
	for failures, want := range []time.Duration{checkpointEvery, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute} {
		if pause := checkpointPauses.After(1 + failures); pause != want {
			t.Errorf("after %d failures the pause is %s, want %s", failures, pause, want)
		}
	}
}
