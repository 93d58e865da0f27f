package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// Claim implements booking.Store. What another is claiming or changing is
// skipped, not waited for; what another has claimed since the statement began
// is looked at as it is now, and its lease has not ended.
func (s *Store) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	var claimed []booking.Booking
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var err error
		claimed, err = readable(ctx, tx, now, `lease_until <= $1 ORDER BY lease_until, id LIMIT $2`, now, limit)
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
		if len(claimed) == 0 {
			return nil
		}
		ids := make([]string, len(claimed))
		for i := range claimed {
			b := &claimed[i]
			b.Lease, b.Tries = lease, b.Tries+1
			ids[i] = b.ID
		}
		_, err = tx.Exec(ctx, `UPDATE bookings SET lease_token = $2, lease_until = $3, tries = tries + 1 WHERE id = ANY($1)`,
			ids, lease.Token, lease.Until)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// BringForward implements booking.Store. What another is claiming or changing is
// skipped: it gets a new time, or is found the next time.
func (s *Store) BringForward(ctx context.Context, stored, leased, parked time.Time) error {
	return s.db.Sweep(ctx, `
		UPDATE bookings SET lease_until = CASE lease_token WHEN '' THEN $2 ELSE $1 END WHERE id = ANY (ARRAY(
			SELECT id FROM bookings
			WHERE lease_until > least($1::timestamptz, $2::timestamptz) AND lease_until > CASE lease_token WHEN '' THEN $2 ELSE $1 END
				AND (lease_token = '' AND lease_until = payment_deadline AND updated_at <= $3) IS NOT TRUE
			LIMIT 5000 FOR UPDATE SKIP LOCKED))`, leased, parked, stored)
}

// claimStranded returns bookings of cancelled events that are not cancelled, or
// have kept a fee since. An event that has none, and can get none, is done.
func claimStranded(ctx context.Context, tx pgx.Tx, now time.Time, limit int) ([]booking.Booking, error) {
	var events []string
	if err := tx.QueryRow(ctx, `SELECT coalesce(array_agg(event_id), '{}') FROM cancelled_events WHERE done_at IS NULL`).Scan(&events); err != nil || len(events) == 0 {
		return nil, err
	}
	stranded, err := readable(ctx, tx, now, `event_id = ANY($1) AND status = 'CONFIRMED' AND lease_until IS NULL LIMIT $2`, events, limit)
	if err == nil && len(stranded) == 0 {
		stranded, err = readable(ctx, tx, now, `id = ANY (ARRAY(
			SELECT b.id FROM cancelled_events c JOIN bookings b ON b.event_id = c.event_id AND b.fee_at >= c.occurred_at
			WHERE c.event_id = ANY($1) AND c.done_at IS NULL AND b.status = 'CANCELLED' AND b.lease_until IS NULL LIMIT $2)) AND lease_until IS NULL`, events, limit)
	}
	if err != nil || len(stranded) > 0 {
		return stranded, err
	}
	_, err = tx.Exec(ctx, `
		UPDATE cancelled_events c SET done_at = $2 WHERE event_id = ANY($1) AND done_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM bookings b WHERE b.event_id = c.event_id AND b.status IN ('PENDING', 'CONFIRMED', 'CANCELLING'))
		AND NOT EXISTS (
			SELECT 1 FROM bookings b WHERE b.event_id = c.event_id AND b.fee_at >= c.occurred_at)`, events, now)
	return nil, err
}

// readable returns the bookings that where finds, locked, and sets aside those
// that cannot be read.
func readable(ctx context.Context, tx pgx.Tx, now time.Time, where string, args ...any) ([]booking.Booking, error) {
	rows, err := tx.Query(ctx, `SELECT `+whole.names+` FROM bookings WHERE `+where+` FOR UPDATE SKIP LOCKED`, args...)
	if err != nil {
		return nil, err
	}
	found, err := whole.all(rows)
	if err == nil {
		return found, nil
	}
	// One cannot be read: look at each.
	if rows, err = tx.Query(ctx, `SELECT id FROM bookings WHERE `+where+` FOR UPDATE SKIP LOCKED`, args...); err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	found = nil
	for _, id := range ids {
		b, err := whole.one(tx.QueryRow(ctx, `SELECT `+whole.names+` FROM bookings WHERE id = $1`, id))
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

func setUnreadableAside(ctx context.Context, tx pgx.Tx, id string, now time.Time, cause error) error {
	var tries int
	if err := tx.QueryRow(ctx, `SELECT tries + 1 FROM bookings WHERE id = $1`, id).Scan(&tries); err != nil {
		return err
	}
	stuck := booking.SetAside(cause, tries, now)
	_, err := tx.Exec(ctx, `
		UPDATE bookings SET lease_token = '', lease_until = $2, tries = $3, stuck_error = $4, stuck_since = $5 WHERE id = $1`,
		id, stuck.RetryAt, tries, stuck.Error, stuck.Since)
	return err
}
