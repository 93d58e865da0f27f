package sandbox_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// What an earlier release has decided stays decided, and what waits for its customer
// waits on, as a first attempt.
func TestOldChargesAreKeptByAnUpgrade(t *testing.T) {
	t.Parallel()
	before := fstest.MapFS{}
	for _, name := range []string{"00001_init.sql", "00002_waiting.sql"} {
		data, err := os.ReadFile(filepath.Join("migrations", name))
		if err != nil {
			t.Fatal(err)
		}
		before[name] = &fstest.MapFile{Data: data}
	}
	path := filepath.Join(t.TempDir(), "sandbox.db")
	old, err := sqlitedb.Open(t.Context(), path, before)
	if err != nil {
		t.Fatal(err)
	}
	err = old.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `
			INSERT INTO charges (booking_id, outcome, reference, amount_minor, currency) VALUES ('paid', 'captured', 'sbx_1', 2500, 'EUR'), ('declined', 'declined', '', 2500, 'EUR');
			INSERT INTO waiting (booking_id, reference, amount_minor, currency) VALUES ('waits', 'sbx_2', 2500, 'EUR')`)
		return err
	})
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.Open(t.Context(), path, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	amount := money.Amount{AmountMinor: 2500, Currency: "EUR"}

	paid, err := s.Look(t.Context(), booking.Unsettled{BookingID: "paid"})
	if want := (booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: "sbx_1", Amount: amount}); err != nil || paid != want {
		t.Errorf("what was paid is %+v, %v", paid, err)
	}
	if settled, err := s.Settle(t.Context(), booking.Unsettled{BookingID: "declined"}); err != nil || settled != (booking.Settlement{Declined: true}) {
		t.Errorf("what was declined settles as %+v, %v", settled, err)
	}
	if _, err := s.Charge(t.Context(), booking.Charge{BookingID: "declined", Attempt: 2, Amount: amount}); !errors.Is(err, booking.ErrPaymentClosed) {
		t.Errorf("another card for what was declined for good: %v", err)
	}
	if acted, err := s.Act(t.Context(), "waits", 1, true); err != nil || !acted {
		t.Errorf("the customer cannot act: %v", err)
	}
	waits, err := s.Look(t.Context(), booking.Unsettled{BookingID: "waits"})
	if want := (booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: "sbx_2", Amount: amount}); err != nil || waits != want {
		t.Errorf("what waited is %+v, %v", waits, err)
	}
}
