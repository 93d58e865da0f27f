//go:build integration

package postgres_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

func TestPruneForgetsAddresses(t *testing.T) {
	t.Parallel()
	s := open(t, postgresdb.Options{URL: pgtest.New(t, postgres.Migrate)})
	bookingtest.CheckPrunedAddresses(t, s, s.Prune)
}
