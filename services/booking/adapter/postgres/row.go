package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

const columns = `id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status,
	payment_provider, payment_reference, payment_status, captured_minor, captured_currency, payment_action, payment_deadline,
	refunds, cancellations, reason, attempt, acknowledged, timeline,
	version, created_at, updated_at, lease_token, lease_until, tries, refunds_due, fee_at, unpaid_tickets`

// places are the parameters of columns.
const places = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
	$21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32`

// values are b's in the order of columns. What has no column type of its own
// is JSON, and NULL where it is nil.
func values(b *booking.Booking) []any {
	return []any{
		b.ID, b.UserID, b.UserEmail, b.UserName, b.EventID, b.Event, b.Items, b.Total.AmountMinor, b.Total.Currency, b.Status,
		b.Payment.Provider, b.Payment.Reference, b.Payment.Status, b.Payment.Captured.AmountMinor, b.Payment.Captured.Currency,
		b.Payment.Action, postgresdb.NullTime(b.Payment.Deadline),
		b.Refunds, b.Cancellations, b.Reason, b.Attempt, b.Acknowledged, b.Timeline,
		b.Version, b.CreatedAt, b.UpdatedAt, b.Lease.Token, postgresdb.NullTime(b.Lease.Until), b.Tries, b.RefundsDue(), postgresdb.NullTime(b.FeeKeptAt()),
		b.UnpaidTickets(),
	}
}

// fields are where columns are scanned to.
func fields(b *booking.Booking) []any {
	return []any{
		&b.ID, &b.UserID, &b.UserEmail, &b.UserName, &b.EventID, &b.Event, &b.Items, &b.Total.AmountMinor, &b.Total.Currency, &b.Status,
		&b.Payment.Provider, &b.Payment.Reference, &b.Payment.Status, &b.Payment.Captured.AmountMinor, &b.Payment.Captured.Currency,
		&b.Payment.Action, (*postgresdb.NullTime)(&b.Payment.Deadline),
		&b.Refunds, &b.Cancellations, &b.Reason, &b.Attempt, &b.Acknowledged, &b.Timeline,
		&b.Version, &b.CreatedAt, &b.UpdatedAt, &b.Lease.Token, (*postgresdb.NullTime)(&b.Lease.Until), &b.Tries, new(int), new(postgresdb.NullTime),
		new(int),
	}
}

// one returns the booking in row, whose columns after the first are columns
// and the first ones are for prefix.
func one(row pgx.Row, prefix ...any) (b booking.Booking, err error) {
	err = row.Scan(append(prefix, fields(&b)...)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows), postgresdb.IsNoText(err):
		return booking.Booking{}, booking.ErrNotFound
	case err != nil:
		return booking.Booking{}, unreadable(err)
	}
	return b, nil
}

// unreadable adds ErrUnreadable to an error about the content of a column.
func unreadable(err error) error {
	var column pgx.ScanArgError
	if errors.As(err, &column) {
		return fmt.Errorf("%w: %w", booking.ErrUnreadable, err)
	}
	return err
}

func all(rows pgx.Rows) ([]booking.Booking, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b booking.Booking, err error) {
		err = row.Scan(fields(&b)...)
		return b, unreadable(err)
	})
}
