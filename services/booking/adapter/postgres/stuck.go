package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

var _ booking.StuckBookings = (*Store)(nil)

// SetAside implements booking.StuckBookings.
func (s *Store) SetAside(ctx context.Context, id, lease string, stuck booking.Stuck) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE bookings SET lease_token = '', lease_until = $3, stuck_error = $4, stuck_since = $5
			WHERE id = $1 AND lease_token = $2 AND (lease_token <> '' OR stuck_since IS NULL)`,
			id, lease, stuck.RetryAt, stuck.Error, stuck.Since)
		if err == nil && tag.RowsAffected() == 0 {
			return booking.ErrLeaseLost
		}
		return err
	})
}

// Stuck implements booking.StuckBookings.
func (s *Store) Stuck(ctx context.Context, after string, limit int) (page []booking.StuckBooking, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT id, event_id, status, tries, stuck_error, stuck_since, lease_until FROM bookings
			WHERE stuck_since IS NOT NULL AND id > $1 ORDER BY id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (b booking.StuckBooking, err error) {
			err = row.Scan(&b.ID, &b.EventID, &b.Status, &b.Tries, &b.Error, &b.Since, (*postgresdb.NullTime)(&b.RetryAt))
			return b, err
		})
		return err
	})
	return page, err
}

// RetryStuck implements booking.StuckBookings.
func (s *Store) RetryStuck(ctx context.Context, id string, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE bookings SET lease_until = CASE lease_token WHEN '' THEN $2 ELSE lease_until END WHERE id = $1 AND stuck_since IS NOT NULL`, id, now)
		switch {
		case postgresdb.IsNoText(err), err == nil && tag.RowsAffected() == 0:
			return booking.ErrNotFound
		}
		return err
	})
}
