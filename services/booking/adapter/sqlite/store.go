// Package sqlite is the booking.Store in a SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
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
	return &Store{db: db}, nil
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
	r, err := toRow(b)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		before, err := account(ctx, tx, &b)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO bookings (`+columns+`) VALUES (`+places+`)`, r.values()...); err != nil {
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
		if err := insertSteps(ctx, tx, &b, 0); err != nil {
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
	return get(ctx, s.db.Read, id)
}

func get(ctx context.Context, q querier, id string) (booking.Booking, error) {
	b, err := scan(q.QueryRowContext(ctx, `SELECT `+columns+` FROM bookings WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return booking.Booking{}, booking.ErrNotFound
	}
	return b, err
}

// List implements booking.Store. Ids are UUIDv7: their order is that of
// creation.
func (s *Store) List(ctx context.Context, q booking.Query) ([]booking.Booking, error) {
	var page []booking.Booking
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var err error
		page, err = pageOf(ctx, tx, `user_id = ? AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?`, q.UserID, q.After, q.After, q.Limit)
		return err
	})
	return page, err
}

// Update implements booking.Store.
func (s *Store) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var b booking.Booking
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var err error
		if b, err = get(ctx, tx, id); err != nil {
			return err
		}
		if b.Lease.Token != lease {
			return booking.ErrLeaseLost
		}
		was, steps := b.Status, len(b.Timeline)
		if err := change(&b); err != nil {
			return err
		}
		if b.Status == booking.Confirmed && was != booking.Confirmed {
			if err := mayConfirm(ctx, tx, b.EventID); err != nil {
				return err
			}
		}
		b.Version++
		effects := b.Effects
		b.Effects = booking.Effects{}
		r, err := toRow(b)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE bookings SET (`+columns+`) = (`+places+`), stuck_since = NULL WHERE id = ?`, append(r.values(), id)...); err != nil {
			return err
		}
		if effects.FreeKey { // first: a key of the same change may be the one that it frees
			if _, err := tx.ExecContext(ctx, `DELETE FROM idempotency_keys WHERE booking_id = ?`, id); err != nil {
				return err
			}
		}
		if err := useKey(ctx, tx, effects.KeyUser, effects.Key, id, b.UpdatedAt); err != nil {
			return err
		}
		if err := insertSteps(ctx, tx, &b, steps); err != nil {
			return err
		}
		return insertMessages(ctx, tx, effects.Messages)
	})
	if err != nil {
		return booking.Booking{}, err
	}
	return b, nil
}

func insertMessages(ctx context.Context, tx *sql.Tx, messages []events.Message) error {
	for _, m := range messages {
		if err := outboxsqlite.Insert(ctx, tx, events.TopicBookings, m, m.Time); err != nil {
			return err
		}
	}
	return nil
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

// Prune forgets idempotency keys older than booking.KeyLifetime, and messages
// heard longer ago than inbox.Retention.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	err := s.db.Sweep(ctx, `
		DELETE FROM idempotency_keys WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_keys WHERE created_at < ? LIMIT ?)`,
		sqlitedb.Time(now.Add(-booking.KeyLifetime)), sqlitedb.Piece)
	return errors.Join(err, inboxsqlite.New(s.db).Prune(ctx, now.Add(-inbox.Retention)))
}
