package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

var _ booking.CancelledEvents = (*Store)(nil)

// Inbox is where the messages that were heard are noted.
func (s *Store) Inbox() inbox.Store { return inboxsqlite.New(s.db) }

// RecordCancelled implements booking.CancelledEvents.
func (s *Store) RecordCancelled(ctx context.Context, messageID string, e booking.CancelledEvent) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		fresh, err := inboxsqlite.Record(ctx, tx, messageID, e.RecordedAt)
		if err != nil || !fresh {
			return err
		}
		res, err := tx.ExecContext(ctx, `
			INSERT INTO cancelled_events (event_id, title, by, note, occurred_at, recorded_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			e.EventID, e.Title, e.By, e.Note, sqlitedb.Time(e.OccurredAt), sqlitedb.Time(e.RecordedAt))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			UPDATE bookings SET lease_until = ?2 WHERE event_id = ?1 AND status = 'PENDING' AND lease_token = '' AND lease_until > ?2`,
			e.EventID, sqlitedb.Time(e.RecordedAt)); err != nil {
			return err
		}
		return insertAudit(ctx, tx, booking.AuditRow{AuditEntry: e.Audit()})
	})
}

// CancelledEvent implements booking.CancelledEvents.
func (s *Store) CancelledEvent(ctx context.Context, eventID string) (e booking.CancelledEvent, err error) {
	var occurred, recorded int64
	err = s.db.Read.QueryRowContext(ctx, `SELECT event_id, title, by, note, occurred_at, recorded_at FROM cancelled_events WHERE event_id = ?`, eventID).
		Scan(&e.EventID, &e.Title, &e.By, &e.Note, &occurred, &recorded)
	if errors.Is(err, sql.ErrNoRows) {
		return booking.CancelledEvent{}, booking.ErrEventNotFound
	}
	e.OccurredAt, e.RecordedAt = sqlitedb.FromTime(occurred), sqlitedb.FromTime(recorded)
	return e, err
}

// Progress implements booking.CancelledEvents.
func (s *Store) Progress(ctx context.Context, eventID string) (p booking.CancellationProgress, err error) {
	if p.CancelledEvent, err = s.CancelledEvent(ctx, eventID); err != nil {
		return booking.CancellationProgress{}, err
	}
	// It counts all of the event's bookings.
	err = s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `
			SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'CONFIRMED'),
				count(*) FILTER (WHERE status = 'CANCELLING' OR status = 'CANCELLED' AND (lease_until IS NOT NULL OR fee_at >= ?2)),
				count(*) FILTER (WHERE status = 'CANCELLED' AND reason = 'event_cancelled' AND lease_until IS NULL),
				coalesce(sum(refunds_due), 0)
			FROM bookings WHERE event_id = ?1`, eventID, sqlitedb.Time(p.OccurredAt)).
			Scan(&p.Pending, &p.Confirmed, &p.Cancelling, &p.Cancelled, &p.RefundsDue)
	})
	return p, err
}
