// Package postgres is the booking.Store in a PostgreSQL database. Several
// processes may share it.
package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	outboxpostgres "github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

//go:embed migrations/*.sql
var files embed.FS

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the name is valid
	}
	return sub
}

// Store is a booking.Store, with its outbox, in one PostgreSQL database.
type Store struct{ db *postgresdb.DB }

var _ booking.Store = (*Store)(nil)

// Migrate brings the tables of the database at url up to date. Several
// processes may do so at once.
func Migrate(ctx context.Context, url string) error {
	return postgresdb.Migrate(ctx, url, migrations())
}

// Open connects to the database, and brings its tables up to date. Its error
// is storage.ErrUnavailable while the server cannot be reached.
func Open(ctx context.Context, o postgresdb.Options) (*Store, error) {
	db, err := postgresdb.Open(ctx, o, migrations())
	if err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}

// Close closes all connections.
func (s *Store) Close() error { return s.db.Close() }

// Ping answers nil while the database can be read.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Outbox is where the messages of Effects go.
func (s *Store) Outbox() outbox.Store { return outboxpostgres.New(s.db) }

// Listen calls wake when any process has left a message in the outbox, until
// ctx ends. Wake the outbox's relay by it.
func (s *Store) Listen(ctx context.Context, log *slog.Logger, wake func()) error {
	return outboxpostgres.Listen(ctx, s.db, log, wake)
}

// Create implements booking.Store. Of racing calls with one key the first
// writes it and the others wait for its commit, and then find it there.
func (s *Store) Create(ctx context.Context, b booking.Booking, key booking.Key) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if key.Value != "" {
			tag, err := tx.Exec(ctx, `
				INSERT INTO idempotency_keys AS k (user_id, key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (user_id, key) DO UPDATE
				SET fingerprint = EXCLUDED.fingerprint, booking_id = EXCLUDED.booking_id, created_at = EXCLUDED.created_at
				WHERE k.created_at < $6`,
				b.UserID, key.Value, key.Fingerprint, b.ID, b.CreatedAt, b.CreatedAt.Add(-booking.KeyLifetime))
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return taken(ctx, tx, b.UserID, key)
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO bookings (`+columns+`) VALUES (`+places+`)`,
			values(&b)...); err != nil {
			return err
		}
		return insertMessages(ctx, tx, b.Effects.Messages)
	})
}

// taken says by which request a key is taken. Where its booking has freed it
// just now it was taken all the same, when it was tried.
func taken(ctx context.Context, tx pgx.Tx, userID string, key booking.Key) error {
	var fingerprint string
	err := tx.QueryRow(ctx, `SELECT fingerprint FROM idempotency_keys WHERE user_id = $1 AND key = $2`, userID, key.Value).Scan(&fingerprint)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return booking.ErrKeyTaken
	case err != nil:
		return err
	case fingerprint != key.Fingerprint:
		return booking.ErrKeyReused
	}
	return booking.ErrKeyTaken
}

// ByKey implements booking.Store.
func (s *Store) ByKey(ctx context.Context, userID string, key booking.Key, now time.Time) (b booking.Booking, err error) {
	var fingerprint string
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b, err = one(conn.QueryRow(ctx, `
			SELECT k.fingerprint, b.* FROM idempotency_keys k CROSS JOIN LATERAL (SELECT `+columns+` FROM bookings WHERE id = k.booking_id) b
			WHERE k.user_id = $1 AND k.key = $2 AND k.created_at >= $3`,
			userID, key.Value, now.Add(-booking.KeyLifetime)), &fingerprint)
		return err
	})
	switch {
	case err != nil:
		return booking.Booking{}, err
	case fingerprint != key.Fingerprint:
		return booking.Booking{}, booking.ErrKeyReused
	}
	return b, nil
}

// Get implements booking.Store.
func (s *Store) Get(ctx context.Context, id string) (b booking.Booking, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		b, err = one(conn.QueryRow(ctx, `SELECT `+columns+` FROM bookings WHERE id = $1`, id))
		return err
	})
	return b, err
}

// List implements booking.Store. Ids are UUIDv7: their order is that of
// creation, and none is as great as '~'.
func (s *Store) List(ctx context.Context, q booking.Query) (page []booking.Booking, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT `+columns+` FROM bookings
			WHERE user_id = $1 AND id < coalesce(nullif($2, ''), '~') ORDER BY id DESC LIMIT $3`, q.UserID, q.After, q.Limit)
		if err != nil {
			return err
		}
		page, err = all(rows)
		return err
	})
	return page, err
}

// Update implements booking.Store.
func (s *Store) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var b booking.Booking
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if b, err = one(tx.QueryRow(ctx, `SELECT `+columns+` FROM bookings WHERE id = $1 FOR UPDATE`, id)); err != nil {
			return err
		}
		if b.Lease.Token != lease {
			return booking.ErrLeaseLost
		}
		if err := change(&b); err != nil {
			return err
		}
		b.Version++
		effects := b.Effects
		b.Effects = booking.Effects{}
		if _, err := tx.Exec(ctx, `UPDATE bookings SET (`+columns+`) = (`+places+`) WHERE id = $30`, append(values(&b), id)...); err != nil {
			return err
		}
		if effects.FreeKey {
			if _, err := tx.Exec(ctx, `DELETE FROM idempotency_keys WHERE booking_id = $1`, id); err != nil {
				return err
			}
		}
		return insertMessages(ctx, tx, effects.Messages)
	})
	if err != nil {
		return booking.Booking{}, err
	}
	return b, nil
}

func insertMessages(ctx context.Context, tx pgx.Tx, messages []events.Message) error {
	for _, m := range messages {
		if err := outboxpostgres.Insert(ctx, tx, events.TopicBookings, m, m.Time); err != nil {
			return err
		}
	}
	return nil
}

// Claim implements booking.Store. What another is claiming or changing is
// skipped, not waited for; what another has claimed since the statement began
// is looked at as it is now, and its lease has not ended.
func (s *Store) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	var claimed []booking.Booking
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+columns+` FROM bookings
			WHERE lease_until <= $1
			ORDER BY lease_until, id LIMIT $2 FOR UPDATE SKIP LOCKED`, now, limit)
		if err != nil {
			return err
		}
		if claimed, err = all(rows); err != nil || len(claimed) == 0 {
			return err
		}
		ids := make([]string, len(claimed))
		for i := range claimed {
			b := &claimed[i]
			b.Lease, b.Tries = lease, b.Tries+1
			ids[i] = b.ID
		}
		_, err = tx.Exec(ctx, `UPDATE bookings SET lease_token = $2, lease_until = $3, tries = tries + 1 WHERE id = ANY($1)`,
			ids, lease.Token, lease.Until)
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Prune forgets idempotency keys older than booking.KeyLifetime.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	return s.db.Sweep(ctx, `
		DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
		now.Add(-booking.KeyLifetime))
}
