package sandbox

import (
	"context"
	"strconv"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Statements implements booking.Statements, oldest first.
func (s *Sandbox) Statements(ctx context.Context, since time.Time, after string, limit int) (page []booking.Statement, next string, err error) {
	var from int64
	if after != "" {
		if from, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, "", err
		}
	}
	rows, err := s.db.Read.QueryContext(ctx, `
		SELECT number, booking_id, reference, amount_minor, currency, at,
			(SELECT coalesce(sum(r.amount_minor), 0) FROM ledger r WHERE r.booking_id = c.booking_id AND r.kind = 'refund')
		FROM ledger c WHERE kind = 'charge' AND number > ? AND at >= ? ORDER BY number LIMIT ?`,
		from, sqlitedb.Time(since.Truncate(time.Second)), limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	page = []booking.Statement{}
	var last int64
	for rows.Next() {
		if len(page) == limit {
			next = strconv.FormatInt(last, 10)
			break
		}
		var b booking.Statement
		var at int64
		if err := rows.Scan(&last, &b.BookingID, &b.Reference, &b.Captured.AmountMinor, &b.Captured.Currency, &at, &b.Refunded.AmountMinor); err != nil {
			return nil, "", err
		}
		b.Refunded.Currency, b.At = b.Captured.Currency, sqlitedb.FromTime(at)
		page = append(page, b)
	}
	return page, next, rows.Err()
}
