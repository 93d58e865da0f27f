// Package sqlite is the booking.Store in a SQLite file.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a booking.Store, with its outbox, in one SQLite file.
type Store struct{ db *sqlitedb.DB }

var _ booking.Store = (*Store)(nil)

// Open opens the file at path, creating or migrating it as needed.
func Open(ctx context.Context, path string) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlitedb.Open(ctx, path, files)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if err := s.KeyGuests(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Run keeps the file in order until ctx ends, as sqlitedb.DB.Run says.
func (s *Store) Run(ctx context.Context, log *slog.Logger) error { return s.db.Run(ctx, log) }

// Ping answers nil while the file can be read and written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Outbox is where the messages of Effects go.
func (s *Store) Outbox() outbox.Store { return outboxsqlite.New(s.db) }

// Archive is what of it is closed.
func (s *Store) Archive() outbox.Archive { return outboxsqlite.New(s.db) }

// Create implements booking.Store.
func (s *Store) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	row, err := values(&b)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		before, err := account(ctx, tx, &b)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertBooking, row...); err != nil {
			return err
		}
		if err := useKey(ctx, tx, b.UserID, key, b.ID, b.CreatedAt); err != nil {
			return err
		}
		if admit != nil { // after the key, which comes first
			if err := admit(before); err != nil {
				return err
			}
		}
		if err := insertAudit(ctx, tx, booking.AuditRows(&b, 0)...); err != nil {
			return err
		}
		return insertMessages(ctx, tx, b.Effects.Messages)
	})
}

// useKey stores that the user used the key for this booking, or says why not.
func useKey(ctx context.Context, tx *sql.Tx, userID string, key booking.Key, bookingID string, at time.Time) error {
	if key.Value == "" {
		return nil
	}
	res, err := tx.ExecContext(ctx, `
		INSERT INTO idempotency_keys AS k (user_id, key, fingerprint, booking_id, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (user_id, key) DO UPDATE
		SET fingerprint = excluded.fingerprint, booking_id = excluded.booking_id, created_at = excluded.created_at
		WHERE k.created_at < ?`,
		userID, key.Value, key.Fingerprint, bookingID, sqlitedb.Time(at), sqlitedb.Time(at.Add(-booking.KeyLifetime)))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	if _, err := byKey(ctx, tx, userID, key, at); err != nil {
		return err
	}
	return booking.ErrKeyTaken
}

// ByKey implements booking.Store.
func (s *Store) ByKey(ctx context.Context, userID string, key booking.Key, now time.Time) (booking.Booking, error) {
	id, err := byKey(ctx, s.db.Read, userID, key, now)
	if err != nil {
		return booking.Booking{}, err
	}
	return s.Get(ctx, id)
}

func byKey(ctx context.Context, q querier, userID string, key booking.Key, now time.Time) (bookingID string, err error) {
	var fingerprint string
	err = q.QueryRowContext(ctx,
		`SELECT booking_id, fingerprint FROM idempotency_keys WHERE user_id = ? AND key = ? AND created_at >= ?`,
		userID, key.Value, sqlitedb.Time(now.Add(-booking.KeyLifetime))).Scan(&bookingID, &fingerprint)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", booking.ErrNotFound
	case err != nil:
		return "", err
	case fingerprint != key.Fingerprint:
		return "", booking.ErrKeyReused
	}
	return bookingID, nil
}

// Get implements booking.Store.
func (s *Store) Get(ctx context.Context, id string) (booking.Booking, error) {
	return whole.get(ctx, s.db.Read, id)
}

// List implements booking.Store. Ids are UUIDv7: their order is that of
// creation, and none is as great as '~'.
func (s *Store) List(ctx context.Context, q booking.Query) ([]booking.Booking, error) {
	var page []booking.Booking
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		page, err = pageOf(ctx, tx, whole, `user_id = ? AND id < ? ORDER BY id DESC LIMIT ?`, q.UserID, cmp.Or(q.After, "~"), q.Limit)
		return err
	})
	return page, err
}

// OfEvent implements booking.Store.
func (s *Store) OfEvent(ctx context.Context, eventID, after string, limit int) ([]booking.Booking, error) {
	var page []booking.Booking
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		page, err = pageOf(ctx, tx, exceptTimeline, `event_id = ? AND id > ? AND status IN ('CONFIRMED', 'CANCELLING', 'CANCELLED') ORDER BY id LIMIT ?`, eventID, after, limit)
		return err
	})
	return page, err
}

// Update implements booking.Store.
func (s *Store) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var after booking.Booking
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		before, err := whole.get(ctx, tx, id)
		if err != nil {
			return err
		}
		if before.Lease.Token != lease {
			return booking.ErrLeaseLost
		}
		after = before.Clone()
		if err := change(&after); err != nil {
			return err
		}
		if admit := after.Effects.Admit; admit != nil {
			t, err := triesOf(ctx, tx, &after)
			if err != nil {
				return err
			}
			if err := admit(t); err != nil {
				return err
			}
		}
		c, err := changeOf(&before, &after)
		if err != nil {
			return err
		}
		if err := c.store(ctx, tx); err != nil {
			return err
		}
		return useKey(ctx, tx, after.Effects.KeyUser, after.Effects.Key, id, after.UpdatedAt)
	})
	if err != nil {
		return booking.Booking{}, err
	}
	after.Effects = booking.Effects{}
	return after, nil
}

// Save implements booking.Store.
func (s *Store) Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error) {
	after.Version = before.Version
	c, err := changeOf(&before, &after)
	if err != nil {
		return booking.Booking{}, err
	}
	if err := s.db.Write(ctx, func(tx *sql.Tx) error { return c.store(ctx, tx) }); err != nil {
		return booking.Booking{}, err
	}
	after.Effects = booking.Effects{}
	return after, nil
}

// change is the statement that puts a booking in the place of another.
type change struct {
	before, after *booking.Booking
	needsEvent    bool
	awaits        bool // its customer, and begins to
	update        string
	args          []any
}

// changeOf returns the change that stores after as the version that follows
// before, with its new steps, and all Effects but the key.
func changeOf(before, after *booking.Booking) (*change, error) {
	after.Version++
	after.Address = after.KeptAddress()
	c := &change{before: before, after: after, needsEvent: booking.NeedsEvent(before, after)}
	var update strings.Builder
	update.WriteString(`UPDATE bookings SET stuck_since = NULL`)
	for _, column := range stored {
		if !column.changed(before, after) {
			continue
		}
		v, err := column.value(after)
		if err != nil {
			return nil, err
		}
		place := `?`
		if column.name == "lease_until" && after.AwaitsCustomer() {
			c.awaits = true
			place = `iif(EXISTS (SELECT 1 FROM cancelled_events c WHERE c.event_id = ?), ?, ?)`
			c.args = append(c.args, after.EventID, sqlitedb.Time(after.UpdatedAt))
		}
		update.WriteString(`, ` + column.name + ` = ` + place)
		c.args = append(c.args, v)
	}
	update.WriteString(` WHERE id = ? AND lease_token = ? AND version = ?`)
	c.args = append(c.args, before.ID, before.Lease.Token, before.Version)
	if c.needsEvent {
		update.WriteString(` AND NOT EXISTS (SELECT 1 FROM cancelled_events c WHERE c.event_id = ?)`)
		c.args = append(c.args, after.EventID)
	}
	if c.awaits {
		update.WriteString(` RETURNING lease_until`)
	}
	c.update = update.String()
	return c, nil
}

// store stores the change. ErrLeaseLost where the lease or the version is
// not before's any more, ErrEventCancelled where after becomes Confirmed and its
// event is cancelled.
func (c *change) store(ctx context.Context, tx *sql.Tx) error {
	if done, err := c.run(ctx, tx); err != nil || !done {
		return errors.Join(err, c.notStored(ctx, tx))
	}
	if c.after.Effects.FreeKey { // first: a key of the same change may be the one that it frees
		if _, err := tx.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE booking_id = ?`, c.before.ID); err != nil {
			return err
		}
	}
	if err := insertAudit(ctx, tx, booking.AuditRows(c.after, len(c.before.Timeline))...); err != nil {
		return err
	}
	return insertMessages(ctx, tx, c.after.Effects.Messages)
}

// run executes the statement, and reports whether it has changed the row.
func (c *change) run(ctx context.Context, tx *sql.Tx) (done bool, err error) {
	if c.awaits {
		var until int64
		err := tx.QueryRowContext(ctx, c.update, c.args...).Scan(&until)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		c.after.Lease.Until = sqlitedb.FromTime(until)
		return err == nil, err
	}
	res, err := tx.ExecContext(ctx, c.update, c.args...)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func insertMessages(ctx context.Context, tx *sql.Tx, messages []events.Message) error {
	for _, m := range messages {
		if err := outboxsqlite.Insert(ctx, tx, events.TopicBookings, m, m.Time); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) notStored(ctx context.Context, tx *sql.Tx) error {
	var held bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM bookings WHERE id = ? AND lease_token = ? AND version = ?)`,
		c.before.ID, c.before.Lease.Token, c.before.Version).Scan(&held); err != nil {
		return err
	}
	if held && c.needsEvent {
		return booking.ErrEventCancelled
	}
	return booking.ErrLeaseLost
}

// EndLeases lets every booking that is driven be claimed, and every message be
// relayed, from now on. It is for the start of the one process that works on
// this file: whatever is leased, a killed one had. Were it still alive, its
// writes would meet ErrLeaseLost.
func (s *Store) EndLeases(ctx context.Context, now time.Time) error {
	if err := outboxsqlite.New(s.db).EndLeases(ctx, now); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE bookings SET lease_until = ?1 WHERE lease_token <> '' AND lease_until > ?1`, sqlitedb.Time(now))
		return err
	})
}

// Prune forgets idempotency keys older than booking.KeyLifetime, addresses that
// were kept for booking.AddressKept, and messages heard longer ago than
// inbox.Retention.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	err := s.db.Sweep(ctx, `
		DELETE FROM idempotency_keys WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_keys WHERE created_at < ? LIMIT ?)`,
		sqlitedb.Time(now.Add(-booking.KeyLifetime)), sqlitedb.Piece)
	addresses := s.db.Sweep(ctx, `
		UPDATE bookings SET address = '' WHERE id IN (
			SELECT id FROM bookings WHERE created_at < ? AND address <> '' AND status = 'CONFIRMED' LIMIT ?)`,
		sqlitedb.Time(now.Add(-booking.AddressKept)), sqlitedb.Piece)
	return errors.Join(err, addresses, inboxsqlite.New(s.db).Prune(ctx, now.Add(-inbox.Retention)))
}
