package sqlite

import (
	"context"
	"database/sql"
	"errors"
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
		var err error
		claimed, err = readable(ctx, tx, now, `lease_until <= ? ORDER BY lease_until, id LIMIT ?`, sqlitedb.Time(now), limit)
		if err != nil {
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

// BringForward implements booking.Store. It reads before it writes, as Claim does.
func (s *Store) BringForward(ctx context.Context, stored, leased, parked time.Time) error {
	const late = `FROM bookings WHERE lease_until > min(?1, ?2) AND lease_until > iif(lease_token = '', ?2, ?1)
		AND (lease_token = '' AND lease_until = payment_deadline AND updated_at <= ?3) IS NOT TRUE`
	times := []any{sqlitedb.Time(leased), sqlitedb.Time(parked), sqlitedb.Time(stored)}
	var some bool
	if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+late+`)`, times...).Scan(&some); err != nil || !some {
		return err
	}
	return s.db.Sweep(ctx, `UPDATE bookings SET lease_until = iif(lease_token = '', ?2, ?1) WHERE id IN (SELECT id `+late+` LIMIT ?4)`,
		append(times, sqlitedb.Piece)...)
}

// claimStranded returns bookings of cancelled events that are not cancelled, or
// have kept a fee since. An event that has none, and can get none, is done.
func claimStranded(ctx context.Context, tx *sql.Tx, now time.Time, limit int) ([]booking.Booking, error) {
	stranded, err := readable(ctx, tx, now, `id IN (
			SELECT b.id FROM cancelled_events c CROSS JOIN bookings b
			WHERE c.done_at IS NULL AND b.event_id = c.event_id AND b.status = 'CONFIRMED' AND b.lease_until IS NULL
			UNION ALL
			SELECT b.id FROM cancelled_events c CROSS JOIN bookings b
			WHERE c.done_at IS NULL AND b.event_id = c.event_id AND b.fee_at >= c.occurred_at AND b.status = 'CANCELLED' AND b.lease_until IS NULL
			LIMIT ?)`, limit)
	if err != nil || len(stranded) > 0 {
		return stranded, err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE cancelled_events SET done_at = ? WHERE done_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM bookings b WHERE b.event_id = cancelled_events.event_id AND b.status IN ('PENDING', 'CONFIRMED', 'CANCELLING'))
		AND NOT EXISTS (
			SELECT 1 FROM bookings b WHERE b.event_id = cancelled_events.event_id AND b.fee_at >= cancelled_events.occurred_at)`,
		sqlitedb.Time(now))
	return nil, err
}

// readable returns the bookings that where finds, and sets aside those that
// cannot be read.
func readable(ctx context.Context, tx *sql.Tx, now time.Time, where string, args ...any) ([]booking.Booking, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+whole.names+` FROM bookings WHERE `+where, args...) //nolint:gosec // where is written in this file
	if err != nil {
		return nil, err
	}
	found, err := whole.collect(rows)
	if err == nil {
		return found, nil
	}
	// One cannot be read: look at each.
	ids, err := idsOf(ctx, tx, where, args...)
	if err != nil {
		return nil, err
	}
	found = nil
	for _, id := range ids {
		b, err := whole.get(ctx, tx, id)
		if err == nil {
			found = append(found, b)
			continue
		}
		if err := setUnreadableAside(ctx, tx, id, now, err); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func idsOf(ctx context.Context, q querier, where string, args ...any) (ids []string, err error) {
	rows, err := q.QueryContext(ctx, `SELECT id FROM bookings WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func setUnreadableAside(ctx context.Context, tx *sql.Tx, id string, now time.Time, cause error) error {
	var tries int
	if err := tx.QueryRowContext(ctx, `SELECT tries + 1 FROM bookings WHERE id = ?`, id).Scan(&tries); err != nil {
		return err
	}
	stuck := booking.SetAside(cause, tries, now)
	_, err := tx.ExecContext(ctx, `
		UPDATE bookings SET lease_token = '', lease_until = ?, tries = ?, stuck_error = ?, stuck_since = ? WHERE id = ?`,
		sqlitedb.Time(stuck.RetryAt), tries, stuck.Error, sqlitedb.Time(stuck.Since), id)
	return err
}
