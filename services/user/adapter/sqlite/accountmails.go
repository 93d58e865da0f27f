package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// AccountMails is a user.AccountMails.
type AccountMails struct{ db *sqlitedb.DB }

var _ user.AccountMails = (*AccountMails)(nil)

// Request implements user.AccountMails.
func (s *AccountMails) Request(ctx context.Context, r user.MailRequest) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO account_mail_requests (purpose, email_key, email, trace_parent, requested_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`,
			r.Purpose, user.EmailKey(r.Email), r.Email, r.TraceParent, sqlitedb.Time(r.At))
		return err
	})
}

// WorkOff implements user.AccountMails. It reads before it writes: a worker that
// finds nothing to do holds up no writer.
func (s *AccountMails) WorkOff(ctx context.Context, within user.Span, limit int,
	decide func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error),
) (n int, err error) {
	var any bool
	if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM account_mail_requests)`).Scan(&any); err != nil || !any {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		requests, err := oldestRequests(ctx, tx, limit)
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

// waiting is a request, and the key under which it is stored. Older rules than those
// of now may have made that.
type waiting struct {
	user.MailRequest

	key string
}

func oldestRequests(ctx context.Context, tx *sql.Tx, limit int) (all []waiting, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT email_key, purpose, email, trace_parent, requested_at FROM account_mail_requests ORDER BY requested_at LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r waiting
		var at int64
		if err := rows.Scan(&r.key, &r.Purpose, &r.Email, &r.TraceParent, &at); err != nil {
			return nil, err
		}
		r.At = sqlitedb.FromTime(at)
		all = append(all, r)
	}
	return all, rows.Err()
}

func workOff(ctx context.Context, tx *sql.Tx, r waiting, within user.Span,
	decide func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error),
) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM account_mail_requests WHERE purpose = ? AND email_key = ?`, r.Purpose, r.key); err != nil {
		return err
	}
	u, err := scanUser(tx.QueryRowContext(ctx, selectUser+`WHERE email_key = ?`, user.EmailKey(r.Email)))
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

// recent is how many mails of a purpose a user, or a mailbox, was sent within a span.
func recent(ctx context.Context, tx *sql.Tx, userID, email string, p user.Purpose, within user.Span) (n int, err error) {
	err = tx.QueryRowContext(ctx, `
		SELECT max(
			(SELECT count(*) FROM account_mails WHERE user_id = ?1 AND purpose = ?3 AND created_at > ?4 AND created_at < ?5),
			(SELECT count(*) FROM account_mails WHERE email_key = ?2 AND purpose = ?3 AND created_at > ?4 AND created_at < ?5))`,
		userID, user.MailboxKey(email), p, sqlitedb.Time(within.After), sqlitedb.Time(within.Before)).Scan(&n)
	return n, err
}

// insertMail stores m, unless it is nil, and the message about it.
func insertMail(ctx context.Context, tx *sql.Tx, m *user.AccountMail, message events.Message) error {
	if m == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `
		INSERT INTO account_mails (id, purpose, user_id, email, email_key, replaces, password_version, secret, created_at, expires_at, used_at, nth)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
			(SELECT coalesce(max(nth), 0) + 1 FROM account_mails WHERE user_id = ?3 AND purpose = ?2))`,
		m.ID, m.Purpose, m.UserID, m.Email, user.MailboxKey(m.Email), m.Replaces, m.PasswordVersion, m.Secret, sqlitedb.Time(m.CreatedAt), sqlitedb.Time(m.ExpiresAt), sqlitedb.NullTime(m.UsedAt)); err != nil {
		return err
	}
	return outboxsqlite.Insert(ctx, tx, events.TopicUsers, message, message.Time)
}

// Send implements user.AccountMails.
func (s *AccountMails) Send(ctx context.Context, userID string, p user.Purpose, email string, within user.Span,
	make func(user.User, int) (*user.AccountMail, events.Message, error),
) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		u, err := scanUser(tx.QueryRowContext(ctx, selectUser+`WHERE id = ?`, userID))
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
	FROM account_mails WHERE id = ?`

// Get implements user.AccountMails.
func (s *AccountMails) Get(ctx context.Context, id string) (user.AccountMail, user.User, error) {
	m, err := scanMail(s.db.Read.QueryRowContext(ctx, selectMail, id))
	if err != nil {
		return user.AccountMail{}, user.User{}, err
	}
	u, err := scanUser(s.db.Read.QueryRowContext(ctx, selectUser+`WHERE id = ?`, m.UserID))
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
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		m, err := scanMail(tx.QueryRowContext(ctx, selectMail, id))
		if err != nil {
			return err
		}
		stored, err := scanUser(tx.QueryRowContext(ctx, selectUser+`WHERE id = ?`, m.UserID))
		switch {
		case errors.Is(err, user.ErrNotFound):
			return user.ErrLinkNotValid
		case err != nil:
			return err
		}
		told := 0
		if m.Replaces != "" {
			if told, err = recent(ctx, tx, m.UserID, m.Replaces, user.EmailChanged, within); err != nil {
				return err
			}
		}
		u = stored
		next, message, err := change(m, &u, told)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE account_mails SET used_at = ? WHERE id = ?`, sqlitedb.Time(now), id); err != nil {
			return err
		}
		if u.Email != stored.Email {
			if err := setEmail(ctx, tx, stored.ID, u.Email); err != nil {
				return err
			}
			stored.Email = u.Email
		}
		if err := update(ctx, tx, stored, &u); err != nil {
			return err
		}
		return insertMail(ctx, tx, next, message)
	})
	if err != nil {
		return user.User{}, err
	}
	return u, nil
}

// Try implements user.AccountMails.
func (s *AccountMails) Try(ctx context.Context, userID string, p user.Purpose) (m user.AccountMail, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		m, err = scanMail(tx.QueryRowContext(ctx, `
			UPDATE account_mails SET tries = tries + 1
			WHERE id = (SELECT id FROM account_mails WHERE user_id = ? AND purpose = ? ORDER BY nth DESC, id DESC LIMIT 1)
			RETURNING `+mailColumns+`, false`, userID, p))
		return err
	})
	return m, err
}

// Prune implements user.AccountMails.
func (s *AccountMails) Prune(ctx context.Context, before time.Time) error {
	return s.db.Sweep(ctx, `DELETE FROM account_mails WHERE id IN (SELECT id FROM account_mails WHERE expires_at < ? LIMIT ?)`,
		sqlitedb.Time(before), sqlitedb.Piece)
}

func scanMail(row *sql.Row) (m user.AccountMail, err error) {
	var created, expires int64
	var used sql.NullInt64
	err = row.Scan(&m.ID, &m.Purpose, &m.UserID, &m.Email, &m.Replaces, &m.PasswordVersion, &m.Secret, &created, &expires, &used, &m.Tries, &m.Outdated)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user.AccountMail{}, user.ErrLinkNotValid
	case err != nil:
		return user.AccountMail{}, err
	}
	m.CreatedAt, m.ExpiresAt, m.UsedAt = sqlitedb.FromTime(created), sqlitedb.FromTime(expires), sqlitedb.FromNullTime(used)
	return m, nil
}

// setEmail gives a user another address.
func setEmail(ctx context.Context, tx *sql.Tx, id, email string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET email = ?, email_key = ?, email_key_version = ? WHERE id = ?`,
		email, user.EmailKey(email), user.EmailKeyVersion, id)
	if sqlitedb.IsUniqueViolation(err) {
		return user.ErrEmailTaken
	}
	return err
}
