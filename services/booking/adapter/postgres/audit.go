package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// withSteps begins a statement about one booking, whose first parameters are
// its values: it enters steps in the audit log.
const withSteps = `
	WITH logged AS (
		INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT s.at, s.by, s.step, s.detail, $1, $5, $24
		FROM unnest($33::timestamptz[], $34::text[], $35::text[], $36::text[]) AS s (at, by, step, detail))
	`

// steps are the parameters of withSteps after values: those of b's timeline from
// the one with number first.
func steps(b *booking.Booking, first int) []any {
	some := b.Timeline[min(first, len(b.Timeline)):]
	at, by, step, detail := make([]time.Time, len(some)), make([]string, len(some)), make([]string, len(some)), make([]string, len(some))
	for i, s := range some {
		at[i], by[i], step[i], detail[i] = s.At, s.By, s.Step, s.Detail
	}
	return []any{at, by, step, detail}
}

// Audit implements booking.AuditLog.
func (s *Store) Audit(ctx context.Context, q booking.AuditQuery) (entries []booking.AuditEntry, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT number, at, by, step, detail, booking_id, event_id, version FROM audit_log
			WHERE `+auditIndex(q)+` AND ($2 = 0 OR number < $2) ORDER BY number DESC LIMIT $3`,
			q.BookingID+q.EventID, q.Before, q.Limit)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e booking.AuditEntry, err error) {
			err = row.Scan(&e.Number, &e.At, &e.By, &e.Step.Step, &e.Detail, &e.BookingID, &e.EventID, &e.Version)
			return e, err
		})
		return err
	})
	return entries, err
}

// auditIndex is the condition on $1 that q asks for.
func auditIndex(q booking.AuditQuery) string {
	switch {
	case q.BookingID != "":
		return "booking_id = $1"
	case q.EventID != "":
		return "event_id = $1"
	}
	return "$1 = ''"
}
