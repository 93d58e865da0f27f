package sqlitedb

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// One who comes while another waits for a locked file has not waited as long:
// the other's failure is not his.
func TestWhoJoinedLateWaitsOn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	migrations := fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\nCREATE TABLE t (n INTEGER);")}}
	db, err := Open(t.Context(), path, migrations)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := Open(t.Context(), path, migrations)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	insert := func() <-chan error {
		done := make(chan error, 1)
		go func() {
			done <- db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.Exec("INSERT INTO t VALUES (1)")
				return err
			})
		}()
		return done
	}
	is := func(tried, waiting int) func() bool {
		return func() bool {
			db.turns.mu.Lock()
			defer db.turns.mu.Unlock()
			return db.turns.tried == tried && len(db.turns.waiting) == waiting
		}
	}
	first := insert()
	until(t, "the first tries", is(1, 0))
	late := insert()
	until(t, "the other waits", is(1, 1))
	if err := <-first; !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("the first: error %v, want ErrUnavailable", err)
	}
	if err := lock.leave(nil); err != nil {
		t.Error(err)
	}
	if err := <-late; err != nil {
		t.Errorf("who came late: %v", err)
	}
}

// Who is told that the file is locked does not try once more.
func TestWhoIsSentAwayHasNoTurn(t *testing.T) {
	t.Parallel()
	var q turns
	if _, err := q.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	away := make(chan error, 3)
	for range cap(away) {
		go func() {
			_, err := q.wait(t.Context())
			away <- err
		}()
	}
	until(t, "three wait", func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.waiting) == cap(away)
	})
	q.fail(q.try())
	q.pass()
	for range cap(away) {
		if err := <-away; !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	}
	if _, err := q.wait(t.Context()); err != nil { // the next need not wait
		t.Error(err)
	}
}
