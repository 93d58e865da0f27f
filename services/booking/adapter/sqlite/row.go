package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

const columns = `id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status,
	payment_provider, payment_reference, payment_status, refund, reason, attempt, acknowledged, timeline,
	version, created_at, updated_at, lease_token, lease_until, tries`

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// row is a booking as the table has it: what is not a column is JSON.
type row struct {
	b                      booking.Booking
	event, items, timeline string
	refund                 sql.NullString
	createdAt, updatedAt   int64
	leaseUntil             sql.NullInt64
}

func toRow(b booking.Booking) (row, error) {
	r := row{
		b: b, createdAt: sqlitedb.Time(b.CreatedAt), updatedAt: sqlitedb.Time(b.UpdatedAt),
		leaseUntil: sqlitedb.NullTime(b.Lease.Until),
	}
	for dst, v := range map[*string]any{&r.event: b.Event, &r.items: b.Items, &r.timeline: b.Timeline} {
		j, err := json.Marshal(v)
		if err != nil {
			return row{}, err
		}
		*dst = string(j)
	}
	if b.Refund != nil {
		j, err := json.Marshal(b.Refund)
		if err != nil {
			return row{}, err
		}
		r.refund = sql.NullString{String: string(j), Valid: true}
	}
	return r, nil
}

// values are in the order of columns.
func (r row) values() []any {
	b := &r.b
	return []any{
		b.ID, b.UserID, b.UserEmail, b.UserName, b.EventID, r.event, r.items, b.Total.AmountMinor, b.Total.Currency, string(b.Status),
		b.Payment.Provider, b.Payment.Reference, string(b.Payment.Status), r.refund, string(b.Reason), b.Attempt, b.Acknowledged, r.timeline,
		b.Version, r.createdAt, r.updatedAt, b.Lease.Token, r.leaseUntil, b.Tries,
	}
}

func scan(s interface{ Scan(dest ...any) error }) (booking.Booking, error) {
	var r row
	b := &r.b
	var status, paymentStatus, reason string
	var total money.Amount
	if err := s.Scan(
		&b.ID, &b.UserID, &b.UserEmail, &b.UserName, &b.EventID, &r.event, &r.items, &total.AmountMinor, &total.Currency, &status,
		&b.Payment.Provider, &b.Payment.Reference, &paymentStatus, &r.refund, &reason, &b.Attempt, &b.Acknowledged, &r.timeline,
		&b.Version, &r.createdAt, &r.updatedAt, &b.Lease.Token, &r.leaseUntil, &b.Tries,
	); err != nil {
		return booking.Booking{}, err
	}
	b.Total, b.Status, b.Payment.Status, b.Reason = total, booking.Status(status), booking.PaymentStatus(paymentStatus), problem.Code(reason)
	b.CreatedAt, b.UpdatedAt = sqlitedb.FromTime(r.createdAt), sqlitedb.FromTime(r.updatedAt)
	b.Lease.Until = sqlitedb.FromNullTime(r.leaseUntil)
	for src, dst := range map[*string]any{&r.event: &b.Event, &r.items: &b.Items, &r.timeline: &b.Timeline} {
		if err := json.Unmarshal([]byte(*src), dst); err != nil {
			return booking.Booking{}, err
		}
	}
	if r.refund.Valid {
		if err := json.Unmarshal([]byte(r.refund.String), &b.Refund); err != nil {
			return booking.Booking{}, err
		}
	}
	return *b, nil
}

func collect(rows *sql.Rows) ([]booking.Booking, error) {
	out := []booking.Booking{}
	for rows.Next() {
		b, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out = append(out, b)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}
