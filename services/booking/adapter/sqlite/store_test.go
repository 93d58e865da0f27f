package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func underTest(t *testing.T) bookingtest.StoreUnderTest {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
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
