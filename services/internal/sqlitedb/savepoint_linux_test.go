package sqlitedb_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//nolint:paralleltest // other tests may open temporary files, to sort
func TestWhatASavepointMayUndoStaysInMemory(t *testing.T) {
	db, _ := open(t)
	write := func(query string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(t.Context(), query); err != nil {
				return err
			}
			files, err := os.ReadDir("/proc/self/fd")
			for _, f := range files {
				if name, _ := os.Readlink(filepath.Join("/proc/self/fd", f.Name())); strings.HasSuffix(name, " (deleted)") {
					t.Errorf("%s: SQLite has opened the temporary file %s", query, name)
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	write(`INSERT INTO counter WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i, 0 FROM n`)
	write(`UPDATE counter SET n = n + 1`) // a megabyte
}
