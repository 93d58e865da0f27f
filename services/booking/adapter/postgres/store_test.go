//go:build integration

package postgres_test

import (
	"cmp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
	url := pgtest.New(t, postgres.Migrate)
	s := open(t, postgresdb.Options{URL: url})
	return bookingtest.StoreUnderTest{
		Store: s, Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: s, CancelledEvents: s, Records: s, StuckBookings: s,
		Spoil: spoilAt(url),
	}
}

// spoilAt makes a booking or a report in the database at url unreadable.
func spoilAt(url string) func(t *testing.T, id string) {
	return func(t *testing.T, id string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		for _, spoil := range []string{
			`UPDATE bookings SET items = '"none"' WHERE id = $1`, `UPDATE reconciliations SET report = '"none"' WHERE id = $1`,
		} {
			if _, err := conn.Exec(t.Context(), spoil, id); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestStoreContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestStore(t, underTest)
}

func TestStuckBookingsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestStuckBookings(t, underTest)
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
