package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Forget implements notification.Store.
func (s *Store) Forget(ctx context.Context, t time.Time, limit int) (forgotten int, err error) {
	const old = `event_at IS NOT NULL AND event_at < ?1 AND NOT EXISTS (
		SELECT 1 FROM deliveries d WHERE d.message_id = records.message_id AND d.lease <> '' AND d.due >= ?1)`
	var any bool
	if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM records WHERE `+old+`)`, sqlitedb.Time(t)).
		Scan(&any); err != nil || !any {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT message_id FROM records WHERE `+old+` ORDER BY event_at LIMIT ?2`, sqlitedb.Time(t), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		ids := []string{}
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		forgotten = len(ids)
		list, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		for _, statement := range []string{
			`UPDATE deliveries SET status = iif(status = 'PENDING', 'OUTDATED', 'DROPPED'), error = '` + notification.Expired + `'
				WHERE message_id IN (SELECT value FROM json_each(?)) AND +status IN ('RESOLVING', 'PENDING')`,
			`UPDATE deliveries SET recipient = '', text = '', html = '', calendar = '', lease = '' WHERE message_id IN (SELECT value FROM json_each(?))`,
			`UPDATE records SET booking = '', event_at = NULL WHERE message_id IN (SELECT value FROM json_each(?))`,
		} {
			if _, err := tx.ExecContext(ctx, statement, string(list)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return forgotten, nil
}
