package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

var errPanicked = errors.New("it panicked")

// together makes funcs write in one transaction, in their order, and returns
// their errors.
func together(t *testing.T, db *DB, writes ...func(ctx context.Context, tx *sql.Tx) error) []error {
	t.Helper()
	first, err := db.enter(t.Context()) // the others wait for it
	if err != nil {
		t.Fatal(err)
	}
	done := make([]chan error, len(writes))
	for i, write := range writes {
		done[i] = make(chan error, 1)
		go func() {
			err := errPanicked
			defer func() {
				_ = recover()
				done[i] <- err
			}()
			err = db.Write(t.Context(), func(tx *sql.Tx) error { return write(t.Context(), tx) })
		}()
		until(t, "it waits", func() bool {
			db.turns.mu.Lock()
			defer db.turns.mu.Unlock()
			return len(db.turns.waiting) == i+1
		})
	}
	_ = first.leave(nil) // is on disk when theirs is, or not
	errs := make([]error, len(writes))
	for i := range done {
		errs[i] = <-done[i]
	}
	return errs
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what + ": not within a minute")
		}
	}
}

func openNumbers(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), fstest.MapFS{"00001_init.sql": {Data: []byte(`-- +goose Up
CREATE TABLE numbers (n INTEGER PRIMARY KEY);
CREATE TABLE children (n INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE large (b BLOB);`)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func insert(n int) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO numbers VALUES (?)", n)
		return err
	}
}

// numbers are those that another connection sees.
func numbers(t *testing.T, db *DB) (all []int) {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), "SELECT n FROM numbers ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhoWritesAtTheSameTimeSharesACommit(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	seen := func(want ...int) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error {
			var n int
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM numbers").Scan(&n); err != nil || n != len(want) {
				return fmt.Errorf("%d numbers are there (%w), want %d", n, err, len(want))
			}
			if got := numbers(t, db); len(got) > 0 {
				return fmt.Errorf("others see %v before the commit", got)
			}
			return nil
		}
	}
	errs := together(t, db, insert(1), seen(1), insert(2), seen(1, 2))
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if got := numbers(t, db); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("committed %v, want 1 and 2", got)
	}
}

func TestOnesFailureIsItsOwn(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		fails func(ctx context.Context, tx *sql.Tx) error
		want  func(err error) bool
	}{
		"an error": {
			func(ctx context.Context, tx *sql.Tx) error { return errors.Join(insert(2)(ctx, tx), refused) },
			func(err error) bool { return errors.Is(err, refused) },
		},
		"a panic": {func(ctx context.Context, tx *sql.Tx) error {
			_ = insert(2)(ctx, tx)
			panic("a defect")
		}, func(err error) bool { return errors.Is(err, errPanicked) }},
		"a constraint": {insert(1), IsUniqueViolation},
	} {
		t.Run(name, func(t *testing.T) {
			db := openNumbers(t)
			errs := together(t, db, insert(1), c.fails, insert(3))
			if err := errors.Join(errs[0], errs[2]); err != nil {
				t.Errorf("the others: %v", err)
			}
			if !c.want(errs[1]) {
				t.Errorf("error %v", errs[1])
			}
			if got := numbers(t, db); !slices.Equal(got, []int{1, 3}) {
				t.Errorf("committed %v, want 1 and 3", got)
			}
		})
	}
}

// SQLite undoes a whole transaction when it interrupts a statement of it.
func TestOnesEndIsItsOwn(t *testing.T) {
	t.Parallel()
	const fill = `WITH RECURSIVE more (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more LIMIT 10000)
		INSERT INTO large SELECT n FROM more`
	for name, write := range map[string]func(ctx context.Context, tx *sql.Tx) error{
		"exec": func(ctx context.Context, tx *sql.Tx) error { _, err := tx.ExecContext(ctx, fill); return err },
		"query": func(ctx context.Context, tx *sql.Tx) error {
			return each(ctx, tx, fill+" RETURNING 1", func() error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := openNumbers(t)
			errs := together(t, db, insert(1), func(ctx context.Context, tx *sql.Tx) error {
				ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				for {
					if err := write(ctx, tx); err != nil {
						return err
					}
				}
			}, insert(3))
			if err := errors.Join(errs[0], errs[2]); err != nil {
				t.Errorf("the others: %v", err)
			}
			if !errors.Is(errs[1], context.DeadlineExceeded) {
				t.Errorf("error %v, want DeadlineExceeded", errs[1])
			}
			if got := numbers(t, db); !slices.Equal(got, []int{1, 3}) {
				t.Errorf("committed %v, want 1 and 3", got)
			}
		})
	}
}

// SQLite rolls back the whole transaction for some failures, such as a full
// disk: nobody may take his change for stored then, nor what he was refused
// because of another's.
func TestWhatFailsForAllIsToldToAll(t *testing.T) {
	t.Parallel()
	full := func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "PRAGMA max_page_count = 1"); err != nil { // is as small as it can be now
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO large VALUES (zeroblob(10000000))")
		return err
	}
	orphan := func(ctx context.Context, tx *sql.Tx) error { // found by the commit
		_, err := tx.ExecContext(ctx, "INSERT INTO children VALUES (99)")
		return err
	}
	refused := errors.New("1 is there already")
	refuses := func(ctx context.Context, tx *sql.Tx) error {
		if err := insert(1)(ctx, tx); IsUniqueViolation(err) {
			return refused
		}
		return errors.New("1 is not there")
	}
	for name, fails := range map[string]func(context.Context, *sql.Tx) error{
		"a full disk":         full,
		"one that is ignored": func(ctx context.Context, tx *sql.Tx) error { _ = full(ctx, tx); return nil },
		"a failing commit":    orphan,
	} {
		t.Run(name, func(t *testing.T) {
			db := openNumbers(t)
			for i, err := range together(t, db, insert(1), refuses, fails) {
				if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, refused) {
					t.Errorf("%d: error %v, want ErrUnavailable", i, err)
				}
			}
			if got := numbers(t, db); len(got) > 0 {
				t.Errorf("committed %v", got)
			}
			if err := db.Write(t.Context(), func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
					return err
				}
				return insert(5)(t.Context(), tx)
			}); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// However many come, nobody waits for more than a group.
func TestAGroupEnds(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	writes := []func(context.Context, *sql.Tx) error{}
	for n := range 3 * maxGroup {
		writes = append(writes, func(ctx context.Context, tx *sql.Tx) error {
			// The first of the group that is open sees none of its own.
			if got := numbers(t, db); n-len(got) >= maxGroup {
				return fmt.Errorf("%d wait for a commit", n-len(got))
			}
			return insert(n)(ctx, tx)
		})
	}
	if err := errors.Join(together(t, db, writes...)...); err != nil {
		t.Error(err)
	}
	if got := numbers(t, db); len(got) != len(writes) {
		t.Errorf("committed %d, want %d", len(got), len(writes))
	}
}

func TestWhoGivesUpWaitingLetsTheNextOneIn(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	first, err := db.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	gone, next := make(chan error, 1), make(chan error, 1)
	write := func(ctx context.Context, n int) error {
		return db.Write(ctx, func(tx *sql.Tx) error { return insert(n)(t.Context(), tx) })
	}
	waiting := func(n int) func() bool {
		return func() bool {
			db.turns.mu.Lock()
			defer db.turns.mu.Unlock()
			return len(db.turns.waiting) == n
		}
	}
	go func() { gone <- write(ctx, 1) }()
	until(t, "one waits", waiting(1))
	go func() { next <- write(t.Context(), 2) }()
	until(t, "two wait", waiting(2))
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if err := first.leave(nil); err != nil {
		t.Error(err)
	}
	if err := <-next; err != nil {
		t.Error(err)
	}
	if got := numbers(t, db); !slices.Equal(got, []int{2}) {
		t.Errorf("committed %v, want 2", got)
	}
}
