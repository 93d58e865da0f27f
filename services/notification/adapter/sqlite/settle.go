package sqlite

import (
	"context"
	"database/sql"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Outdated implements notification.Store.
func (s *Store) Outdated(ctx context.Context, n notification.Notification) (outdated bool, err error) {
	err = s.db.Read.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = ? AND lease = ? AND lease <> '' AND status NOT IN ('RESOLVING', 'PENDING'))`,
		n.ID, n.Lease).Scan(&outdated)
	return outdated, err
}

// Settle implements notification.Store.
func (s *Store) Settle(ctx context.Context, n notification.Notification) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE deliveries
			SET status = iif(?1 AND status NOT IN ('RESOLVING', 'PENDING'), status, ?2),
				error = iif(?1 AND status NOT IN ('RESOLVING', 'PENDING'), error, ?3),
				recipient = ?4, subject = ?5, attempts = ?6, sent_at = ?7, due = ?8, turn = ?9, ready = 0, ended = 0, lease = ''
			WHERE id = ?10 AND lease = ?11 AND lease <> ''`,
			n.Status.Open(), n.Status, n.Error, n.To, n.Subject, n.Attempts, sqlitedb.NullTime(n.SentAt), sqlitedb.Time(n.Due), n.Turn, n.ID, n.Lease)
		if err != nil {
			return err
		}
		changed, err := res.RowsAffected()
		if err != nil || changed > 0 {
			return err
		}
		var settled bool
		if err := tx.QueryRowContext(ctx, `
			SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = ? AND status NOT IN ('RESOLVING', 'PENDING'))`,
			n.ID).Scan(&settled); err != nil {
			return err
		}
		if settled {
			return notification.ErrSettled
		}
		return notification.ErrLeaseLost
	})
}
