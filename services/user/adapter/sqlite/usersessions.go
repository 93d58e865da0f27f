package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

var _ user.UserSessions = (*Sessions)(nil)

// afterAll comes after every id.
const afterAll = "~"

// List implements user.UserSessions.
func (s *Sessions) List(ctx context.Context, userID string, now time.Time, after string, limit int) (all []user.ActiveSession, err error) {
	err = s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `
			SELECT s.id, s.started_at, t.expires_at
			FROM sessions s
			JOIN refresh_tokens t ON t.session_id = s.id AND t.used_at IS NULL AND t.expires_at > ?1
			WHERE s.user_id = ?2 AND s.password_version = (SELECT password_version FROM users WHERE id = ?2) AND s.revoked_at IS NULL AND s.id < ?3
			ORDER BY s.id DESC LIMIT ?4`, sqlitedb.Time(now), userID, cmp.Or(after, afterAll), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a user.ActiveSession
			var started, expires int64
			if err := rows.Scan(&a.ID, &started, &expires); err != nil {
				return err
			}
			a.StartedAt, a.ExpiresAt = sqlitedb.FromTime(started), sqlitedb.FromTime(expires)
			all = append(all, a)
		}
		return rows.Err()
	})
	return all, err
}

// End implements user.UserSessions.
func (s *Sessions) End(ctx context.Context, userID, sessionID string, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		ended, err := tx.ExecContext(ctx, `UPDATE sessions SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? AND user_id = ?`,
			sqlitedb.Time(now), sessionID, userID)
		if err != nil {
			return err
		}
		if n, err := ended.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return user.ErrSessionNotFound
	})
}
