package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// insertSteps enters the steps of b's timeline, from the one with number first,
// in the audit log.
func insertSteps(ctx context.Context, tx *sql.Tx, b *booking.Booking, first int) error {
	for _, s := range b.Timeline[min(first, len(b.Timeline)):] {
		if err := insertEntry(ctx, tx, booking.AuditEntry{Step: s, BookingID: b.ID, EventID: b.EventID, Version: b.Version}); err != nil {
			return err
		}
	}
	return nil
}

func insertEntry(ctx context.Context, tx *sql.Tx, e booking.AuditEntry) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		sqlitedb.Time(e.At), e.By, e.Step.Step, e.Detail, e.BookingID, e.EventID, e.Version)
	return err
}

// Audit implements booking.AuditLog.
func (s *Store) Audit(ctx context.Context, q booking.AuditQuery) (entries []booking.AuditEntry, err error) {
	rows, err := s.db.Read.QueryContext(ctx, `
		SELECT number, at, by, step, detail, booking_id, event_id, version FROM audit_log
		WHERE `+auditIndex(q)+` AND (?2 = 0 OR number < ?2) ORDER BY number DESC LIMIT ?3`,
		q.BookingID+q.EventID, q.Before, q.Limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	entries = []booking.AuditEntry{}
	for rows.Next() {
		var e booking.AuditEntry
		var at int64
		if err := rows.Scan(&e.Number, &at, &e.By, &e.Step.Step, &e.Detail, &e.BookingID, &e.EventID, &e.Version); err != nil {
			return nil, err
		}
		e.At = sqlitedb.FromTime(at)
		entries = append(entries, e)
	}
	return entries, rows.Err()
}

// auditIndex is the condition on ?1 that q asks for.
func auditIndex(q booking.AuditQuery) string {
	switch {
	case q.BookingID != "":
		return "booking_id = ?1"
	case q.EventID != "":
		return "event_id = ?1"
	}
	return "?1 = ''"
}
