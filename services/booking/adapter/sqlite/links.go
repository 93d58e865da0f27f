package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// LinkMails is a booking.LinkMails, in the Store's file.
type LinkMails struct{ db *sqlitedb.DB }

var _ booking.LinkMails = LinkMails{}

// LinkMails is where the mails with links to bookings are kept.
func (s *Store) LinkMails() LinkMails { return LinkMails{s.db} }

// Request implements booking.LinkMails.
func (l LinkMails) Request(ctx context.Context, r booking.LinkRequest, within booking.Span, most int) error {
	return l.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO link_requests (id, guest_key, mailbox, client, trace_parent, requested_at)
			SELECT ?1, ?2, ?3, ?4, ?5, ?6
			WHERE (SELECT count(*) FROM link_requests WHERE client = ?4 AND requested_at > ?7 AND requested_at < ?8) < ?9`,
			r.ID, r.Key, r.Mailbox, r.Client, r.TraceParent, sqlitedb.Time(r.At), sqlitedb.Time(within.After), sqlitedb.Time(within.Before), most)
		return err
	})
}

// WorkOff implements booking.LinkMails. It reads before it writes: a worker that finds
// nothing to do holds up no writer.
func (l LinkMails) WorkOff(ctx context.Context, within booking.Span, limit int,
	decide func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error),
) (n int, err error) {
	var waits bool
	if err := l.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM link_requests WHERE waits = 1)`).Scan(&waits); err != nil || !waits {
		return 0, err
	}
	err = l.db.Write(ctx, func(tx *sql.Tx) error {
		requests, err := waitingRequests(ctx, tx, limit)
		if err != nil {
			return err
		}
		for _, r := range requests {
			if err := workOff(ctx, tx, r, within, decide); err != nil {
				return err
			}
		}
		n = len(requests)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

func waitingRequests(ctx context.Context, tx *sql.Tx, limit int) (all []booking.LinkRequest, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, guest_key, mailbox, client, trace_parent, requested_at FROM link_requests WHERE waits = 1 ORDER BY requested_at LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r booking.LinkRequest
		var at int64
		if err := rows.Scan(&r.ID, &r.Key, &r.Mailbox, &r.Client, &r.TraceParent, &at); err != nil {
			return nil, err
		}
		r.At = sqlitedb.FromTime(at)
		all = append(all, r)
	}
	return all, rows.Err()
}

func workOff(ctx context.Context, tx *sql.Tx, r booking.LinkRequest, within booking.Span,
	decide func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error),
) error {
	if _, err := tx.ExecContext(ctx, `UPDATE link_requests SET waits = 0 WHERE id = ?`, r.ID); err != nil {
		return err
	}
	found, err := ofGuest(ctx, tx, r.Key)
	if err != nil || len(found) == 0 {
		return err
	}
	var recent int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM link_mails WHERE mailbox = ? AND created_at > ? AND created_at < ?`,
		r.Mailbox, sqlitedb.Time(within.After), sqlitedb.Time(within.Before)).Scan(&recent); err != nil {
		return err
	}
	m, message, err := decide(r, found, recent)
	if err != nil || m == nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO link_mails (id, guest_key, mailbox, created_at) VALUES (?, ?, ?, ?)`,
		m.ID, m.Key, m.Mailbox, sqlitedb.Time(m.CreatedAt)); err != nil {
		return err
	}
	return outboxsqlite.Insert(ctx, tx, events.TopicBookings, message, message.Time)
}

// ofGuest are the guests' bookings of a key.
func ofGuest(ctx context.Context, q querier, key string) ([]booking.Booking, error) {
	return pageOf(ctx, q, exceptTimeline, `guest_key = ? AND guest_key <> '' AND status IN ('CONFIRMED', 'CANCELLING', 'CANCELLED') ORDER BY id DESC LIMIT ?`,
		key, booking.MostFound)
}

// Get implements booking.LinkMails.
func (l LinkMails) Get(ctx context.Context, id string) (m booking.LinkMail, found []booking.Booking, err error) {
	var at int64
	err = l.db.Read.QueryRowContext(ctx, `SELECT id, guest_key, mailbox, created_at FROM link_mails WHERE id = ?`, id).
		Scan(&m.ID, &m.Key, &m.Mailbox, &at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return booking.LinkMail{}, nil, booking.ErrMailNotDue
	case err != nil:
		return booking.LinkMail{}, nil, err
	}
	m.CreatedAt = sqlitedb.FromTime(at)
	found, err = ofGuest(ctx, l.db.Read, m.Key)
	return m, found, err
}

// Prune implements booking.LinkMails.
func (l LinkMails) Prune(ctx context.Context, now time.Time) error {
	return errors.Join(
		l.db.Sweep(ctx, `DELETE FROM link_requests WHERE id IN (SELECT id FROM link_requests WHERE waits = 0 AND requested_at < ? LIMIT ?)`,
			sqlitedb.Time(now.Add(-booking.LinkRequestsKept)), sqlitedb.Piece),
		l.db.Sweep(ctx, `DELETE FROM link_mails WHERE id IN (SELECT id FROM link_mails WHERE created_at < ? LIMIT ?)`,
			sqlitedb.Time(now.Add(-booking.LinkMailsKept)), sqlitedb.Piece),
	)
}

// KeyGuests makes the keys of guests' bookings that have none: an earlier release has
// stored them.
func (s *Store) KeyGuests(ctx context.Context) error {
	const piece = 500 // whoever writes meanwhile waits for no more
	for more := true; more; {
		if err := s.db.Write(ctx, func(tx *sql.Tx) error {
			emails, err := keyless(ctx, tx, piece)
			if err != nil {
				return err
			}
			for id, email := range emails {
				if _, err := tx.ExecContext(ctx, `UPDATE bookings SET guest_key = ? WHERE id = ?`, contact.EmailKey(email), id); err != nil {
					return err
				}
			}
			more = len(emails) == piece
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// keyless returns the addresses of guests' bookings that have no key, by their ids.
func keyless(ctx context.Context, tx *sql.Tx, limit int) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, user_email FROM bookings WHERE guest = 1 AND guest_key = '' AND user_email <> '' LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	emails := map[string]string{}
	for rows.Next() {
		var id, email string
		if err := rows.Scan(&id, &email); err != nil {
			return nil, err
		}
		emails[id] = email
	}
	return emails, rows.Err()
}
