package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Sessions is a user.Sessions. Whoever locks a token and its session locks
// them in that order.
type Sessions struct{ db *postgresdb.DB }

var _ user.Sessions = (*Sessions)(nil)

// Start implements user.Sessions.
func (s *Sessions) Start(ctx context.Context, session user.Session, first user.RefreshToken) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO sessions (id, user_id, password_version, started_at) VALUES ($1, $2, $3, $4)`,
			session.ID, session.UserID, session.PasswordVersion, session.StartedAt); err != nil {
			return err
		}
		return insertToken(ctx, tx, session.ID, first)
	})
}

// settleTimeout is how long a Rotate goes on to find out what became of its
// commit: longer than a server takes to restart.
const settleTimeout = 10 * time.Second

// Rotate implements user.Sessions. A commit that is not answered is looked
// into, and made up for where it did nothing, as long as ctx and settleTimeout
// allow: were its caller told to try again, the token would be a used one, and
// that ends the session.
func (s *Sessions) Rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) (user.Session, error) {
	session, unanswered, err := s.rotate(ctx, old, next, now, false)
	if !unanswered {
		return session, err
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		select {
		case <-ctx.Done():
			return user.Session{}, err
		case <-time.After(pause):
		}
		session, _, again := s.rotate(ctx, old, next, now, true)
		if again == nil || (ctx.Err() == nil && !errors.Is(again, storage.ErrUnavailable)) {
			return session, again
		}
	}
}

// rotate locks the session and the token: with the session's lock alone,
// whoever waited for it would still see the token as it was before, not used.
// It repeats one whose commit was unanswered; that one may have used the token
// for this very next, and its locks, too, are waited for.
func (s *Sessions) rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time, repeats bool) (_ user.Session, unanswered bool, _ error) {
	var session user.Session
	var refused error
	var rotated bool
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		session, refused, rotated = user.Session{}, nil, false
		var expires time.Time
		var used, revoked, done bool
		err := tx.QueryRow(ctx, `
			SELECT s.id, s.user_id, s.password_version, s.started_at, s.revoked_at IS NOT NULL, t.expires_at, t.used_at IS NOT NULL
			FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
			WHERE t.hash = $1 FOR UPDATE OF t, s`, old[:]).
			Scan(&session.ID, &session.UserID, &session.PasswordVersion, &session.StartedAt, &revoked, &expires, &used)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			refused = user.ErrInvalidGrant
			return nil
		case err != nil:
			return err
		}
		if used && repeats {
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM refresh_tokens WHERE hash = $1)`, next.Hash[:]).Scan(&done); err != nil {
				return err
			}
		}
		switch {
		case done && !revoked:
			return nil
		case used && !done:
			// Refused, but committed: the revocation must stay.
			refused = user.ErrTokenReused
			_, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL`, session.ID, now)
			return err
		case revoked, !expires.After(now):
			refused = user.ErrInvalidGrant
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1`, old[:], now); err != nil {
			return err
		}
		err = insertToken(ctx, tx, session.ID, next)
		rotated = err == nil
		return err
	})
	if err := errors.Join(err, refused); err != nil {
		return user.Session{}, rotated && errors.Is(err, storage.ErrUnavailable), err
	}
	return session, false, nil
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
