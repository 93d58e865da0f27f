// Package sqlite is the notification.Store in a SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens or creates the service's file at path, with its tables.
func Open(ctx context.Context, path string) (*sqlitedb.DB, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return sqlitedb.Open(ctx, path, dir)
}

// Store is a notification.Store.
type Store struct{ db *sqlitedb.DB }

var _ notification.Store = (*Store)(nil)

// New returns the store in db, which Open has opened.
func New(db *sqlitedb.DB) *Store { return &Store{db: db} }

const (
	tables  = `deliveries d JOIN records r ON r.message_id = d.message_id`
	columns = `d.id, d.booking_id, d.user_id, d.channel, d.recipient, d.subject, d.text, d.html, d.calendar,
	d.status, d.attempts, d.error, d.created_at, d.sent_at, d.due, d.turn, d.lease, r.kind, r.version, r.booking`
)

// scanAll reads rows that begin with columns. each scans one with the columns
// that follow, and says whether it is wanted.
func scanAll(rows *sql.Rows, each func(scan func(more ...any) (notification.Notification, error)) (notification.Notification, bool, error),
) ([]notification.Notification, error) {
	defer rows.Close()
	all := []notification.Notification{}
	scan := func(more ...any) (n notification.Notification, err error) {
		var created, due int64
		var sent sql.NullInt64
		if err := rows.Scan(append([]any{&n.ID, &n.BookingID, &n.UserID, &n.Channel, &n.To, &n.Subject, &n.Text, &n.HTML, &n.Calendar,
			&n.Status, &n.Attempts, &n.Error, &created, &sent, &due, &n.Turn, &n.Lease, &n.Kind, &n.Version, &n.Booking}, more...)...); err != nil {
			return n, fmt.Errorf("scan delivery: %w", err)
		}
		n.CreatedAt, n.SentAt, n.Due = sqlitedb.FromTime(created), sqlitedb.FromNullTime(sent), sqlitedb.FromTime(due)
		return n, nil
	}
	for rows.Next() {
		n, wanted, err := each(scan)
		if err != nil {
			return nil, err
		}
		if wanted {
			all = append(all, n)
		}
	}
	return all, rows.Err()
}
