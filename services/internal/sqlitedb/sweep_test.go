package sqlitedb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

func TestASweepGivesOthersATurnAfterEachPiece(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	const rows = 3*sqlitedb.Piece + 1
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `
			WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= ?) INSERT INTO counter SELECT i, i FROM n`, rows)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// A writer who comes at the first piece has its turn before the third.
	wrote := make(chan int, 1)
	pieces := 0
	ctx := sqlitedb.Trace(t.Context(), func(query string, _ []driver.NamedValue) {
		if !strings.HasPrefix(query, "DELETE") {
			return
		}
		if pieces++; pieces > 1 {
			return
		}
		begun := make(chan struct{})
		go func() {
			close(begun)
			left := -1
			_ = db.Write(context.Background(), func(tx *sql.Tx) error {
				return tx.QueryRowContext(context.Background(), `SELECT count(*) FROM counter`).Scan(&left)
			})
			wrote <- left
		}()
		<-begun
	})
	if err := db.Sweep(ctx, `DELETE FROM counter WHERE id IN (SELECT id FROM counter WHERE id > 1 LIMIT ?)`, sqlitedb.Piece); err != nil {
		t.Fatal(err)
	}
	if pieces != 4 {
		t.Errorf("%d pieces, want 4", pieces)
	}
	if left := <-wrote; left < 0 {
		t.Error("the writer failed")
	}
	var left int
	if err := db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM counter`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d rows are left (%v), want 1", left, err)
	}
}
