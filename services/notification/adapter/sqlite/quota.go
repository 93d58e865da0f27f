package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// admit reports whether r may be sent: it is about the whole of a booking that is told
// already, or none of r's quotas is used up. Then it uses each.
func admit(ctx context.Context, tx *sql.Tx, r notification.Record) (bool, error) {
	if len(r.Deliveries) == 0 || len(r.Quotas) == 0 {
		return true, nil
	}
	if r.BookingID != "" && r.Part == "" {
		var told bool
		if err := tx.QueryRowContext(ctx, `
			SELECT EXISTS (SELECT 1 FROM deliveries WHERE booking_id = ? AND NOT (status = 'FAILED' AND error = ?))`,
			r.BookingID, notification.OverQuota).Scan(&told); err != nil || told {
			return told, err
		}
	}
	return use(ctx, tx, r, r.Quotas)
}

// use uses each of quotas, unless one is used up.
func use(ctx context.Context, tx *sql.Tx, r notification.Record, quotas []notification.Quota) (bool, error) {
	for _, q := range quotas {
		var used int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM quota_uses WHERE key = ? AND at > ? AND at < ?`,
			q.Key, sqlitedb.Time(r.At.Add(-notification.QuotaPeriod)), sqlitedb.Time(r.At.Add(notification.QuotaPeriod))).Scan(&used)
		if err != nil || used >= q.Most {
			return false, err
		}
	}
	for _, q := range quotas {
		if _, err := tx.ExecContext(ctx, `INSERT INTO quota_uses (key, at, message_id) VALUES (?, ?, ?)`,
			q.Key, sqlitedb.Time(r.At), r.MessageID); err != nil {
			return false, err
		}
	}
	return true, nil
}

// PruneQuotas forgets what was sent before t; call it with a t that is more than a
// notification.QuotaPeriod ago.
func (s *Store) PruneQuotas(ctx context.Context, t time.Time) error {
	return s.db.Sweep(ctx, `DELETE FROM quota_uses WHERE rowid IN (SELECT rowid FROM quota_uses WHERE at < ? LIMIT ?)`, sqlitedb.Time(t), sqlitedb.Piece)
}
