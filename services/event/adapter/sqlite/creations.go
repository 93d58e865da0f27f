package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// count counts that e is created, unless its organizer may not create it.
func count(ctx context.Context, tx *sql.Tx, e *event.Event, most int) error {
	times, err := creations(ctx, tx, e)
	if err != nil {
		return err
	}
	if err := event.MayCreate(event.Recent(times, e.CreatedAt), e.CreatedAt, most); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO creations (organizer_id, at) VALUES (?, ?)`, e.OrganizerID, sqlitedb.Time(e.CreatedAt))
	return err
}

// creations is when e's organizer has created events, of those times that matter to e.
func creations(ctx context.Context, tx *sql.Tx, e *event.Event) (times []time.Time, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT at FROM creations WHERE organizer_id = ? AND at > ? AND at < ?`,
		e.OrganizerID, sqlitedb.Time(e.CreatedAt.Add(-event.CreationPeriod)), sqlitedb.Time(e.CreatedAt.Add(event.CreationPeriod)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return nil, err
		}
		times = append(times, sqlitedb.FromTime(at))
	}
	return times, rows.Err()
}

// PruneCreations forgets which events were created before t; call it with a t that is
// more than an event.CreationPeriod ago.
func (s *Store) PruneCreations(ctx context.Context, t time.Time) error {
	return s.db.Sweep(ctx, `DELETE FROM creations WHERE rowid IN (SELECT rowid FROM creations WHERE at < ? LIMIT ?)`, sqlitedb.Time(t), sqlitedb.Piece)
}
