package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Claim implements booking.Store. It reads before it writes, so that a worker
// with nothing to do never takes the write lock.
func (s *Store) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	var some bool
	if err := s.db.Read.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM bookings WHERE lease_until <= ?) OR EXISTS (SELECT 1 FROM cancelled_events WHERE done_at IS NULL)`,
		sqlitedb.Time(now)).Scan(&some); err != nil || !some {
		return nil, err
	}
	var claimed []booking.Booking
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+columns+` FROM bookings WHERE lease_until <= ? ORDER BY lease_until, id LIMIT ?`,
			sqlitedb.Time(now), limit)
		if err != nil {
			return err
		}
		if claimed, err = collect(rows); err != nil {
			return err
		}
		if more := limit - len(claimed); more > 0 {
			stranded, err := claimStranded(ctx, tx, now, more)
			if err != nil {
				return err
			}
			claimed = append(claimed, stranded...)
		}
		for i := range claimed {
			b := &claimed[i]
			b.Lease, b.Tries = lease, b.Tries+1
			if _, err := tx.ExecContext(ctx, `UPDATE bookings SET lease_token = ?, lease_until = ?, tries = ? WHERE id = ?`,
				lease.Token, sqlitedb.Time(lease.Until), b.Tries, b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// claimStranded returns bookings whose event is cancelled and that are not. An
// event that has none, and can get none, is done.
func claimStranded(ctx context.Context, tx *sql.Tx, now time.Time, limit int) ([]booking.Booking, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT `+columns+` FROM bookings WHERE id IN (
			SELECT b.id FROM cancelled_events c CROSS JOIN bookings b
			WHERE c.done_at IS NULL AND b.event_id = c.event_id AND b.status = 'CONFIRMED' AND b.lease_until IS NULL LIMIT ?)`, limit)
	if err != nil {
		return nil, err
	}
	stranded, err := collect(rows)
	if err != nil || len(stranded) > 0 {
		return stranded, err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE cancelled_events SET done_at = ? WHERE done_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM bookings b WHERE b.event_id = cancelled_events.event_id AND b.status IN ('PENDING', 'CONFIRMED'))`,
		sqlitedb.Time(now))
	return nil, err
}
