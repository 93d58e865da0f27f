package sqlitedb

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// One who comes while another waits for a locked file has not waited as long:
// the other's failure is not his.
func TestWhoJoinedLateWaitsOn(t *testing.T) {
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
	lock, unlock, err := other.begin(t.Context())
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
	until := func(what string, is func(q *queue) bool) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
			db.queue.Lock()
			ok := is(&db.queue)
			db.queue.Unlock()
			switch {
			case ok:
				return
			case time.Now().After(deadline):
				t.Fatal(what + ": not within 10 s")
			}
		}
	}
	first := insert()
	until("the first tries", func(q *queue) bool { return q.tried == 1 })
	late := insert()
	until("the other waits", func(q *queue) bool { return len(q.waiting) == 2 })
	if err := <-first; !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("the first: error %v, want ErrUnavailable", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Error(err)
	}
	unlock()
	if err := <-late; err != nil {
		t.Errorf("who came late: %v", err)
	}
}
