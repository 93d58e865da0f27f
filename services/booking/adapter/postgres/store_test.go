//go:build integration

package postgres_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// open gives each call a minute, unless o says how long.
func open(t *testing.T, o postgresdb.Options) *postgres.Store {
	t.Helper()
	o.Timeout = cmp.Or(o.Timeout, time.Minute)
	s, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func underTest(t *testing.T) bookingtest.StoreUnderTest {
	s := open(t, postgresdb.Options{URL: pgtest.New(t, postgres.Migrate)})
	return bookingtest.StoreUnderTest{Store: s, Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: s, CancelledEvents: s, Records: s}
}

func TestStoreContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestStore(t, underTest)
}

func TestCancelledEventsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestCancelledEvents(t, underTest)
}

func TestAuditLogContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestAuditLog(t, underTest)
}

func TestRecordsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestRecords(t, underTest)
}
