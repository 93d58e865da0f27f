package sandbox

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// await returns the reference of a charge that waits for its customer, which c
// begins to where its token says so; "" for one that does not.
func (s *Sandbox) await(ctx context.Context, tx *sql.Tx, c booking.Charge) (reference string, err error) {
	found, err := waiting(ctx, tx, c.BookingID)
	switch {
	case err != nil:
		return "", err
	case found != nil:
		return found.reference, nil
	case c.Token != Authentication:
		return "", nil
	}
	reference = newReference()
	_, err = tx.ExecContext(ctx, `INSERT INTO waiting (booking_id, reference, amount_minor, currency) VALUES (?, ?, ?, ?)`,
		c.BookingID, reference, c.Amount.AmountMinor, c.Amount.Currency)
	return reference, err
}

// waiting returns the charge of a booking that waits, nil when there is none.
func waiting(ctx context.Context, tx *sql.Tx, bookingID string) (*row, error) {
	var r row
	err := tx.QueryRowContext(ctx, `SELECT reference, amount_minor, currency FROM waiting WHERE booking_id = ?`, bookingID).
		Scan(&r.reference, &r.amount.AmountMinor, &r.amount.Currency)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &r, err
}

// Act is what the customer does whose charge waits: authenticate, or fail to. It
// reports whether there was anything to do.
func (s *Sandbox) Act(ctx context.Context, bookingID string, succeed bool) (acted bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		found, err := waiting(ctx, tx, bookingID)
		if acted = found != nil; err != nil || !acted {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM waiting WHERE booking_id = ?`, bookingID); err != nil {
			return err
		}
		if found.outcome = "captured"; !succeed {
			found.outcome = "declined"
		}
		return s.decide(ctx, tx, bookingID, *found)
	})
	return acted, err
}
