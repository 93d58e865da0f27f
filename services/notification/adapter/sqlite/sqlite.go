// Package sqlite is the notification.Store in a SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"

	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
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

// Enqueue implements notification.Store. The message's id goes into the inbox
// in the same transaction, so a receipt for it is the truth.
func (s *Store) Enqueue(ctx context.Context, r notification.Record) (stored bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		stored = false
		fresh, err := inboxsqlite.Record(ctx, tx, r.MessageID, r.At)
		if err != nil || !fresh {
			return err
		}
		var told bool // already, or something that outdates it
		if r.BookingID != "" && r.Kind != notification.Nothing {
			if told, err = isTold(ctx, tx, r); err != nil {
				return err
			}
		}
		key := r.MessageID
		if len(r.Deliveries) > 0 && r.BookingID != "" && !told {
			key = r.Once()
		}
		// The inbox forgets after its retention; this table does not.
		res, err := tx.ExecContext(ctx, `
			INSERT INTO records (message_id, booking_id, kind, version, once) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (message_id) DO NOTHING`,
			r.MessageID, r.BookingID, r.Kind, r.Version, key)
		if err != nil {
			return err
		}
		if added, err := res.RowsAffected(); err != nil || added == 0 {
			return err
		}
		if told {
			return nil
		}
		for _, n := range r.Deliveries {
			if err := insert(ctx, tx, r.MessageID, n); err != nil {
				return err
			}
		}
		stored = true
		return nil
	})
	if err != nil {
		return false, err
	}
	return stored, nil
}

// isTold reports whether r's booking was told of what r has, or of something
// that outdates it.
func isTold(ctx context.Context, tx *sql.Tx, r notification.Record) (told bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT kind, version, once FROM records WHERE booking_id = ?`, r.BookingID)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var known notification.Record
		var once string
		if err := rows.Scan(&known.Kind, &known.Version, &once); err != nil {
			return false, err
		}
		told = told || once == r.Once() || known.Version > r.Version && known.Kind.Outdates(r.Kind)
	}
	return told, rows.Err()
}

func insert(ctx context.Context, tx *sql.Tx, messageID string, n notification.Notification) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (id, message_id, booking_id, user_id, channel, recipient, subject, text, html, calendar,
			status, attempts, error, created_at, sent_at, due, lease)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, messageID, n.BookingID, n.UserID, n.Channel, n.To, n.Subject, n.Text, n.HTML, n.Calendar,
		n.Status, n.Attempts, n.Error, sqlitedb.Time(n.CreatedAt), sqlitedb.NullTime(n.SentAt), sqlitedb.Time(n.Due), n.Lease)
	return err
}

// What is open is either free, to be claimed from when it is due, or leased. An
// index has the one, another the other, by just these words.
const (
	free = `status IN ('RESOLVING', 'PENDING') AND (lease = '' OR ended = 1)`
	held = `status IN ('RESOLVING', 'PENDING') AND lease <> '' AND ended = 0`
)

// Claim implements notification.Store. A look through a read connection comes
// first: a worker that finds nothing to do holds up no writer.
func (s *Store) Claim(ctx context.Context, now, until time.Time, limit int) ([]notification.Notification, error) {
	claimed := []notification.Notification{}
	var due bool
	if err := s.db.Read.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries WHERE `+free+` AND due <= ?1)
			OR EXISTS (SELECT 1 FROM deliveries WHERE `+held+` AND due <= ?1)`,
		sqlitedb.Time(now)).Scan(&due); err != nil || !due {
		return claimed, err
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE deliveries SET due = ?, ended = 1 WHERE `+held+` AND due <= ?`,
			sqlitedb.Time(now.Add(notification.Grace)), sqlitedb.Time(now)); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `
			SELECT `+columns+` FROM deliveries WHERE `+free+` AND due <= ? ORDER BY due, id LIMIT ?`,
			sqlitedb.Time(now), limit)
		if err != nil {
			return err
		}
		if claimed, err = scanAll(rows); err != nil || len(claimed) == 0 {
			return err
		}
		// One token for all: with the id it is nobody else's.
		lease, ids := uuid.NewString(), make([]string, len(claimed))
		for i := range claimed {
			n := &claimed[i]
			ids[i], n.Lease, n.Due = n.ID, lease, sqlitedb.FromTime(sqlitedb.Time(until))
		}
		list, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			UPDATE deliveries SET lease = ?, due = ?, ended = 0 WHERE id IN (SELECT value FROM json_each(?))`,
			lease, sqlitedb.Time(until), string(list))
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Settle implements notification.Store.
func (s *Store) Settle(ctx context.Context, n notification.Notification) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE deliveries
			SET status = ?, recipient = ?, attempts = ?, error = ?, sent_at = ?, due = ?, lease = ''
			WHERE id = ? AND lease = ? AND lease <> ''`,
			n.Status, n.To, n.Attempts, n.Error, sqlitedb.NullTime(n.SentAt), sqlitedb.Time(n.Due), n.ID, n.Lease)
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

// List implements notification.Store.
func (s *Store) List(ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
	where, args := []string{`status IN ('PENDING', 'SENT', 'FAILED')`}, []any{}
	add := func(cond string, values ...any) { where, args = append(where, cond), append(args, values...) }
	if f.UserID != "" {
		add(`user_id = ?`, f.UserID)
	}
	if f.BookingID != "" {
		add(`booking_id = ?`, f.BookingID)
	}
	if f.Status != "" {
		add(`status = ?`, f.Status)
	}
	if f.After != nil {
		add(`(created_at, id) < (?, ?)`, sqlitedb.Time(f.After.CreatedAt), f.After.ID)
	}
	var page []notification.Notification
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		//nolint:gosec // it is joined of the constants above
		rows, err := tx.QueryContext(ctx, `
			SELECT `+columns+` FROM deliveries WHERE `+strings.Join(where, " AND ")+`
			ORDER BY created_at DESC, id DESC LIMIT ?`, append(args, f.Limit)...)
		if err != nil {
			return err
		}
		page, err = scanAll(rows)
		return err
	})
	return page, err
}

// EndLeases makes everything that is leased claimable at once: for the start
// of the only process that works on this file, whose leases are those of a
// process that is gone. What waits for another attempt goes on waiting.
func (s *Store) EndLeases(ctx context.Context, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		// What was settled in its grace has ended = 1 as well, but no lease: its
		// due is when to try again.
		for _, leased := range []string{held, free + ` AND ended = 1 AND lease <> ''`} {
			//nolint:gosec // it is joined of the constants above
			if _, err := tx.ExecContext(ctx, `UPDATE deliveries SET lease = '', due = min(due, ?) WHERE `+leased,
				sqlitedb.Time(now)); err != nil {
				return err
			}
		}
		return nil
	})
}

const columns = `id, booking_id, user_id, channel, recipient, subject, text, html, calendar,
	status, attempts, error, created_at, sent_at, due, lease`

func scanAll(rows *sql.Rows) ([]notification.Notification, error) {
	defer rows.Close()
	all := []notification.Notification{}
	for rows.Next() {
		var n notification.Notification
		var created, due int64
		var sent sql.NullInt64
		if err := rows.Scan(&n.ID, &n.BookingID, &n.UserID, &n.Channel, &n.To, &n.Subject, &n.Text, &n.HTML, &n.Calendar,
			&n.Status, &n.Attempts, &n.Error, &created, &sent, &due, &n.Lease); err != nil {
			return nil, fmt.Errorf("scan delivery: %w", err)
		}
		n.CreatedAt, n.SentAt, n.Due = sqlitedb.FromTime(created), sqlitedb.FromNullTime(sent), sqlitedb.FromTime(due)
		all = append(all, n)
	}
	return all, rows.Err()
}
