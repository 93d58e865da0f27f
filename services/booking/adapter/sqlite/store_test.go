package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

func underTest(t *testing.T) bookingtest.StoreUnderTest {
	path := filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return bookingtest.StoreUnderTest{
		Store: s, Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: s, CancelledEvents: s, Records: s, StuckBookings: s,
		Spoil: func(t *testing.T, id string) {
			t.Helper()
			plantest.Fill(t, path, `UPDATE bookings SET items = '{' WHERE id = '`+id+`'`,
				`UPDATE reconciliations SET report = '{' WHERE id = '`+id+`'`)
		},
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
