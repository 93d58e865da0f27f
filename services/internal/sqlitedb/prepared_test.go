package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
)

// A statement that is kept has one execution at a time; another that begins
// before its rows are read is its own.
func TestTheRowsOfAQueryAreItsOwn(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		for n := range 3 {
			if err := insert(n)(t.Context(), tx); err != nil {
				return err
			}
		}
		const all = "SELECT n FROM numbers"
		pairs := 0
		err := each(t.Context(), tx, all, func() error {
			return each(t.Context(), tx, all, func() error {
				pairs++
				return nil
			})
		})
		if pairs != 9 {
			t.Errorf("%d pairs, want 9", pairs)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func each(ctx context.Context, tx *sql.Tx, query string, do func() error) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// What a connection keeps is bounded, and what it does not keep works the same.
func TestMoreQueriesThanAreKept(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	for round := range 2 {
		for n := range maxPrepared + 10 {
			if err := db.Write(t.Context(), func(tx *sql.Tx) error {
				var got int
				err := tx.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d + ?", n), round).Scan(&got)
				if err == nil && got != n+round {
					err = fmt.Errorf("%d + %d is %d", n, round, got)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := keeps(t, db); n != maxPrepared {
		t.Errorf("it keeps %d statements, want %d", n, maxPrepared)
	}
}

func TestAStatementIsPreparedOnce(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	before := keeps(t, db)
	for n := range 10 {
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { return insert(n)(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	if n := keeps(t, db) - before; n != 3 { // with those of the savepoint
		t.Errorf("10 times the same prepared %d statements, want 3", n)
	}
}

// keeps counts the statements of the connection that writes.
func keeps(t *testing.T, db *DB) (n int) {
	t.Helper()
	c, err := db.write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Raw(func(raw any) error {
		n = len(raw.(conn).prepared)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// A statement that is kept sees a table as it is now.
func TestAStatementOutlivesAChangeOfItsTable(t *testing.T) {
	t.Parallel()
	db := openNumbers(t)
	exec := func(query string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), query)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	const query = "INSERT INTO numbers (n) SELECT max(n) + 1 FROM numbers HAVING count(*) > 0"
	exec("INSERT INTO numbers VALUES (1)")
	exec(query)
	exec("ALTER TABLE numbers ADD COLUMN name TEXT NOT NULL DEFAULT ''")
	exec("CREATE UNIQUE INDEX names ON numbers (n, name)")
	exec(query)
	if got := numbers(t, db); len(got) != 3 {
		t.Errorf("%v, want 1, 2 and 3", got)
	}
}
