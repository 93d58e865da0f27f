package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// insertAudit enters rows of one change, nearly always one, in the audit log.
func insertAudit(ctx context.Context, tx *sql.Tx, rows ...booking.AuditRow) error {
	for _, r := range rows {
		var more sql.NullString
		if len(r.More) > 0 {
			text, err := json.Marshal(r.More)
			if err != nil {
				return err
			}
			more = sql.NullString{String: string(text), Valid: true}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO audit_log (number, at, by, step, detail, more, booking_id, event_id, version)
			VALUES ((SELECT coalesce(max(number), 0) FROM audit_log) + ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			booking.AuditRowSteps, sqlitedb.Time(r.At), r.By, r.Step.Step, r.Detail, more, r.BookingID, r.EventID, r.Version); err != nil {
			return err
		}
	}
	return nil
}

// Audit implements booking.AuditLog.
func (s *Store) Audit(ctx context.Context, q booking.AuditQuery) (log []booking.AuditEntry, err error) {
	const entries, page = `SELECT number, at, by, step, detail, booking_id, event_id, version, more FROM audit_log`, ` AND number < ?2 ORDER BY number DESC LIMIT ?3`
	// Each in words of its own, for the sake of its index.
	query, of := entries+` WHERE ?1 = ''`+page, ""
	switch {
	case q.BookingID != "":
		query, of = entries+` WHERE booking_id = ?1`+page, q.BookingID
	case q.EventID != "":
		query, of = entries+` WHERE event_id = ?1`+page, q.EventID
	}
	err = s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		rows, err := tx.QueryContext(ctx, query, of, cmp.Or(q.Before, math.MaxInt64), q.Limit)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		var found []booking.AuditRow
		for rows.Next() {
			var r booking.AuditRow
			var at int64
			var more []byte
			if err := rows.Scan(&r.Number, &at, &r.By, &r.Step.Step, &r.Detail, &r.BookingID, &r.EventID, &r.Version, &more); err != nil {
				return err
			}
			if more != nil {
				if err := json.Unmarshal(more, &r.More); err != nil {
					return err
				}
			}
			r.At = sqlitedb.FromTime(at)
			found = append(found, r)
		}
		log = q.Entries(found)
		return rows.Err()
	})
	return log, err
}
