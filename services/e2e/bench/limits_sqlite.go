package main

import (
	"path/filepath"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
)

// limitSQLite is what booking's store takes in a file of its own.
func (b *bench) limitSQLite(dir string, workers int) (r *Result, err error) {
	store, err := sqlite.Open(b.ctx, filepath.Join(dir, "limit.db"))
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // it was for this only
	return b.limitStore("SQL alone on SQLite", store, workers)
}
