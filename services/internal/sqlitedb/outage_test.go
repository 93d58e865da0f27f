package sqlitedb_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// lock holds the write lock of the file at path until the func it returns is
// called, as a backup tool or a shell would.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := errors.Join(tx.Rollback(), other.Close()); err != nil {
			t.Error(err)
		}
	})
}

func increment(ctx context.Context, db *sqlitedb.DB) error {
	return db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE counter SET n = n + 1")
		return err
	})
}

func TestALockedFileIsUnavailableForAllWhoWait(t *testing.T) {
	t.Parallel()
	db, path := open(t)
	unlock := lock(t, path)
	defer unlock()
	// One after the other they would wait for longer than this.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if err := increment(ctx, db); !errors.Is(err, storage.ErrUnavailable) {
				t.Errorf("error %v, want ErrUnavailable", err)
			}
		})
	}
	wg.Wait()
	if n := read(t, db); n != 0 { // readers wait for nobody
		t.Errorf("n = %d while the file is locked, want 0", n)
	}
	unlock()
	if err := increment(t.Context(), db); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

// Ready is who can do the work, and the work is writing.
func TestPingWrites(t *testing.T) {
	t.Parallel()
	db, path := open(t)
	eventually := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !done(); {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
			runtime.Gosched()
		}
	}
	if err := increment(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	before := size(t, path+"-wal")
	refused := errors.New("refused")
	eventually("Ping has written nothing in 30 s", func() bool {
		// A write that changes nothing says nothing, however often there is one.
		if err := db.Write(t.Context(), func(*sql.Tx) error { return refused }); !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		return size(t, path+"-wal") > before
	})
	// At most a page a second: however often it is asked, the log does not grow.
	written := size(t, path+"-wal")
	asked := time.Now()
	for range 1000 {
		if err := db.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if grown, pages := size(t, path+"-wal")-written, int64(time.Since(asked)/time.Second)+1; grown > pages*5000 {
		t.Errorf("1000 pings in %s have written %d bytes, want at most %d pages", time.Since(asked), grown, pages)
	}

	unlock := lock(t, path)
	defer unlock()
	var err error
	eventually("Ping says that a locked file can be written to", func() bool {
		err = db.Ping(t.Context())
		return err != nil
	})
	if !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("a locked file: %v, want ErrUnavailable", err)
	}
	unlock()
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func TestACallerWhoGivesUpWaitingIsToldSo(t *testing.T) {
	t.Parallel()
	db, path := open(t)
	defer lock(t, path)()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := increment(ctx, db)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want DeadlineExceeded", err)
			}
		})
	}
	wg.Wait()
}

func TestALockedFileIsAnswered503(t *testing.T) {
	t.Parallel()
	db, path := open(t)
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	api := httpkit.NewAPI(mux, "test", "")
	huma.Post(api, "/increment", func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, httpkit.Errors{}.To(ctx, increment(ctx, db))
	})
	defer lock(t, path)()
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/increment", nil))
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || p.Code != problem.Unavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d %s %v", w.Code, w.Body, w.Header())
	}
}

// A folder that is away is what a volume that was not mounted looks like.
func TestAReadOfAFileThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	db, path := open(t)
	dir := filepath.Dir(path)
	if err := os.Rename(dir, dir+" away"); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	if err := os.Rename(dir+" away", dir); err != nil {
		t.Fatal(err)
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// Whichever way a statement goes to the driver, its error comes back the same.
func TestEveryWayToTheDriverTellsAnOutage(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	const refused = "UPDATE counter SET n = 7 RETURNING n" // by a connection that only reads
	ctx := t.Context()
	var n int
	stmt, err := db.Read.PrepareContext(ctx, refused)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stmt.Close() })
	tx, err := db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	for name, do := range map[string]func() error{
		"query":       func() error { return db.Read.QueryRowContext(ctx, refused).Scan(&n) },
		"exec":        func() error { _, err := db.Read.ExecContext(ctx, refused); return err },
		"query in tx": func() error { return tx.QueryRowContext(ctx, refused).Scan(&n) },
		"exec in tx":  func() error { _, err := tx.ExecContext(ctx, refused); return err },
		"stmt query":  func() error { return stmt.QueryRowContext(ctx).Scan(&n) },
		"stmt exec":   func() error { _, err := stmt.ExecContext(ctx); return err },
	} {
		if err := do(); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: error %v, want ErrUnavailable", name, err)
		}
	}
	if _, err := db.Read.ExecContext(ctx, "a mistake of ours"); err == nil || errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("bad SQL: error %v, and no outage", err)
	}
}

func TestAFullDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil { // is as small as it can be now
			return err
		}
		_, err := tx.ExecContext(t.Context(), "CREATE TABLE large AS SELECT zeroblob(1000000) AS b")
		return err
	})
	if !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}
