package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	outboxpostgres "github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// AccountMails is a user.AccountMails. Whoever locks a mail and its user locks them
// in that order, and takes turns at a mailbox before or after both.
type AccountMails struct{ db *postgresdb.DB }

var _ user.AccountMails = (*AccountMails)(nil)

// Request implements user.AccountMails.
func (s *AccountMails) Request(ctx context.Context, r user.MailRequest) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO account_mail_requests (purpose, email_key, email, trace_parent, requested_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT DO NOTHING`,
			r.Purpose, user.EmailKey(r.Email), r.Email, r.TraceParent, r.At)
		return err
	})
}

// WorkOff implements user.AccountMails.
func (s *AccountMails) WorkOff(ctx context.Context, within user.Span, limit int,
	decide func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error),
) (n int, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT email_key, purpose, email, trace_parent, requested_at FROM account_mail_requests
			ORDER BY requested_at LIMIT $1 FOR UPDATE SKIP LOCKED`, limit)
		if err != nil {
			return err
		}
		requests, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r waiting, err error) {
			err = row.Scan(&r.key, &r.Purpose, &r.Email, &r.TraceParent, &r.At)
			return r, err
		})
		if err != nil {
			return err
		}
		if err := takeTurns(ctx, tx, requests...); err != nil {
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

// waiting is a request, and the key under which it is stored. Older rules than those
// of now may have made that.
type waiting struct {
	user.MailRequest

	key string
}

func workOff(ctx context.Context, tx pgx.Tx, r waiting, within user.Span,
	decide func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error),
) error {
	if _, err := tx.Exec(ctx, `DELETE FROM account_mail_requests WHERE purpose = $1 AND email_key = $2`, r.Purpose, r.key); err != nil {
		return err
	}
	u, err := scanUser(tx.QueryRow(ctx, selectUser+`WHERE email_key = $1`, user.EmailKey(r.Email)))
	switch {
	case errors.Is(err, user.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	sent, err := recent(ctx, tx, u.ID, u.Email, r.Purpose, within)
	if err != nil {
		return err
	}
	m, message, err := decide(r.MailRequest, u, sent)
	if err != nil {
		return err
	}
	return insertMail(ctx, tx, m, message)
}

// takeTurns makes those who count the mails of one purpose to one mailbox wait for
// each other, so that none counts before another has stored. All locks are taken in one
// order: of two with several neither waits for the other.
func takeTurns(ctx context.Context, tx pgx.Tx, requests ...waiting) error {
	names := make([]string, len(requests))
	for i, r := range requests {
		names[i] = string(r.Purpose) + " " + user.MailboxKey(r.Email)
	}
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(lock) FROM (
		SELECT DISTINCT hashtextextended('account mails ' || name, 0) AS lock FROM unnest($1::text[]) name ORDER BY lock) locks`, names)
	return err
}

// recent is how many mails of a purpose a user, or a mailbox, was sent within a span.
func recent(ctx context.Context, tx pgx.Tx, userID, email string, p user.Purpose, within user.Span) (n int, err error) {
	err = tx.QueryRow(ctx, `
		SELECT greatest(
			(SELECT count(*) FROM account_mails WHERE user_id = $1 AND purpose = $3 AND created_at > $4 AND created_at < $5),
			(SELECT count(*) FROM account_mails WHERE email_key = $2 AND purpose = $3 AND created_at > $4 AND created_at < $5))`,
		userID, user.MailboxKey(email), p, within.After, within.Before).Scan(&n)
	return n, err
}

// toldOf is how many mails have told the mailbox that m replaces of such a change within
// a span. Nobody else tells it of one before the transaction ends.
func toldOf(ctx context.Context, tx pgx.Tx, m user.AccountMail, within user.Span) (int, error) {
	if err := takeTurns(ctx, tx, waiting{MailRequest: user.MailRequest{Purpose: user.EmailChanged, Email: m.Replaces}}); err != nil {
		return 0, err
	}
	return recent(ctx, tx, m.UserID, m.Replaces, user.EmailChanged, within)
}

// insertMail stores m, unless it is nil, and the message about it.
func insertMail(ctx context.Context, tx pgx.Tx, m *user.AccountMail, message events.Message) error {
	if m == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO account_mails (id, purpose, user_id, email, email_key, replaces, password_version, secret, created_at, expires_at, used_at, nth)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
			(SELECT coalesce(max(nth), 0) + 1 FROM account_mails WHERE user_id = $3 AND purpose = $2))`,
		m.ID, m.Purpose, m.UserID, m.Email, user.MailboxKey(m.Email), m.Replaces, m.PasswordVersion, m.Secret, m.CreatedAt, m.ExpiresAt, nullTime(m.UsedAt)); err != nil {
		return err
	}
	return outboxpostgres.Insert(ctx, tx, events.TopicUsers, message, message.Time)
}

// Send implements user.AccountMails.
func (s *AccountMails) Send(ctx context.Context, userID string, p user.Purpose, email string, within user.Span,
	make func(user.User, int) (*user.AccountMail, events.Message, error),
) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := takeTurns(ctx, tx, waiting{MailRequest: user.MailRequest{Purpose: p, Email: email}}); err != nil {
			return err
		}
		u, err := scanUser(tx.QueryRow(ctx, selectUser+`WHERE id = $1 FOR UPDATE`, userID)) // the lock: requests are counted one after the other
		if err != nil {
			return err
		}
		sent, err := recent(ctx, tx, u.ID, email, p, within)
		if err != nil {
			return err
		}
		m, message, err := make(u, sent)
		if err != nil {
			return err
		}
		return insertMail(ctx, tx, m, message)
	})
}

const mailColumns = `id, purpose, user_id, email, replaces, password_version, secret, created_at, expires_at, used_at, tries`

const selectMail = `SELECT ` + mailColumns + `, EXISTS (SELECT 1 FROM account_mails newer
	WHERE newer.user_id = account_mails.user_id AND newer.purpose = account_mails.purpose AND newer.nth > account_mails.nth)
	FROM account_mails WHERE id = $1`

// Get implements user.AccountMails.
func (s *AccountMails) Get(ctx context.Context, id string) (m user.AccountMail, u user.User, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if m, err = scanMail(conn.QueryRow(ctx, selectMail, id)); err != nil {
			return err
		}
		u, err = scanUser(conn.QueryRow(ctx, selectUser+`WHERE id = $1`, m.UserID))
		return err
	})
	switch {
	case errors.Is(err, user.ErrNotFound):
		return user.AccountMail{}, user.User{}, user.ErrLinkNotValid
	case err != nil:
		return user.AccountMail{}, user.User{}, err
	}
	return m, u, nil
}

// Use implements user.AccountMails.
func (s *AccountMails) Use(ctx context.Context, id string, now time.Time, within user.Span,
	change func(user.AccountMail, *user.User, int) (*user.AccountMail, events.Message, error),
) (u user.User, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		m, err := scanMail(tx.QueryRow(ctx, selectMail+` FOR UPDATE`, id))
		if err != nil {
			return err
		}
		stored, err := scanUser(tx.QueryRow(ctx, selectUser+`WHERE id = $1 FOR UPDATE`, m.UserID))
		switch {
		case errors.Is(err, user.ErrNotFound):
			return user.ErrLinkNotValid
		case err != nil:
			return err
		}
		told := 0
		if m.Replaces != "" {
			if told, err = toldOf(ctx, tx, m, within); err != nil {
				return err
			}
		}
		u = stored
		next, message, err := change(m, &u, told)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE account_mails SET used_at = $2 WHERE id = $1`, id, now); err != nil {
			return err
		}
		if u.Email != stored.Email {
			if err := setEmail(ctx, tx, stored.ID, u.Email); err != nil {
				return err
			}
			stored.Email = u.Email
		}
		if err := store(ctx, tx, stored, &u); err != nil {
			return err
		}
		return insertMail(ctx, tx, next, message)
	})
	if err != nil {
		return user.User{}, err
	}
	return u, nil
}

// Try implements user.AccountMails. Those who try at once wait for the row, and then
// count from what it has.
func (s *AccountMails) Try(ctx context.Context, userID string, p user.Purpose) (m user.AccountMail, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		m, err = scanMail(tx.QueryRow(ctx, `
			UPDATE account_mails SET tries = tries + 1
			WHERE id = (SELECT id FROM account_mails WHERE user_id = $1 AND purpose = $2 ORDER BY nth DESC, id DESC LIMIT 1)
			RETURNING `+mailColumns+`, false`, userID, p))
		return err
	})
	return m, err
}

// Prune implements user.AccountMails.
func (s *AccountMails) Prune(ctx context.Context, before time.Time) error {
	return s.db.Sweep(ctx, `
		DELETE FROM account_mails WHERE id = ANY (ARRAY(
			SELECT id FROM account_mails WHERE expires_at < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED))`, before)
}

func scanMail(row pgx.Row) (m user.AccountMail, err error) {
	var used *time.Time
	err = row.Scan(&m.ID, &m.Purpose, &m.UserID, &m.Email, &m.Replaces, &m.PasswordVersion, &m.Secret, &m.CreatedAt, &m.ExpiresAt, &used, &m.Tries, &m.Outdated)
	switch {
	case errors.Is(err, pgx.ErrNoRows), postgresdb.IsNoText(err):
		return user.AccountMail{}, user.ErrLinkNotValid
	case err != nil:
		return user.AccountMail{}, err
	}
	if used != nil {
		m.UsedAt = *used
	}
	return m, nil
}

// setEmail gives a user another address.
func setEmail(ctx context.Context, tx pgx.Tx, id, email string) error {
	_, err := tx.Exec(ctx, `UPDATE users SET email = $2, email_key = $3, email_key_version = $4 WHERE id = $1`,
		id, email, user.EmailKey(email), user.EmailKeyVersion)
	if postgresdb.IsUniqueViolation(err, "users_email_key") {
		return user.ErrEmailTaken
	}
	return err
}
