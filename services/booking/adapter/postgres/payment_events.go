package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// PaymentEvents is a booking.PaymentEvents, in the Store's database.
type PaymentEvents struct{ db *postgresdb.DB }

var _ booking.PaymentEvents = PaymentEvents{}

// PaymentEvents is where what the payment provider tells is kept.
func (s *Store) PaymentEvents() PaymentEvents { return PaymentEvents{s.db} }

// Keep implements booking.PaymentEvents.
func (p PaymentEvents) Keep(ctx context.Context, e booking.PaymentEvent) (fresh bool, err error) {
	err = p.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO payment_events (id, type, booking_id, kept_at, handled_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO NOTHING`,
			e.ID, e.Type, e.BookingID, e.KeptAt, postgresdb.NullTime(e.HandledAt))
		fresh = tag.RowsAffected() == 1
		return err
	})
	return fresh && err == nil, err
}

// Unhandled implements booking.PaymentEvents.
func (p PaymentEvents) Unhandled(ctx context.Context, limit int) (events []booking.PaymentEvent, err error) {
	err = p.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id, type, booking_id, kept_at FROM payment_events
			WHERE handled_at IS NULL ORDER BY number LIMIT $1`, limit)
		if err != nil {
			return err
		}
		events, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e booking.PaymentEvent, err error) {
			err = row.Scan(&e.ID, &e.Type, &e.BookingID, &e.KeptAt)
			e.KeptAt = e.KeptAt.UTC()
			return e, err
		})
		return err
	})
	return events, err
}

// Handled implements booking.PaymentEvents.
func (p PaymentEvents) Handled(ctx context.Context, id string, at time.Time) error {
	return p.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE payment_events SET handled_at = $2 WHERE id = $1 AND handled_at IS NULL`, id, at)
		return err
	})
}

// Prune forgets events that were handled booking.PaymentEventsKept ago.
func (p PaymentEvents) Prune(ctx context.Context, now time.Time) error {
	return p.db.Sweep(ctx, `
		DELETE FROM payment_events WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM payment_events WHERE handled_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
		now.Add(-booking.PaymentEventsKept))
}
