package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Sessions is a user.Sessions.
type Sessions struct{ db *sqlitedb.DB }

var _ user.Sessions = (*Sessions)(nil)

// Start implements user.Sessions.
func (s *Sessions) Start(ctx context.Context, session user.Session, first user.RefreshToken) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO sessions (id, user_id, password_version, secret, started_at) VALUES (?, ?, ?, ?, ?)`,
			session.ID, session.UserID, session.PasswordVersion, session.Secret, sqlitedb.Time(session.StartedAt)); err != nil {
			return err
		}
		return insertToken(ctx, tx, session.ID, first)
	})
}

// ByToken implements user.Sessions.
func (s *Sessions) ByToken(ctx context.Context, token user.TokenHash) (session user.Session, err error) {
	var started int64
	err = s.db.Read.QueryRowContext(ctx, `
		SELECT s.id, s.user_id, s.password_version, s.secret, s.started_at
		FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
		WHERE t.hash = ?`, token[:]).
		Scan(&session.ID, &session.UserID, &session.PasswordVersion, &session.Secret, &started)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user.Session{}, user.ErrInvalidGrant
	case err != nil:
		return user.Session{}, err
	}
	session.StartedAt = sqlitedb.FromTime(started)
	return session, nil
}

// Account implements user.Sessions.
func (s *Sessions) Account(ctx context.Context, sessionID string) (user.User, error) {
	u, err := scanUser(s.db.Read.QueryRowContext(ctx, selectUser+`
		JOIN (SELECT user_id, password_version AS login_version FROM sessions WHERE id = ? AND revoked_at IS NULL) s
		ON id = user_id AND password_version = login_version`, sessionID))
	if errors.Is(err, user.ErrNotFound) {
		return user.User{}, user.ErrInvalidToken
	}
	return u, err
}

// Rotate implements user.Sessions.
func (s *Sessions) Rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
	var refused error
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var id string
		var expires int64
		var revoked, used, repeatable bool
		err := tx.QueryRowContext(ctx, `
			SELECT s.id, s.revoked_at IS NOT NULL, t.expires_at, t.used_at IS NOT NULL, EXISTS (
				SELECT 1 FROM refresh_tokens n
				WHERE n.hash = ? AND n.session_id = s.id AND n.used_at IS NULL)
			FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
			WHERE t.hash = ?`, next.Hash[:], old[:]).
			Scan(&id, &revoked, &expires, &used, &repeatable)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			refused = user.ErrInvalidGrant
			return nil
		case err != nil:
			return err
		case used && !repeatable:
			// Refused, but committed: the revocation must stay.
			refused = user.ErrTokenReused
			_, err := tx.ExecContext(ctx, `UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL`,
				sqlitedb.Time(now), id)
			return err
		case revoked, expires <= sqlitedb.Time(now):
			refused = user.ErrInvalidGrant
			return nil
		case used:
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE refresh_tokens SET used_at = ? WHERE hash = ?`,
			sqlitedb.Time(now), old[:]); err != nil {
			return err
		}
		return insertToken(ctx, tx, id, next)
	})
	return errors.Join(err, refused)
}

// Revoke implements user.Sessions.
func (s *Sessions) Revoke(ctx context.Context, token user.TokenHash, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE sessions SET revoked_at = ?
			WHERE revoked_at IS NULL AND id = (SELECT session_id FROM refresh_tokens WHERE hash = ?)`,
			sqlitedb.Time(now), token[:])
		return err
	})
}

// Prune implements user.Sessions.
func (s *Sessions) Prune(ctx context.Context, now time.Time) error {
	for n := sqlitedb.Piece; n == sqlitedb.Piece; {
		if err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
			n, err = prune(ctx, tx, now)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// prune forgets up to sqlitedb.Piece tokens, with the sessions of which they were
// the last, and returns how many.
func prune(ctx context.Context, tx *sql.Tx, now time.Time) (n int, err error) {
	rows, err := tx.QueryContext(ctx, `
		DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at <= ? LIMIT ?) RETURNING session_id`,
		sqlitedb.Time(now), sqlitedb.Piece)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(ids) == 0 {
		return 0, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, `
		DELETE FROM sessions WHERE id IN (SELECT value FROM json_each(?))
		AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.session_id = sessions.id)`, string(list))
	return len(ids), err
}

func insertToken(ctx context.Context, tx *sql.Tx, sessionID string, t user.RefreshToken) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO refresh_tokens (hash, session_id, expires_at) VALUES (?, ?, ?)`,
		t.Hash[:], sessionID, sqlitedb.Time(t.ExpiresAt))
	return err
}
