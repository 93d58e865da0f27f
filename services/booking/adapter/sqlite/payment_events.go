package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// PaymentEvents is a booking.PaymentEvents, in the Store's file.
type PaymentEvents struct{ db *sqlitedb.DB }

var _ booking.PaymentEvents = PaymentEvents{}

// PaymentEvents is where what the payment provider tells is kept.
func (s *Store) PaymentEvents() PaymentEvents { return PaymentEvents{s.db} }

// Keep implements booking.PaymentEvents.
func (p PaymentEvents) Keep(ctx context.Context, e booking.PaymentEvent) (fresh bool, err error) {
	err = p.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO payment_events (id, type, booking_id, kept_at, handled_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`,
			e.ID, e.Type, e.BookingID, sqlitedb.Time(e.KeptAt), sqlitedb.NullTime(e.HandledAt))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		fresh = n == 1
		return err
	})
	return fresh && err == nil, err
}

// Unhandled implements booking.PaymentEvents.
func (p PaymentEvents) Unhandled(ctx context.Context, limit int) ([]booking.PaymentEvent, error) {
	rows, err := p.db.Read.QueryContext(ctx, `SELECT id, type, booking_id, kept_at FROM payment_events
		WHERE handled_at IS NULL ORDER BY number LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []booking.PaymentEvent{}
	for rows.Next() {
		var e booking.PaymentEvent
		var kept int64
		if err := rows.Scan(&e.ID, &e.Type, &e.BookingID, &kept); err != nil {
			return nil, err
		}
		e.KeptAt = sqlitedb.FromTime(kept)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Handled implements booking.PaymentEvents.
func (p PaymentEvents) Handled(ctx context.Context, id string, at time.Time) error {
	return p.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE payment_events SET handled_at = ? WHERE id = ? AND handled_at IS NULL`, sqlitedb.Time(at), id)
		return err
	})
}

// Prune forgets events that were handled booking.PaymentEventsKept ago.
func (p PaymentEvents) Prune(ctx context.Context, now time.Time) error {
	return p.db.Sweep(ctx, `DELETE FROM payment_events WHERE number IN (SELECT number FROM payment_events WHERE handled_at < ? LIMIT ?)`,
		sqlitedb.Time(now.Add(-booking.PaymentEventsKept)), sqlitedb.Piece)
}
