package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// log adds to a statement, which begins with the CTE stored of one booking, that
// the steps of b's timeline from the one with number first enter the audit log.
func log(sql *strings.Builder, args *arguments, b *booking.Booking, first int) {
	some := b.Timeline[min(first, len(b.Timeline)):]
	if len(some) == 0 {
		return
	}
	at, by, step, detail := make([]time.Time, len(some)), make([]string, len(some)), make([]string, len(some)), make([]string, len(some))
	for i, s := range some {
		at[i], by[i], step[i], detail[i] = s.At, s.By, s.Step, s.Detail
	}
	sql.WriteString(`, logged AS (
		INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT s.at, s.by, s.step, s.detail, stored.id, stored.event_id, stored.version FROM stored CROSS JOIN
			unnest(` + args.add(at) + `::timestamptz[], ` + args.add(by) + `::text[], ` + args.add(step) + `::text[], ` + args.add(detail) + `::text[]) AS s (at, by, step, detail))`)
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
