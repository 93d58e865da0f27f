package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/openboxoffice/boxoffice/services/booking"
)

var _ booking.Records = (*Store)(nil)

// BookingsAfter implements booking.Records.
func (s *Store) BookingsAfter(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	return pageOf(ctx, s.db.Read, exceptTimeline, `id > ? ORDER BY id LIMIT ?`, id, limit)
}

// WithRefundsDue implements booking.Records.
func (s *Store) WithRefundsDue(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	return pageOf(ctx, s.db.Read, exceptTimeline, `refunds_due > 0 AND id > ? ORDER BY id LIMIT ?`, id, limit)
}

// pageOf returns the bookings that where finds, also those that are Unreadable.
func pageOf(ctx context.Context, q querier, what selection, where string, args ...any) ([]booking.Booking, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+what.names+` FROM bookings WHERE `+where, args...)
	if err != nil {
		return nil, err
	}
	found, err := what.collect(rows)
	if !errors.Is(err, booking.ErrUnreadable) {
		return found, err
	}
	ids, err := idsOf(ctx, q, where, args...)
	if err != nil {
		return nil, err
	}
	found = nil
	for _, id := range ids {
		b, err := what.get(ctx, q, id)
		switch {
		case errors.Is(err, booking.ErrUnreadable):
			b = booking.Booking{ID: id, Unreadable: err}
		case err != nil:
			return nil, err
		}
		found = append(found, b)
	}
	return found, nil
}

// SaveReport implements booking.Records.
func (s *Store) SaveReport(ctx context.Context, r booking.Report) error {
	report, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO reconciliations (id, report) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET report = excluded.report`, r.ID, string(report))
		return err
	})
}

// Reports implements booking.Records.
func (s *Store) Reports(ctx context.Context, before string, limit int) (reports []booking.Report, err error) {
	reports = []booking.Report{}
	err = s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		rows, err := tx.QueryContext(ctx, `
			SELECT id, report FROM reconciliations WHERE id < ? ORDER BY id DESC LIMIT ?`, cmp.Or(before, "~"), limit)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var id, stored string
			var r booking.Report
			if err := rows.Scan(&id, &stored); err != nil {
				return err
			}
			if json.Unmarshal([]byte(stored), &r) != nil {
				r = booking.UnreadableReport(id)
			}
			reports = append(reports, r)
		}
		return rows.Err()
	})
	return reports, err
}
