package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func TestPaymentEventsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestPaymentEvents(t, func(t *testing.T) bookingtest.PaymentEventsUnderTest {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		p := s.PaymentEvents()
		return bookingtest.PaymentEventsUnderTest{PaymentEvents: p, Prune: func(now time.Time) error { return p.Prune(t.Context(), now) }}
	})
}
