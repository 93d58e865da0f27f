package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// insertSteps enters the steps of b's timeline, from the one with number first,
// in the audit log.
func insertSteps(ctx context.Context, tx *sql.Tx, b *booking.Booking, first int) error {
	some := b.Timeline[min(first, len(b.Timeline)):]
	if len(some) == 0 {
		return nil
	}
	return insertEntries(ctx, tx, booking.AuditEntry{BookingID: b.ID, EventID: b.EventID, Version: b.Version}, some...)
}

// insertEntries enters what all have in common and the steps, in one statement.
func insertEntries(ctx context.Context, tx *sql.Tx, all booking.AuditEntry, some ...booking.Step) error {
	steps := make([][]any, len(some))
	for i, s := range some {
		steps[i] = []any{sqlitedb.Time(s.At), s.By, s.Step, s.Detail}
	}
	rows, err := json.Marshal(steps)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2, ?3, ?4 FROM json_each(?1)`,
		string(rows), all.BookingID, all.EventID, all.Version)
	return err
}

// Audit implements booking.AuditLog.
func (s *Store) Audit(ctx context.Context, q booking.AuditQuery) (log []booking.AuditEntry, err error) {
	const entries, page = `SELECT number, at, by, step, detail, booking_id, event_id, version FROM audit_log`, ` AND (?2 = 0 OR number < ?2) ORDER BY number DESC LIMIT ?3`
	// Each in words of its own, for the sake of its index.
	query, of := entries+` WHERE ?1 = ''`+page, ""
	switch {
	case q.BookingID != "":
		query, of = entries+` WHERE booking_id = ?1`+page, q.BookingID
	case q.EventID != "":
		query, of = entries+` WHERE event_id = ?1`+page, q.EventID
	}
	log = []booking.AuditEntry{}
	err = s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		rows, err := tx.QueryContext(ctx, query, of, q.Before, q.Limit)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			var e booking.AuditEntry
			var at int64
			if err := rows.Scan(&e.Number, &at, &e.By, &e.Step.Step, &e.Detail, &e.BookingID, &e.EventID, &e.Version); err != nil {
				return err
			}
			e.At = sqlitedb.FromTime(at)
			log = append(log, e)
		}
		return rows.Err()
	})
	return log, err
}
