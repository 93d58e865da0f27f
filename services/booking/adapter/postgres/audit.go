package postgres

import (
	"cmp"
	"context"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// log adds to a statement, which begins with the CTE stored of one booking, that
// the steps of b's timeline from the one with number first enter the audit log.
func log(sql *strings.Builder, args *arguments, b *booking.Booking, first int) {
	rows := booking.AuditRows(b, first)
	if len(rows) == 0 {
		return
	}
	at, by, step, detail, more := make([]time.Time, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]*[]booking.Step, len(rows))
	for i, r := range rows {
		at[i], by[i], step[i], detail[i] = r.At, r.By, r.Step.Step, r.Detail
		if len(r.More) > 0 {
			more[i] = &r.More // not a slice, which pgx would take for a dimension
		}
	}
	sql.WriteString(`, logged AS (
		INSERT INTO audit_log (at, by, step, detail, more, booking_id, event_id, version)
		SELECT s.at, s.by, s.step, s.detail, s.more, stored.id, stored.event_id, stored.version FROM stored CROSS JOIN
			unnest(` + args.add(at) + `::timestamptz[], ` + args.add(by) + `::text[], ` + args.add(step) + `::text[], ` +
		args.add(detail) + `::text[], ` + args.add(more) + `::json[]) AS s (at, by, step, detail, more))`)
}

// Audit implements booking.AuditLog.
func (s *Store) Audit(ctx context.Context, q booking.AuditQuery) (entries []booking.AuditEntry, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT number, at, by, step, detail, booking_id, event_id, version, more FROM audit_log
			WHERE `+auditIndex(q)+` AND number < $2 ORDER BY number DESC LIMIT $3`,
			q.BookingID+q.EventID, cmp.Or(q.Before, math.MaxInt64), q.Limit)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r booking.AuditRow, err error) {
			err = row.Scan(&r.Number, &r.At, &r.By, &r.Step.Step, &r.Detail, &r.BookingID, &r.EventID, &r.Version, &r.More)
			return r, err
		})
		entries = q.Entries(found)
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
