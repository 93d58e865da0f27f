package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Closed implements outbox.Archive. It goes by the ids: what is closed is nearly
// all there is, and no more than Prune leaves.
func (s *Store) Closed(ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
	var entries []outbox.Entry
	err := s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT `+columns+` FROM outbox
			WHERE id > $2 AND closed_at IS NOT NULL AND time >= $1 ORDER BY id LIMIT $3`, since, after, limit)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, scan)
		return err
	})
	return entries, err
}

// Reopen implements outbox.Archive.
func (s *Store) Reopen(ctx context.Context, ids []string, now time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET closed_at = NULL, due = $2 WHERE closed_at IS NOT NULL AND id = ANY($1)`, ids, now)
}
