package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Sessions is a user.Sessions. Whoever locks a token and its session locks
// them in that order.
type Sessions struct{ db *postgresdb.DB }

var _ user.Sessions = (*Sessions)(nil)

// Start implements user.Sessions.
func (s *Sessions) Start(ctx context.Context, session user.Session, first user.RefreshToken) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO sessions (id, user_id, password_version, secret, started_at) VALUES ($1, $2, $3, $4, $5)`,
			session.ID, session.UserID, session.PasswordVersion, session.Secret, session.StartedAt); err != nil {
			return err
		}
		return insertToken(ctx, tx, session.ID, first)
	})
}

// ByToken implements user.Sessions.
func (s *Sessions) ByToken(ctx context.Context, token user.TokenHash) (session user.Session, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `
			SELECT s.id, s.user_id, s.password_version, s.secret, s.started_at
			FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
			WHERE t.hash = $1`, token[:]).
			Scan(&session.ID, &session.UserID, &session.PasswordVersion, &session.Secret, &session.StartedAt)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return user.Session{}, user.ErrInvalidGrant
	case err != nil:
		return user.Session{}, err
	}
	return session, nil
}

// Account implements user.Sessions.
func (s *Sessions) Account(ctx context.Context, sessionID string) (u user.User, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		u, err = scanUser(conn.QueryRow(ctx, selectUser+`
			JOIN (SELECT user_id, password_version AS login_version FROM sessions WHERE id = $1 AND revoked_at IS NULL) s
			ON id = user_id AND password_version = login_version`, sessionID))
		return err
	})
	if errors.Is(err, user.ErrNotFound) {
		return user.User{}, user.ErrInvalidToken
	}
	return u, err
}

// Rotate implements user.Sessions. It locks the session and the token: with the
// session's lock alone, whoever waited for it would still see the token as it was
// before, not used.
func (s *Sessions) Rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
	var refused error
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		refused = nil
		var id string
		var expires time.Time
		var revoked, used, repeatable bool
		err := tx.QueryRow(ctx, `
			SELECT s.id, s.revoked_at IS NOT NULL, t.expires_at, t.used_at IS NOT NULL
			FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
			WHERE t.hash = $1 FOR UPDATE OF t, s`, old[:]).
			Scan(&id, &revoked, &expires, &used)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			refused = user.ErrInvalidGrant
			return nil
		case err != nil:
			return err
		}
		if used {
			// A statement of its own, which sees what was committed until the
			// locks were had.
			if err := tx.QueryRow(ctx, `
				SELECT EXISTS (SELECT FROM refresh_tokens WHERE hash = $1 AND session_id = $2 AND used_at IS NULL)`,
				next.Hash[:], id).Scan(&repeatable); err != nil {
				return err
			}
		}
		switch {
		case used && !repeatable:
			// Refused, but committed: the revocation must stay.
			refused = user.ErrTokenReused
			_, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL`, id, now)
			return err
		case revoked, !expires.After(now):
			refused = user.ErrInvalidGrant
			return nil
		case used:
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1`, old[:], now); err != nil {
			return err
		}
		return insertToken(ctx, tx, id, next)
	})
	return errors.Join(err, refused)
}

// Revoke implements user.Sessions.
func (s *Sessions) Revoke(ctx context.Context, token user.TokenHash, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE sessions SET revoked_at = $2
			WHERE revoked_at IS NULL AND id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)`,
			token[:], now)
		return err
	})
}

// Prune implements user.Sessions. A token that is being used just now is left
// for the next time.
func (s *Sessions) Prune(ctx context.Context, now time.Time) error {
	for n := -1; n != 0; {
		if err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `
				DELETE FROM refresh_tokens WHERE hash = ANY (ARRAY(
					SELECT hash FROM refresh_tokens WHERE expires_at <= $1 LIMIT 1000 FOR UPDATE SKIP LOCKED))
				RETURNING session_id`, now)
			if err != nil {
				return err
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			// First the locks, and then, in a statement that sees what was
			// committed until it had them, which have no token left: another
			// process may prune, too, and would keep them for ours.
			if _, err := tx.Exec(ctx, `SELECT FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `
				DELETE FROM sessions s
				WHERE id = ANY($1) AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.session_id = s.id)`, ids)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func insertToken(ctx context.Context, tx pgx.Tx, sessionID string, t user.RefreshToken) error {
	_, err := tx.Exec(ctx, `INSERT INTO refresh_tokens (hash, session_id, expires_at) VALUES ($1, $2, $3)`,
		t.Hash[:], sessionID, t.ExpiresAt)
	return err
}
