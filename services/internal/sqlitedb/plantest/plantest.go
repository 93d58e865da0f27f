// Package plantest shows tests how SQLite does what an adapter asks of it:
// whether by an index, or by reading the whole table. There are no statistics,
// as there are none in production: nothing runs ANALYZE there.
package plantest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// N is a table of the numbers from 1, to select rows from. Without statistics
// SQLite's plans do not go by how many rows there are: two thousand show what the
// hundred thousand of the long tier do.
var N = `(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ` + rows() + `) SELECT n FROM numbers)`

func rows() string {
	if suitetest.Long() {
		return "100000"
	}
	return "2000"
}

// Fill executes statements on the file at path.
func Fill(t *testing.T, path string, statements ...string) {
	t.Helper()
	db := open(t, path)
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// ByIndex fails t unless every statement that ask makes on the file at path
// finds what it looks for by an index, one of them by this one, and the first
// in its order. json_each is no table: it has as many rows as it was given. Nor
// is what the statement itself makes.
func ByIndex(t *testing.T, path, what, index string, ask func(ctx context.Context) error) {
	t.Helper()
	type statement struct {
		query string
		args  []any
	}
	var seen []statement
	if err := ask(sqlitedb.Trace(t.Context(), func(query string, args []driver.NamedValue) {
		s := statement{query: query}
		for _, a := range args {
			s.args = append(s.args, a.Value)
		}
		seen = append(seen, s)
	})); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(seen) == 0 {
		t.Fatalf("%s: nothing was asked", what)
	}
	db, plans := open(t, path), ""
	for i, s := range seen {
		plan := explain(t, db, s.query, s.args)
		plans += plan
		for line := range strings.Lines(plan) {
			scanned, whole := strings.CutPrefix(strings.TrimSpace(line), "SCAN ")
			whole = whole && !strings.Contains(line, "INDEX") &&
				!strings.Contains(line, "CONSTANT ROW") && !strings.Contains(line, "json_each") &&
				!strings.Contains(plan, "CO-ROUTINE "+scanned+"\n") && !strings.Contains(plan, "MATERIALIZE "+scanned+"\n")
			// Of the last term only those are sorted that are alike in the others.
			sorted := i == 0 && strings.Contains(line, "TEMP B-TREE") && !strings.Contains(line, "LAST TERM")
			if whole || sorted {
				t.Errorf("%s reads or sorts a whole table: %s in\n%s", what, line, s.query)
			}
		}
	}
	if !strings.Contains(plans, "INDEX "+index) && !strings.Contains(plans, index+" USING PRIMARY KEY") {
		t.Errorf("%s does not go by the index %s:\n%s", what, index, plans)
	}
}

// AllUsed fails the test if one of these tables has an index that is not among those
// used: each is written to with every row, and has to be worth it.
func AllUsed(t *testing.T, path string, used []string, tables ...string) {
	t.Helper()
	db := open(t, path)
	for _, table := range tables {
		rows, err := db.QueryContext(t.Context(), `SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND name NOT LIKE 'sqlite_autoindex%'`, table)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var index string
			if err := rows.Scan(&index); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(used, index) {
				t.Errorf("no query goes by the index %s of %s", index, table)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func explain(t *testing.T, db *sql.DB, query string, args []any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
