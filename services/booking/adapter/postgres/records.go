package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
)

var _ booking.Records = (*Store)(nil)

// BookingsAfter implements booking.Records.
func (s *Store) BookingsAfter(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	return s.page(ctx, `id > $1 ORDER BY id LIMIT $2`, id, limit)
}

// WithRefundsDue implements booking.Records.
func (s *Store) WithRefundsDue(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	return s.page(ctx, `refunds_due > 0 AND id > $1 ORDER BY id LIMIT $2`, id, limit)
}

func (s *Store) page(ctx context.Context, where string, args ...any) (page []booking.Booking, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		page, err = pageOf(ctx, conn, exceptTimeline, where, args...)
		return err
	})
	return page, err
}

// pageOf returns the bookings that where finds, also those that are Unreadable.
func pageOf(ctx context.Context, conn *pgx.Conn, what selection, where string, args ...any) ([]booking.Booking, error) {
	rows, err := conn.Query(ctx, `SELECT `+what.names+` FROM bookings WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	page, err := what.all(rows)
	if !errors.Is(err, booking.ErrUnreadable) {
		return page, err
	}
	if rows, err = conn.Query(ctx, `SELECT id FROM bookings WHERE `+where, args...); err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	page = nil
	for _, id := range ids {
		b, err := what.one(conn.QueryRow(ctx, `SELECT `+what.names+` FROM bookings WHERE id = $1`, id))
		switch {
		case errors.Is(err, booking.ErrUnreadable):
			b = booking.Booking{ID: id, Unreadable: err}
		case err != nil:
			return nil, err
		}
		page = append(page, b)
	}
	return page, nil
}

// SaveReport implements booking.Records.
func (s *Store) SaveReport(ctx context.Context, r booking.Report) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO reconciliations (id, report) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET report = EXCLUDED.report`, r.ID, r)
		return err
	})
}

// Reports implements booking.Records.
func (s *Store) Reports(ctx context.Context, before string, limit int) (reports []booking.Report, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT id, report::text FROM reconciliations WHERE id < coalesce(nullif($1, ''), '~') ORDER BY id DESC LIMIT $2`, before, limit)
		if err != nil {
			return err
		}
		reports, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r booking.Report, err error) {
			var id, stored string
			if err := row.Scan(&id, &stored); err != nil {
				return r, err
			}
			if json.Unmarshal([]byte(stored), &r) != nil {
				r = booking.UnreadableReport(id)
			}
			return r, nil
		})
		return err
	})
	return reports, err
}
