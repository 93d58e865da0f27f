//go:build integration

package postgres_test

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

func TestPaymentEventsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestPaymentEvents(t, func(t *testing.T) bookingtest.PaymentEventsUnderTest {
		p := open(t, postgresdb.Options{URL: pgtest.New(t, postgres.Migrate)}).PaymentEvents()
		return bookingtest.PaymentEventsUnderTest{PaymentEvents: p, Prune: func(now time.Time) error { return p.Prune(t.Context(), now) }}
	})
}
