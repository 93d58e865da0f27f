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
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxpostgres "github.com/openboxoffice/boxoffice/services/internal/inbox/postgres"
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

// Ping answers nil while the database can be read and written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Outbox is where the messages of Effects go.
func (s *Store) Outbox() outbox.Store { return outboxpostgres.New(s.db) }

// Archive is what of it is closed.
func (s *Store) Archive() outbox.Archive { return outboxpostgres.New(s.db) }

// Listen calls wake when any process has left a message in the outbox, until
// ctx ends. Wake the outbox's relay by it.
func (s *Store) Listen(ctx context.Context, log *slog.Logger, wake func()) error {
	return outboxpostgres.Listen(ctx, s.db, log, wake)
}

// Create implements booking.Store. Of racing calls with one key the first
// writes it and the others wait for its commit, and then find it there.
func (s *Store) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := useKey(ctx, tx, b.UserID, key, b.ID, b.CreatedAt); err != nil {
			return err
		}
		if err := insert(ctx, tx, &b, admit); err != nil {
			return err
		}
		return insertMessages(ctx, tx, b.Effects.Messages)
	})
}

// insert stores b with its timeline, and returns the error of admit. All of it is
// one round trip: b is there already when admit is called, and its error ends the
// transaction.
func insert(ctx context.Context, tx pgx.Tx, b *booking.Booking, admit func(booking.Account) error) (err error) {
	var all pgx.Batch
	all.Queue(lockAccount, b.UserID)
	all.Queue(account, b.UserID, b.EventID, b.CreatedAt.Add(-booking.DeclinesKept))
	all.Queue(withSteps+`INSERT INTO bookings (`+columns+`) VALUES (`+places+`)`, append(values(b), steps(b, 0)...)...)
	results := tx.SendBatch(ctx, &all)
	defer func() { err = errors.Join(err, results.Close()) }()
	if _, err := results.Exec(); err != nil {
		return err
	}
	before, err := scanAccount(results.QueryRow())
	if err != nil {
		return err
	}
	if admit != nil {
		if err := admit(before); err != nil {
			return err
		}
	}
	_, err = results.Exec()
	return err
}

// useKey stores that the user used the key for this booking, or says why not.
func useKey(ctx context.Context, tx pgx.Tx, userID string, key booking.Key, bookingID string, at time.Time) error {
	if key.Value == "" {
		return nil
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO idempotency_keys AS k (user_id, key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (user_id, key) DO UPDATE
		SET fingerprint = EXCLUDED.fingerprint, booking_id = EXCLUDED.booking_id, created_at = EXCLUDED.created_at
		WHERE k.created_at < $6`,
		userID, key.Value, key.Fingerprint, bookingID, at, at.Add(-booking.KeyLifetime))
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return taken(ctx, tx, userID, key)
	}
	return nil
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
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		page, err = pageOf(ctx, conn, `user_id = $1 AND id < coalesce(nullif($2, ''), '~') ORDER BY id DESC LIMIT $3`, q.UserID, q.After, q.Limit)
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
		was, before := b.Status, len(b.Timeline)
		if err := change(&b); err != nil {
			return err
		}
		b.Version++
		effects := b.Effects
		b.Effects = booking.Effects{}
		if err := update(ctx, tx, &b, before, b.Status == booking.Confirmed && was != booking.Confirmed); err != nil {
			return err
		}
		if effects.FreeKey { // first: a key of the same change may be the one that it frees
			if _, err := tx.Exec(ctx, `DELETE FROM idempotency_keys WHERE booking_id = $1`, id); err != nil {
				return err
			}
		}
		if err := useKey(ctx, tx, effects.KeyUser, effects.Key, id, b.UpdatedAt); err != nil {
			return err
		}
		return insertMessages(ctx, tx, effects.Messages)
	})
	if err != nil {
		return booking.Booking{}, err
	}
	return b, nil
}

// update stores b, whose timeline had so many steps before. Where that makes it
// Confirmed, its event must not be cancelled, now and until the commit.
func update(ctx context.Context, tx pgx.Tx, b *booking.Booking, before int, confirms bool) error {
	statement := withSteps + `UPDATE bookings SET (` + columns + `) = (` + places + `), stuck_since = NULL WHERE id = $1`
	args := append(values(b), steps(b, before)...)
	if !confirms {
		_, err := tx.Exec(ctx, statement, args...)
		return err
	}
	var both pgx.Batch // in one round trip
	both.Queue(lockEventShared, b.EventID)
	both.Queue(statement+` AND NOT EXISTS (SELECT 1 FROM cancelled_events c WHERE c.event_id = bookings.event_id)`, args...)
	results := tx.SendBatch(ctx, &both)
	_, lockErr := results.Exec()
	tag, err := results.Exec()
	if err := errors.Join(lockErr, err, results.Close()); err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return booking.ErrEventCancelled
	}
	return nil
}

func insertMessages(ctx context.Context, tx pgx.Tx, messages []events.Message) error {
	for _, m := range messages {
		if err := outboxpostgres.Insert(ctx, tx, events.TopicBookings, m, m.Time); err != nil {
			return err
		}
	}
	return nil
}

// Prune forgets idempotency keys older than booking.KeyLifetime, and messages
// heard longer ago than inbox.Retention.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	err := s.db.Sweep(ctx, `
		DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
		now.Add(-booking.KeyLifetime))
	return errors.Join(err, inboxpostgres.New(s.db).Prune(ctx, now.Add(-inbox.Retention)))
}
