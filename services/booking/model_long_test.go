//go:build integration

package booking_test

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// The same for longer, where it runs without the race detector: by its name, with
// the broken adapters.
func TestBrokenPromisesAreCaughtInLongHistories(t *testing.T) {
	t.Parallel()
	newModel(func() store { return openSQLite(t) }).histories(t, checks(500, 5000))
}

// The same on PostgreSQL.
func TestBrokenPromisesAreCaughtOnPostgreSQL(t *testing.T) {
	t.Parallel()
	newModel(func() store {
		s, err := postgres.Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, postgres.Migrate), Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}).histories(t, checks(100, 2000))
}
