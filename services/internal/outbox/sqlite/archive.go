package sqlite

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Closed implements outbox.Archive. It goes by the ids: what is closed is nearly
// all there is, and no more than Prune leaves.
func (s *Store) Closed(ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
	rows, err := s.db.Read.QueryContext(ctx,
		`SELECT `+columns+`FROM outbox WHERE id > ? AND closed_at IS NOT NULL AND time >= ? ORDER BY id LIMIT ?`,
		after, sqlitedb.Time(since), limit)
	if err != nil {
		return nil, err
	}
	return scanAll(rows)
}

// Reopen implements outbox.Archive.
func (s *Store) Reopen(ctx context.Context, ids []string, now time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET closed_at = NULL, due = ?
		WHERE closed_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))`,
		sqlitedb.Time(now), list(ids))
}
