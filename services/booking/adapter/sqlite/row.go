package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

const columns = `id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status,
	payment_provider, payment_reference, payment_status, captured_minor, captured_currency, payment_action, payment_deadline,
	refunds, cancellations, reason, attempt, acknowledged, timeline,
	version, created_at, updated_at, lease_token, lease_until, tries, refunds_due, fee_at, unpaid_tickets`

// places are the parameters of columns.
const places = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// row is a booking as the table has it: what is not a column is JSON.
type row struct {
	b                              booking.Booking
	event, items, timeline, action string
	refunds, cancellations         string
	createdAt, updatedAt           int64
	deadline, leaseUntil           sql.NullInt64
}

// json are the columns that hold JSON, with what is in them.
func (r *row) json() map[*string]any {
	return map[*string]any{
		&r.event: &r.b.Event, &r.items: &r.b.Items, &r.timeline: &r.b.Timeline, &r.action: &r.b.Payment.Action,
		&r.refunds: &r.b.Refunds, &r.cancellations: &r.b.Cancellations,
	}
}

func toRow(b booking.Booking) (row, error) {
	r := row{
		b: b, createdAt: sqlitedb.Time(b.CreatedAt), updatedAt: sqlitedb.Time(b.UpdatedAt),
		leaseUntil: sqlitedb.NullTime(b.Lease.Until), deadline: sqlitedb.NullTime(b.Payment.Deadline),
	}
	for column, v := range r.json() {
		j, err := json.Marshal(v)
		if err != nil {
			return row{}, err
		}
		*column = string(j)
	}
	return r, nil
}

// values are in the order of columns.
func (r row) values() []any {
	b := &r.b
	return []any{
		b.ID, b.UserID, b.UserEmail, b.UserName, b.EventID, r.event, r.items, b.Total.AmountMinor, b.Total.Currency, string(b.Status),
		b.Payment.Provider, b.Payment.Reference, string(b.Payment.Status), b.Payment.Captured.AmountMinor, b.Payment.Captured.Currency,
		r.action, r.deadline, r.refunds, r.cancellations, string(b.Reason), b.Attempt, b.Acknowledged, r.timeline,
		b.Version, r.createdAt, r.updatedAt, b.Lease.Token, r.leaseUntil, b.Tries, b.RefundsDue(), sqlitedb.NullTime(b.FeeKeptAt()),
		b.UnpaidTickets(),
	}
}

func scan(s interface{ Scan(dest ...any) error }) (booking.Booking, error) {
	var r row
	b := &r.b
	var status, paymentStatus, reason string
	var total money.Amount
	if err := s.Scan(
		&b.ID, &b.UserID, &b.UserEmail, &b.UserName, &b.EventID, &r.event, &r.items, &total.AmountMinor, &total.Currency, &status,
		&b.Payment.Provider, &b.Payment.Reference, &paymentStatus, &b.Payment.Captured.AmountMinor, &b.Payment.Captured.Currency,
		&r.action, &r.deadline, &r.refunds, &r.cancellations, &reason, &b.Attempt, &b.Acknowledged, &r.timeline,
		&b.Version, &r.createdAt, &r.updatedAt, &b.Lease.Token, &r.leaseUntil, &b.Tries, new(int), new(sql.NullInt64),
		new(int),
	); err != nil {
		return booking.Booking{}, err
	}
	b.Total, b.Status, b.Payment.Status, b.Reason = total, booking.Status(status), booking.PaymentStatus(paymentStatus), problem.Code(reason)
	b.CreatedAt, b.UpdatedAt = sqlitedb.FromTime(r.createdAt), sqlitedb.FromTime(r.updatedAt)
	b.Lease.Until, b.Payment.Deadline = sqlitedb.FromNullTime(r.leaseUntil), sqlitedb.FromNullTime(r.deadline)
	for column, dst := range r.json() {
		if err := json.Unmarshal([]byte(*column), dst); err != nil {
			return booking.Booking{}, fmt.Errorf("%w: %w", booking.ErrUnreadable, err)
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
