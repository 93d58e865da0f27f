//go:build integration

package booking_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// The same for longer.
func TestThePromisesHoldThroughAnyLongHistory(t *testing.T) {
	checks(t, 1300)
	m := newModel(openSQLite(t))
	rapid.Check(t, func(rt *rapid.T) { m.run(t, rt) })
}

// The same on PostgreSQL.
func TestThePromisesHoldThroughAnyHistoryOnPostgreSQL(t *testing.T) {
	checks(t, 300)
	s, err := postgres.Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, postgres.Migrate)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m := newModel(s)
	rapid.Check(t, func(rt *rapid.T) { m.run(t, rt) })
}
