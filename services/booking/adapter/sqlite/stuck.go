package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

var _ booking.StuckBookings = (*Store)(nil)

// SetAside implements booking.StuckBookings. Lists call it without a lease: then it
// reads before it writes.
func (s *Store) SetAside(ctx context.Context, id, lease string, stuck booking.Stuck) error {
	if lease == "" {
		var aside bool
		if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM bookings WHERE id = ? AND stuck_since IS NOT NULL)`,
			id).Scan(&aside); err != nil {
			return err
		} else if aside {
			return booking.ErrLeaseLost
		}
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE bookings SET lease_token = '', lease_until = ?, stuck_error = ?, stuck_since = ?
			WHERE id = ? AND lease_token = ? AND (lease_token <> '' OR stuck_since IS NULL)`,
			sqlitedb.Time(stuck.RetryAt), stuck.Error, sqlitedb.Time(stuck.Since), id, lease)
		return oneRow(res, err, booking.ErrLeaseLost)
	})
}

// oneRow is other if the statement changed nothing.
func oneRow(res sql.Result, err, other error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return other
}

// Stuck implements booking.StuckBookings.
func (s *Store) Stuck(ctx context.Context, after string, limit int) (page []booking.StuckBooking, err error) {
	page = []booking.StuckBooking{}
	err = s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		rows, err := tx.QueryContext(ctx, `
			SELECT id, event_id, status, tries, stuck_error, stuck_since, lease_until FROM bookings
			WHERE stuck_since IS NOT NULL AND id > ? ORDER BY id LIMIT ?`, after, limit)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var b booking.StuckBooking
			var since int64
			var retry sql.NullInt64
			if err := rows.Scan(&b.ID, &b.EventID, &b.Status, &b.Tries, &b.Error, &since, &retry); err != nil {
				return err
			}
			b.Since, b.RetryAt = sqlitedb.FromTime(since), sqlitedb.FromNullTime(retry)
			page = append(page, b)
		}
		return rows.Err()
	})
	return page, err
}

// RetryStuck implements booking.StuckBookings.
func (s *Store) RetryStuck(ctx context.Context, id string, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE bookings SET lease_until = iif(lease_token = '', ?, lease_until) WHERE id = ? AND stuck_since IS NOT NULL`,
			sqlitedb.Time(now), id)
		return oneRow(res, err, booking.ErrNotFound)
	})
}
