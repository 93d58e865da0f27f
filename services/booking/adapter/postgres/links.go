package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
	outboxpostgres "github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// LinkMails is a booking.LinkMails, in the Store's database.
type LinkMails struct{ db *postgresdb.DB }

var _ booking.LinkMails = LinkMails{}

// LinkMails is where the mails with links to bookings are kept.
func (s *Store) LinkMails() LinkMails { return LinkMails{s.db} }

// Request implements booking.LinkMails. Requests of one client count one after the other.
func (l LinkMails) Request(ctx context.Context, r booking.LinkRequest, within booking.Span, most int) error {
	return l.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := takeTurns(ctx, tx, "link requests ", r.Client); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO link_requests (id, guest_key, mailbox, client, trace_parent, requested_at)
			SELECT $1, $2, $3, $4, $5, $6
			WHERE (SELECT count(*) FROM link_requests WHERE client = $4 AND requested_at > $7 AND requested_at < $8) < $9`,
			r.ID, r.Key, r.Mailbox, r.Client, r.TraceParent, r.At, within.After, within.Before, most)
		return err
	})
}

// takeTurns locks the names until the transaction ends, so that two transactions that
// count rows of the same name run one after the other. It takes the locks in one order, which
// rules deadlocks out.
func takeTurns(ctx context.Context, tx pgx.Tx, what string, names ...string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(lock) FROM (
		SELECT DISTINCT hashtextextended($1 || name, 0) AS lock FROM unnest($2::text[]) name ORDER BY lock) locks`, what, names)
	return err
}

// WorkOff implements booking.LinkMails.
func (l LinkMails) WorkOff(ctx context.Context, within booking.Span, limit int,
	decide func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error),
) (n int, err error) {
	err = l.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT id, guest_key, mailbox, client, trace_parent, requested_at FROM link_requests
			WHERE waits ORDER BY requested_at LIMIT $1 FOR UPDATE SKIP LOCKED`, limit)
		if err != nil {
			return err
		}
		requests, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r booking.LinkRequest, err error) {
			err = row.Scan(&r.ID, &r.Key, &r.Mailbox, &r.Client, &r.TraceParent, &r.At)
			r.At = r.At.UTC()
			return r, err
		})
		if err != nil {
			return err
		}
		mailboxes := make([]string, len(requests))
		for i, r := range requests {
			mailboxes[i] = r.Mailbox
		}
		if err := takeTurns(ctx, tx, "link mails ", mailboxes...); err != nil {
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

func workOff(ctx context.Context, tx pgx.Tx, r booking.LinkRequest, within booking.Span,
	decide func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error),
) error {
	if _, err := tx.Exec(ctx, `UPDATE link_requests SET waits = false WHERE id = $1`, r.ID); err != nil {
		return err
	}
	found, err := ofGuest(ctx, tx.Conn(), r.Key)
	if err != nil || len(found) == 0 {
		return err
	}
	var recent int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM link_mails WHERE mailbox = $1 AND created_at > $2 AND created_at < $3`,
		r.Mailbox, within.After, within.Before).Scan(&recent); err != nil {
		return err
	}
	m, message, err := decide(r, found, recent)
	if err != nil || m == nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO link_mails (id, guest_key, mailbox, created_at) VALUES ($1, $2, $3, $4)`,
		m.ID, m.Key, m.Mailbox, m.CreatedAt); err != nil {
		return err
	}
	return outboxpostgres.Insert(ctx, tx, events.TopicBookings, message, message.Time)
}

// ofGuest are the guests' bookings of a key.
func ofGuest(ctx context.Context, conn *pgx.Conn, key string) ([]booking.Booking, error) {
	return pageOf(ctx, conn, exceptTimeline, `guest_key = $1 AND guest_key <> '' AND status IN ('CONFIRMED', 'CANCELLING', 'CANCELLED') ORDER BY id DESC LIMIT $2`,
		key, booking.MostFound)
}

// Get implements booking.LinkMails.
func (l LinkMails) Get(ctx context.Context, id string) (m booking.LinkMail, found []booking.Booking, err error) {
	err = l.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT id, guest_key, mailbox, created_at FROM link_mails WHERE id = $1`, id).
			Scan(&m.ID, &m.Key, &m.Mailbox, &m.CreatedAt)
		switch {
		case errors.Is(err, pgx.ErrNoRows), postgresdb.IsNoText(err):
			return booking.ErrMailNotDue
		case err != nil:
			return err
		}
		m.CreatedAt = m.CreatedAt.UTC()
		found, err = ofGuest(ctx, conn, m.Key)
		return err
	})
	if err != nil {
		return booking.LinkMail{}, nil, err
	}
	return m, found, nil
}

// Prune implements booking.LinkMails.
func (l LinkMails) Prune(ctx context.Context, now time.Time) error {
	return errors.Join(
		l.db.Sweep(ctx, `
			DELETE FROM link_requests WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM link_requests WHERE NOT waits AND requested_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
			now.Add(-booking.LinkRequestsKept)),
		l.db.Sweep(ctx, `
			DELETE FROM link_mails WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM link_mails WHERE created_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
			now.Add(-booking.LinkMailsKept)),
	)
}

// KeyGuests makes the keys of guests' bookings that have none: an earlier release has
// stored them. Others may be at it, too.
func (s *Store) KeyGuests(ctx context.Context) error {
	const piece = 500
	for more := true; more; {
		if err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `SELECT id, user_email FROM bookings WHERE guest AND guest_key = '' AND user_email <> '' LIMIT $1 FOR UPDATE SKIP LOCKED`, piece)
			if err != nil {
				return err
			}
			type keyless struct{ ID, Email string }
			found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keyless])
			if err != nil {
				return err
			}
			var batch pgx.Batch
			for _, b := range found {
				batch.Queue(`UPDATE bookings SET guest_key = $1 WHERE id = $2`, contact.EmailKey(b.Email), b.ID)
			}
			more = len(found) == piece
			return tx.SendBatch(ctx, &batch).Close()
		}); err != nil {
			return err
		}
	}
	return nil
}
