// Package sqlite is the notification.Store in a SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
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
func (s *Store) Enqueue(ctx context.Context, r notification.Record) (outcome notification.Outcome, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		outcome = notification.Ignored
		fresh, err := inboxsqlite.Record(ctx, tx, r.MessageID, r.At)
		if err != nil || !fresh {
			return err
		}
		var b bookingRecords
		if r.BookingID != "" {
			if b, err = compare(ctx, tx, r); err != nil {
				return err
			}
		}
		told := b.told && r.Kind != notification.Nothing
		if told {
			r.Booking = ""
		}
		key := r.MessageID
		if len(r.Deliveries) > 0 && r.BookingID != "" && !told {
			key = r.Once()
		}
		// The inbox forgets after its retention; this table does not.
		res, err := tx.ExecContext(ctx, `
			INSERT INTO records (message_id, booking_id, kind, version, booking, event_at, once) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (message_id) DO NOTHING`,
			r.MessageID, r.BookingID, r.Kind, r.Version, r.Booking, sqlitedb.NullTime(r.EventAt), key)
		if err != nil {
			return err
		}
		if added, err := res.RowsAffected(); err != nil || added == 0 {
			return err
		}
		if told {
			return nil
		}
		if err := outdate(ctx, tx, r.BookingID, b.outdated); err != nil {
			return err
		}
		admitted, err := admit(ctx, tx, r)
		if err != nil {
			return err
		}
		waits, err := b.waits(ctx, tx, r)
		if err != nil {
			return err
		}
		for _, n := range r.Deliveries {
			if waits || !admitted {
				n.Lease, n.Due = "", n.CreatedAt
			}
			if !admitted {
				n.Status, n.Error = notification.Failed, notification.OverQuota
			}
			if err := insert(ctx, tx, r, n); err != nil {
				return err
			}
		}
		outcome = notification.Leased
		if !admitted {
			outcome = notification.Limited
		} else if waits || len(r.Deliveries) == 0 || r.Deliveries[0].Lease == "" {
			outcome = notification.Stored
		}
		return nil
	})
	if err != nil {
		return notification.Ignored, err
	}
	return outcome, nil
}

// bookingRecords is what a new record needs to know of the others of its booking.
type bookingRecords struct {
	told     bool     // of what the new one has, or of something that outdates it
	outdated []string // message ids of what the new one outdates
	older    bool     // there are records of a lower version
	newer    bool     // there are records of a higher version of which anybody is told
}

func compare(ctx context.Context, tx *sql.Tx, r notification.Record) (b bookingRecords, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT message_id, kind, version, once FROM records WHERE booking_id = ?`, r.BookingID)
	if err != nil {
		return b, err
	}
	defer rows.Close()
	for rows.Next() {
		var known notification.Record
		var once string
		if err := rows.Scan(&known.MessageID, &known.Kind, &known.Version, &once); err != nil {
			return b, err
		}
		switch {
		case once == r.Once(), known.Version > r.Version && known.Kind.Outdates(r.Kind):
			b.told = true
		case known.Version < r.Version && r.Kind.Outdates(known.Kind):
			b.outdated = append(b.outdated, known.MessageID)
		}
		b.older = b.older || known.Version < r.Version
		b.newer = b.newer || known.Version > r.Version && once != known.MessageID
	}
	return b, rows.Err()
}

// waits reports whether r's deliveries are not to be claimed from their birth.
func (b bookingRecords) waits(ctx context.Context, tx *sql.Tx, r notification.Record) (waits bool, err error) {
	if b.newer || !b.older {
		return b.newer, nil
	}
	err = tx.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries d JOIN records r USING (message_id)
			WHERE d.booking_id = ? AND r.version < ? AND (d.status IN ('RESOLVING', 'PENDING') OR d.lease <> ''))`,
		r.BookingID, r.Version).Scan(&waits)
	return waits, err
}

// outdate ends the open deliveries of these messages. Whoever has leased one may
// still settle it.
func outdate(ctx context.Context, tx *sql.Tx, bookingID string, messageIDs []string) error {
	if len(messageIDs) == 0 {
		return nil
	}
	list, err := json.Marshal(messageIDs)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE deliveries SET status = iif(status = 'PENDING', 'OUTDATED', 'DROPPED'), error = ?
		WHERE booking_id = ? AND message_id IN (SELECT value FROM json_each(?)) AND status IN ('RESOLVING', 'PENDING')`,
		notification.Replaced, bookingID, string(list))
	return err
}

// admit reports whether r may be sent: its booking is told already, or none of r's
// quotas is used up. Then it uses each.
func admit(ctx context.Context, tx *sql.Tx, r notification.Record) (bool, error) {
	if len(r.Deliveries) == 0 || len(r.Quotas) == 0 {
		return true, nil
	}
	if r.BookingID != "" {
		var told bool
		if err := tx.QueryRowContext(ctx, `
			SELECT EXISTS (SELECT 1 FROM deliveries WHERE booking_id = ? AND NOT (status = 'FAILED' AND error = ?))`,
			r.BookingID, notification.OverQuota).Scan(&told); err != nil || told {
			return told, err
		}
	}
	for _, q := range r.Quotas {
		var used int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM quota_uses WHERE key = ? AND at > ? AND at < ?`,
			q.Key, sqlitedb.Time(r.At.Add(-notification.QuotaPeriod)), sqlitedb.Time(r.At.Add(notification.QuotaPeriod))).Scan(&used)
		if err != nil || used >= q.Most {
			return false, err
		}
	}
	for _, q := range r.Quotas {
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

func insert(ctx context.Context, tx *sql.Tx, r notification.Record, n notification.Notification) error {
	ready := n.Lease == "" && !n.Due.After(r.At)
	_, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (id, message_id, booking_id, user_id, channel, recipient, subject, text, html, calendar,
			status, attempts, error, created_at, sent_at, due, turn, ready, lease)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, r.MessageID, n.BookingID, n.UserID, n.Channel, n.To, n.Subject, n.Text, n.HTML, n.Calendar,
		n.Status, n.Attempts, n.Error, sqlitedb.Time(n.CreatedAt), sqlitedb.NullTime(n.SentAt), sqlitedb.Time(n.Due), n.Turn, ready, n.Lease)
	return err
}

// What is open is either ready to be claimed, or it waits until it is due: it is
// leased, to be tried again, or behind another. Each has an index by just these
// words.
const (
	ready   = `status IN ('RESOLVING', 'PENDING') AND ready = 1`
	waiting = `status IN ('RESOLVING', 'PENDING') AND ready = 0`
)

// readied is how many deliveries one claim makes ready at most. It is more than
// a claim takes, and keeps its cost independent of how many there are.
const readied = 256

// Claim implements notification.Store. A look through a read connection comes
// first: a worker that finds nothing to do holds up no writer.
func (s *Store) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	claimed := []notification.Notification{}
	var due bool
	if err := s.db.Read.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries WHERE channel = ?1 AND `+ready+`)
			OR EXISTS (SELECT 1 FROM deliveries WHERE channel = ?1 AND `+waiting+` AND due <= ?2)`,
		c, sqlitedb.Time(now)).Scan(&due); err != nil || !due {
		return claimed, err
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		claimed = []notification.Notification{}
		if err := makeReady(ctx, tx, c, now); err != nil {
			return err
		}
		for {
			want := limit - len(claimed)
			found, behind, err := next(ctx, tx, c, now, want)
			if err != nil {
				return err
			}
			for id, due := range behind {
				if _, err := tx.ExecContext(ctx, `UPDATE deliveries SET ready = 0, due = ? WHERE id = ?`, due, id); err != nil {
					return err
				}
			}
			if err := lease(ctx, tx, found, until); err != nil {
				return err
			}
			claimed = append(claimed, found...)
			if len(behind) == 0 || len(found)+len(behind) < want {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// BringForward implements notification.Store. It reads before it writes, as Claim does.
func (s *Store) BringForward(ctx context.Context, leased, waits time.Time) error {
	// ?1 is the channel, ?2 leased, ?3 waiting.
	open := `FROM deliveries WHERE channel = ?1 AND ` + waiting + ` AND due > min(?2, ?3) AND due > iif(lease = '', ?3, ?2)`
	settled := `FROM deliveries WHERE channel = ?1 AND status NOT IN ('RESOLVING', 'PENDING') AND lease <> '' AND due > ?2 AND ?3 = ?3`
	for _, c := range []notification.Channel{notification.Email, notification.SMS} {
		for _, late := range []string{open, settled} {
			args := []any{c, sqlitedb.Time(leased), sqlitedb.Time(waits)}
			var some bool
			if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+late+`)`, args...).Scan(&some); err != nil {
				return err
			}
			if !some {
				continue
			}
			if err := s.db.Sweep(ctx, `UPDATE deliveries SET due = iif(lease = '', ?3, ?2) WHERE id IN (SELECT id `+late+` LIMIT ?4)`,
				append(args, sqlitedb.Piece)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeReady moves what is due of one channel from what waits to what is ready. What was leased
// gets its grace first.
func makeReady(ctx context.Context, tx *sql.Tx, c notification.Channel, now time.Time) error {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, lease <> '' AND ended = 0 FROM deliveries WHERE channel = ? AND `+waiting+` AND due <= ? ORDER BY due LIMIT ?`,
		c, sqlitedb.Time(now), readied)
	if err != nil {
		return err
	}
	defer rows.Close()
	var free, ended []string
	for rows.Next() {
		var id string
		var leased bool
		if err := rows.Scan(&id, &leased); err != nil {
			return err
		}
		if leased {
			ended = append(ended, id)
		} else {
			free = append(free, id)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if err := updateAll(ctx, tx, free, `ready = 1`); err != nil {
		return err
	}
	return updateAll(ctx, tx, ended, `ended = 1, due = ?2`, sqlitedb.Time(now.Add(notification.Grace)))
}

// updateAll sets the deliveries of these ids; ?1 is the list, args are from ?2 on.
func updateAll(ctx context.Context, tx *sql.Tx, ids []string, set string, args ...any) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	//nolint:gosec // it is joined of constants
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET `+set+` WHERE id IN (SELECT value FROM json_each(?1))`,
		append([]any{string(list)}, args...)...)
	return err
}

// next is the next deliveries of one channel that are ready, up to limit together: those that
// can be claimed, and when those are due again that are behind an earlier one.
func next(ctx context.Context, tx *sql.Tx, c notification.Channel, now time.Time, limit int) (found []notification.Notification, behind map[string]int64, err error) {
	at := sqlitedb.Time(now)
	rows, err := tx.QueryContext(ctx, `
		SELECT `+columns+`, r.booking_id <> '' AND EXISTS (
				SELECT 1 FROM records n WHERE n.booking_id = r.booking_id AND n.version > r.version AND n.once <> n.message_id),
			iif(d.booking_id = '', NULL, (
				SELECT max(iif(e.lease = '', e.due, 0)) FROM deliveries e JOIN records er ON er.message_id = e.message_id
				WHERE e.booking_id = d.booking_id AND e.channel = d.channel AND er.version < r.version
					AND (e.status IN ('RESOLVING', 'PENDING') OR e.lease <> '' AND e.due > ?)))
		FROM `+tables+` WHERE d.channel = ? AND d.`+ready+` ORDER BY d.turn, d.due, d.id LIMIT ?`,
		sqlitedb.Time(now.Add(-notification.Grace)), c, limit)
	if err != nil {
		return nil, nil, err
	}
	behind = map[string]int64{}
	found, err = scanAll(rows, func(scan func(more ...any) (notification.Notification, error)) (notification.Notification, bool, error) {
		var overtaken bool
		var earlier sql.NullInt64
		n, err := scan(&overtaken, &earlier)
		if earlier.Valid {
			behind[n.ID] = max(at, earlier.Int64) + notification.Behind.Microseconds()
		}
		n.Overtaken = overtaken
		return n, !earlier.Valid, err
	})
	return found, behind, err
}

// lease leases ns.
func lease(ctx context.Context, tx *sql.Tx, ns []notification.Notification, until time.Time) error {
	// One token for all: with the id it is nobody else's.
	token, ids := uuid.NewString(), make([]string, len(ns))
	for i := range ns {
		n := &ns[i]
		ids[i], n.Lease, n.Due = n.ID, token, sqlitedb.FromTime(sqlitedb.Time(until))
	}
	return updateAll(ctx, tx, ids, `ready = 0, ended = 0, lease = ?2, due = ?3`, token, sqlitedb.Time(until))
}

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
				recipient = ?4, attempts = ?5, sent_at = ?6, due = ?7, turn = ?8, ready = 0, ended = 0, lease = ''
			WHERE id = ?9 AND lease = ?10 AND lease <> ''`,
			n.Status.Open(), n.Status, n.Error, n.To, n.Attempts, sqlitedb.NullTime(n.SentAt), sqlitedb.Time(n.Due), n.Turn, n.ID, n.Lease)
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

// List implements notification.Store. A plus keeps the status from the choice of an
// index: only a status alone says which deliveries there are few of.
func (s *Store) List(ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
	if f.Status != "" && !f.Status.Shown() {
		return []notification.Notification{}, nil
	}
	where, args := []string{}, []any{}
	add := func(cond string, values ...any) { where, args = append(where, cond), append(args, values...) }
	switch {
	case f.Status == "":
		add(`+d.status IN ('PENDING', 'SENT', 'FAILED', 'OUTDATED')`)
	case f.UserID != "" || f.BookingID != "":
		add(`+d.status = ?`, f.Status)
	default:
		add(`d.status = ?`, f.Status)
	}
	if f.UserID != "" {
		add(`d.user_id = ?`, f.UserID)
	}
	if f.BookingID != "" {
		add(`d.booking_id = ?`, f.BookingID)
	}
	if f.After != nil {
		add(`(d.created_at, d.id) < (?, ?)`, sqlitedb.Time(f.After.CreatedAt), f.After.ID)
	}
	var page []notification.Notification
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		//nolint:gosec // it is joined of the constants above
		rows, err := tx.QueryContext(ctx, `
			SELECT `+columns+` FROM `+tables+` WHERE `+strings.Join(where, " AND ")+`
			ORDER BY d.created_at DESC, d.id DESC LIMIT ?`, append(args, f.Limit)...)
		if err != nil {
			return err
		}
		page, err = scanAll(rows, func(scan func(more ...any) (notification.Notification, error)) (notification.Notification, bool, error) {
			n, err := scan()
			return n, true, err
		})
		return err
	})
	return page, err
}

// EndLeases makes everything that is leased claimable at once: for the start
// of the only process that works on this file, whose leases are those of a
// process that is gone. What waits for another attempt goes on waiting.
func (s *Store) EndLeases(ctx context.Context, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE deliveries INDEXED BY deliveries_waiting SET lease = '', ended = 0, due = min(due, ?)
			WHERE `+waiting+` AND lease <> ''`, sqlitedb.Time(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE deliveries SET lease = '' WHERE status NOT IN ('RESOLVING', 'PENDING') AND lease <> ''`)
		return err
	})
}

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
