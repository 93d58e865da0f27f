package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Enqueue implements notification.Store. The message's id goes into the inbox
// in the same transaction, so a receipt for it is the truth.
func (s *Store) Enqueue(ctx context.Context, r notification.Record) (outcome notification.Outcome, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		outcome = notification.Ignored
		fresh, err := inboxsqlite.Record(ctx, tx, r.MessageID, r.At)
		if err != nil || !fresh {
			return err
		}
		var b bookingRecords
		if r.BookingID != "" {
			if b, err = compare(ctx, tx, r); err != nil {
				return err
			}
		}
		told := b.told && r.Kind != notification.Nothing
		if told {
			r.Booking = ""
		}
		key := r.MessageID
		if len(r.Deliveries) > 0 && r.BookingID != "" && !told {
			key = r.Once()
		}
		// The inbox forgets after its retention; this table does not.
		res, err := tx.ExecContext(ctx, `
			INSERT INTO records (message_id, booking_id, kind, version, booking, event_at, once) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (message_id) DO NOTHING`,
			r.MessageID, r.BookingID, r.Kind, r.Version, r.Booking, sqlitedb.NullTime(r.EventAt), key)
		if err != nil {
			return err
		}
		if added, err := res.RowsAffected(); err != nil || added == 0 {
			return err
		}
		if told {
			return nil
		}
		if err := outdate(ctx, tx, r.BookingID, b.outdated); err != nil {
			return err
		}
		admitted, err := admit(ctx, tx, r)
		if err != nil {
			return err
		}
		waits, err := b.waits(ctx, tx, r)
		if err != nil {
			return err
		}
		texts := true
		if admitted {
			if texts, err = use(ctx, tx, r, r.SMSQuotas); err != nil {
				return err
			}
		}
		waits = waits || !texts
		for _, n := range r.Deliveries {
			if waits || !admitted {
				n.Lease, n.Due = "", n.CreatedAt
			}
			switch {
			case !admitted:
				n.Status, n.Error = notification.Failed, notification.OverQuota
			case !texts && n.Channel == notification.SMS:
				n.Status, n.Error = notification.Dropped, notification.OverSMSQuota
			}
			if err := insert(ctx, tx, r, n); err != nil {
				return err
			}
		}
		outcome = notification.Leased
		if !admitted {
			outcome = notification.Limited
		} else if waits || len(r.Deliveries) == 0 || r.Deliveries[0].Lease == "" {
			outcome = notification.Stored
		}
		return nil
	})
	if err != nil {
		return notification.Ignored, err
	}
	return outcome, nil
}

// bookingRecords is what a new record needs to know of the others of its booking.
type bookingRecords struct {
	told     bool     // of what the new one has, or of something that outdates it
	outdated []string // message ids of what the new one outdates
	older    bool     // there are records of a lower version
	newer    bool     // there are records of a higher version of which anybody is told
}

func compare(ctx context.Context, tx *sql.Tx, r notification.Record) (b bookingRecords, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT message_id, kind, version, once FROM records WHERE booking_id = ?`, r.BookingID)
	if err != nil {
		return b, err
	}
	defer rows.Close()
	for rows.Next() {
		var known notification.Record
		var once string
		if err := rows.Scan(&known.MessageID, &known.Kind, &known.Version, &once); err != nil {
			return b, err
		}
		switch {
		case once == r.Once(), known.Version > r.Version && known.Kind.Outdates(r.Kind):
			b.told = true
		case known.Version < r.Version && r.Kind.Outdates(known.Kind):
			b.outdated = append(b.outdated, known.MessageID)
		}
		b.older = b.older || known.Version < r.Version
		b.newer = b.newer || known.Version > r.Version && once != known.MessageID
	}
	return b, rows.Err()
}

// waits reports whether r's deliveries are not to be claimed from their birth.
func (b bookingRecords) waits(ctx context.Context, tx *sql.Tx, r notification.Record) (waits bool, err error) {
	if b.newer || !b.older {
		return b.newer, nil
	}
	err = tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries d JOIN records r USING (message_id)
			WHERE d.booking_id = ? AND r.version < ? AND (d.status IN ('RESOLVING', 'PENDING') OR d.lease <> ''))`,
		r.BookingID, r.Version).Scan(&waits)
	return waits, err
}

// outdate ends the open deliveries of these messages. Whoever has leased one may
// still settle it.
func outdate(ctx context.Context, tx *sql.Tx, bookingID string, messageIDs []string) error {
	if len(messageIDs) == 0 {
		return nil
	}
	list, err := json.Marshal(messageIDs)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE deliveries SET status = iif(status = 'PENDING', 'OUTDATED', 'DROPPED'), error = ?
		WHERE booking_id = ? AND message_id IN (SELECT value FROM json_each(?)) AND status IN ('RESOLVING', 'PENDING')`,
		notification.Replaced, bookingID, string(list))
	return err
}

func insert(ctx context.Context, tx *sql.Tx, r notification.Record, n notification.Notification) error {
	ready := n.Lease == "" && !n.Due.After(r.At)
	_, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (id, message_id, booking_id, user_id, channel, recipient, subject, text, html, calendar,
			status, attempts, error, created_at, sent_at, due, turn, ready, lease)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, r.MessageID, n.BookingID, n.UserID, n.Channel, n.To, n.Subject, n.Text, n.HTML, n.Calendar,
		n.Status, n.Attempts, n.Error, sqlitedb.Time(n.CreatedAt), sqlitedb.NullTime(n.SentAt), sqlitedb.Time(n.Due), n.Turn, ready, n.Lease)
	return err
}
