package sqlitedb_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// BenchmarkWrite is a row inserted and read back in a transaction of its own,
// by so many at a time; all of it is synced.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			db, err := sqlitedb.Open(b.Context(), filepath.Join(b.TempDir(), "x.db"),
				fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\nCREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER);")}})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			b.ReportAllocs()
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			if writers == 1 {
				for b.Loop() {
					insertAndRead(b, db)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					insertAndRead(b, db)
				}
			})
		})
	}
}

func insertAndRead(b *testing.B, db *sqlitedb.DB) {
	ctx, cancel := context.WithCancel(b.Context()) // as a request's
	defer cancel()
	if err := db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "INSERT INTO t (a, b) VALUES (?, ?)", "some text", 42)
		if err != nil {
			return err
		}
		id, err := res.LastInsertId()
		if err != nil {
			return err
		}
		var n int
		return tx.QueryRowContext(ctx, "SELECT b FROM t WHERE id = ? AND a = ?", id, "some text").Scan(&n)
	}); err != nil {
		b.Error(err)
	}
}
