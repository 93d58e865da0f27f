package sandbox_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

func TestPaymentsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestPayments(t, func(t *testing.T) bookingtest.PaymentsUnderTest {
		s := open(t)
		return bookingtest.PaymentsUnderTest{
			Payments: s, Statements: s,
			Good: sandbox.Visa, Declined: sandbox.InsufficientFunds, Timeout: sandbox.Timeout, Action: sandbox.Authentication,
			Act: func(id string, n int, succeed bool) bool {
				acted, err := s.Act(t.Context(), id, n, succeed)
				if err != nil {
					t.Error(err)
				}
				return acted
			},
			Forget: func() {}, // it never does
			Ledger: func(id string) (captured, refunded int64) {
				entries, err := s.Entries(t.Context(), id, 0, 1000)
				if err != nil {
					t.Error(err)
				}
				for _, e := range entries {
					if e.Kind == "charge" {
						captured += e.Amount.AmountMinor
					} else {
						refunded += e.Amount.AmountMinor
					}
				}
				return captured, refunded
			},
		}
	})
}

func TestTheEntriesOfABookingGoByTheirIndex(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sandbox.db")
	s := openAt(t, path)
	plantest.ByIndex(t, path, "Entries of a booking", "ledger_of_booking (booking_id=? AND number>?)", func(ctx context.Context) error {
		_, err := s.Entries(ctx, "b", 7, 20)
		return err
	})
}

// The card that is declined once pays at the second attempt, whoever counts.
func TestACardThatIsDeclinedOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := booking.Charge{BookingID: "b", Attempt: 1, Amount: money.Amount{AmountMinor: 2500, Currency: "EUR"}, Token: sandbox.DeclinedOnce}
	for range 2 {
		if _, err := s.Charge(t.Context(), c); !errors.Is(err, booking.ErrPaymentDeclined) {
			t.Errorf("the first attempt: %v", err)
		}
	}
	c.Attempt = 2
	if charged, err := s.Charge(t.Context(), c); err != nil || charged.Reference == "" {
		t.Errorf("the second attempt: %+v, %v", charged, err)
	}
}

func open(t *testing.T) *sandbox.Sandbox {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "sandbox.db"))
}

func openAt(t *testing.T, path string) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Open(t.Context(), path, sandbox.Options{})
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
