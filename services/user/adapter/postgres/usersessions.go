package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
)

var _ user.UserSessions = (*Sessions)(nil)

// afterAll comes after every id.
const afterAll = "~"

// List implements user.UserSessions.
func (s *Sessions) List(ctx context.Context, userID string, now time.Time, after string, limit int) (all []user.ActiveSession, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT s.id, s.started_at, t.expires_at
			FROM sessions s
			JOIN refresh_tokens t ON t.session_id = s.id AND t.used_at IS NULL AND t.expires_at > $1
			WHERE s.user_id = $2 AND s.password_version = (SELECT password_version FROM users WHERE id = $2) AND s.revoked_at IS NULL AND s.id < $3
			ORDER BY s.id DESC LIMIT $4`, now, userID, cmp.Or(after, afterAll), limit)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a user.ActiveSession, err error) {
			err = row.Scan(&a.ID, &a.StartedAt, &a.ExpiresAt)
			return a, err
		})
		return err
	})
	return all, err
}

// End implements user.UserSessions.
func (s *Sessions) End(ctx context.Context, userID, sessionID string, now time.Time) error {
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		ended, err := tx.Exec(ctx, `UPDATE sessions SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2 AND user_id = $3`, now, sessionID, userID)
		if err == nil && ended.RowsAffected() == 0 {
			return user.ErrSessionNotFound
		}
		return err
	})
	if postgresdb.IsNoText(err) {
		return user.ErrSessionNotFound
	}
	return err
}
