package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxpostgres "github.com/openboxoffice/boxoffice/services/internal/inbox/postgres"
)

var _ booking.CancelledEvents = (*Store)(nil)

// Inbox is where the messages that were heard are noted.
func (s *Store) Inbox() inbox.Store { return inboxpostgres.New(s.db) }

// Whoever confirms a booking shares its event with others who do, until the
// commit; whoever records that the event is cancelled has it alone. So what is
// confirmed is confirmed before the record, and seen by who reads after it.
const (
	lockEventShared = `SELECT pg_advisory_xact_lock_shared(hashtextextended('cancelled_events ' || $1::text, 0))`
	lockEvent       = `SELECT pg_advisory_xact_lock(hashtextextended('cancelled_events ' || $1::text, 0))`
)

// RecordCancelled implements booking.CancelledEvents.
func (s *Store) RecordCancelled(ctx context.Context, messageID string, e booking.CancelledEvent) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		fresh, err := inboxpostgres.Record(ctx, tx, messageID, e.RecordedAt)
		if err != nil || !fresh {
			return err
		}
		if _, err := tx.Exec(ctx, lockEvent, e.EventID); err != nil {
			return err
		}
		a := e.Audit()
		_, err = tx.Exec(ctx, `
			WITH recorded AS (
				INSERT INTO cancelled_events (event_id, title, by, note, occurred_at, recorded_at) VALUES ($1, $2, $6, $3, $4, $5)
				ON CONFLICT DO NOTHING RETURNING event_id),
			due AS (
				UPDATE bookings SET lease_until = $5
				WHERE event_id = (SELECT event_id FROM recorded) AND status = 'PENDING' AND lease_token = '' AND lease_until > $5)
			INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
			SELECT $5, $6, $7, $8, '', event_id, 0 FROM recorded`,
			e.EventID, e.Title, e.Note, e.OccurredAt, e.RecordedAt, a.By, a.Step.Step, a.Detail)
		return err
	})
}

// CancelledEvent implements booking.CancelledEvents.
func (s *Store) CancelledEvent(ctx context.Context, eventID string) (e booking.CancelledEvent, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT event_id, title, by, note, occurred_at, recorded_at FROM cancelled_events WHERE event_id = $1`, eventID).
			Scan(&e.EventID, &e.Title, &e.By, &e.Note, &e.OccurredAt, &e.RecordedAt)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = booking.ErrEventNotFound
	}
	return e, err
}

// Progress implements booking.CancelledEvents.
func (s *Store) Progress(ctx context.Context, eventID string) (p booking.CancellationProgress, err error) {
	if p.CancelledEvent, err = s.CancelledEvent(ctx, eventID); err != nil {
		return booking.CancellationProgress{}, err
	}
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'CONFIRMED'),
				count(*) FILTER (WHERE status = 'CANCELLING' OR status = 'CANCELLED' AND (lease_until IS NOT NULL OR fee_at >= $2)),
				count(*) FILTER (WHERE status = 'CANCELLED' AND reason = 'event_cancelled' AND lease_until IS NULL),
				coalesce(sum(refunds_due), 0)
			FROM bookings WHERE event_id = $1`, eventID, p.OccurredAt).
			Scan(&p.Pending, &p.Confirmed, &p.Cancelling, &p.Cancelled, &p.RefundsDue)
	})
	return p, err
}
