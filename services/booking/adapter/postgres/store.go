// Package postgres is the booking.Store in a PostgreSQL database. Several
// processes may share it.
package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sort"
	"strings"
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
	s := &Store{db: db}
	if err := s.KeyGuests(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
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

// Create implements booking.Store. Almost every account, and address, has nothing
// that counts for its limits: if admit allows that, and nothing stands against the booking,
// it is stored in one round trip.
func (s *Store) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if most := mostMade(admit); most >= 0 && len(b.Effects.Messages) == 0 {
		if done, err := s.createUnburdened(ctx, &b, key, admit == nil, most); done || err != nil {
			return err
		}
	}
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := useKey(ctx, tx, b.UserID, key, b.ID, b.CreatedAt); err != nil {
			return err
		}
		if err := insert(ctx, tx, &b, admit); err != nil {
			return err
		}
		for _, m := range b.Effects.Messages {
			if err := outboxpostgres.Insert(ctx, tx, events.TopicBookings, m, m.Time); err != nil {
				return err
			}
		}
		return nil
	})
}

// usage names the columns of account.
const usage = `usage (tickets, declined, open, last_try, checkouts, checkout_tickets, address_open, address_tickets, made, first_made) AS (` + account + `)`

// mostMade returns how many bookings, up to 4,096, an account without other usage may
// have made for admit to allow one more; -1 if it may have made none.
func mostMade(admit func(booking.Account) error) int {
	if admit == nil {
		return 0
	}
	return sort.Search(4097, func(n int) bool { return admit(booking.Account{Made: n}) != nil }) - 1
}

// createUnburdened stores b with its steps and key if the key is free and
// the account and the address have no usage but up to most bookings made, or any usage is
// allowed. Otherwise nothing is stored.
func (s *Store) createUnburdened(ctx context.Context, b *booking.Booking, key booking.Key, unlimited bool, most int) (done bool, err error) {
	args := accountOf(b)
	var sql strings.Builder
	admitted := `usage WHERE ` + unused + ` AND made <= ` + args.add(most)
	if unlimited {
		args, admitted = nil, `(VALUES (1)) AS everybody WHERE true`
		sql.WriteString(`WITH `)
	} else {
		sql.WriteString(`WITH ` + usage + `, `)
	}
	if key.Value != "" {
		id := args.add(b.ID)
		sql.WriteString(`used AS (` + useKeyOf(&args, b.UserID, key, id, b.CreatedAt, admitted) + ` RETURNING k.key), `)
		admitted += ` AND EXISTS (SELECT FROM used)`
	}
	places := make([]string, len(stored))
	for i, c := range stored {
		places[i] = args.add(c.value(b))
	}
	sql.WriteString(`stored AS (INSERT INTO bookings (` + insertColumns + `) SELECT ` + strings.Join(places, ", ") + ` FROM ` + admitted + ` RETURNING id, event_id, version)`)
	log(&sql, &args, b, 0)
	sql.WriteString(` SELECT count(*) FROM stored`)

	var all pgx.Batch
	locks := lockUsage(&all, b)
	all.Queue(sql.String(), args...)
	n := 0
	err = s.db.Once(ctx, &all, func(results pgx.BatchResults) error {
		return errors.Join(locked(results, locks), results.QueryRow().Scan(&n))
	})
	return n == 1, err
}

// insert stores b with its timeline, and returns the error of admit. All of it is
// one round trip: b is there already when admit is called, and its error ends the
// transaction.
func insert(ctx context.Context, tx pgx.Tx, b *booking.Booking, admit func(booking.Account) error) (err error) {
	var sql strings.Builder
	args := arguments(values(b))
	sql.WriteString(`WITH stored AS (INSERT INTO bookings (` + insertColumns + `) VALUES (` + places + `) RETURNING id, event_id, version)`)
	log(&sql, &args, b, 0)
	sql.WriteString(` SELECT FROM stored`)
	var all pgx.Batch
	locks := lockUsage(&all, b)
	all.Queue(account, accountOf(b)...)
	all.Queue(sql.String(), args...)
	results := tx.SendBatch(ctx, &all)
	defer func() { err = errors.Join(err, results.Close()) }()
	if err := locked(results, locks); err != nil {
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

// useKeyOf is the statement that stores the key of one booking, for each row of
// from, if nobody has used it.
func useKeyOf(args *arguments, userID string, key booking.Key, id string, at time.Time, from string) string {
	return `INSERT INTO idempotency_keys AS k (user_id, key, fingerprint, booking_id, created_at)
		SELECT ` + args.add(userID) + `, ` + args.add(key.Value) + `, ` + args.add(key.Fingerprint) + `, ` + id + `, ` + args.add(at) + ` FROM ` + from + `
		ON CONFLICT (user_id, key) DO UPDATE
		SET fingerprint = EXCLUDED.fingerprint, booking_id = EXCLUDED.booking_id, created_at = EXCLUDED.created_at
		WHERE k.created_at < ` + args.add(at.Add(-booking.KeyLifetime))
}

// useKey stores that the user used the key for this booking, or says why not.
func useKey(ctx context.Context, tx pgx.Tx, userID string, key booking.Key, bookingID string, at time.Time) error {
	if key.Value == "" {
		return nil
	}
	var args arguments
	id := args.add(bookingID)
	tag, err := tx.Exec(ctx, useKeyOf(&args, userID, key, id, at, `(VALUES (1)) AS one`), args...)
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
		b, err = whole.one(conn.QueryRow(ctx, `
			SELECT k.fingerprint, b.* FROM idempotency_keys k CROSS JOIN LATERAL (SELECT `+whole.names+` FROM bookings WHERE id = k.booking_id) b
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
		b, err = whole.one(conn.QueryRow(ctx, `SELECT `+whole.names+` FROM bookings WHERE id = $1`, id))
		return err
	})
	return b, err
}

// List implements booking.Store. Ids are UUIDv7: their order is that of
// creation, and none is as great as '~'.
func (s *Store) List(ctx context.Context, q booking.Query) (page []booking.Booking, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		page, err = pageOf(ctx, conn, whole, `user_id = $1 AND id < coalesce(nullif($2, ''), '~') ORDER BY id DESC LIMIT $3`, q.UserID, q.After, q.Limit)
		return err
	})
	return page, err
}

// OfEvent implements booking.Store.
func (s *Store) OfEvent(ctx context.Context, eventID, after string, limit int) (page []booking.Booking, err error) {
	err = s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		page, err = pageOf(ctx, conn, exceptTimeline, `event_id = $1 AND id > $2 AND status IN ('CONFIRMED', 'CANCELLING', 'CANCELLED') ORDER BY id LIMIT $3`, eventID, after, limit)
		return err
	})
	return page, err
}

// Update implements booking.Store.
func (s *Store) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var after booking.Booking
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before, err := forUpdate(ctx, tx, id)
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
		results := tx.SendBatch(ctx, &c.batch)
		done, err := c.read(results)
		if err := errors.Join(err, results.Close()); err != nil {
			return err
		}
		if !done { // its row is locked, and as it was
			return booking.ErrEventCancelled
		}
		return useKey(ctx, tx, after.Effects.KeyUser, after.Effects.Key, id, after.UpdatedAt)
	})
	if err != nil {
		return booking.Booking{}, err
	}
	after.Effects = booking.Effects{}
	return after, nil
}

// forUpdate locks the booking with this id, and returns it. It shares the booking's event
// first, as whoever records its cancellation has the event before the bookings: in another
// order the two could wait for each other.
func forUpdate(ctx context.Context, tx pgx.Tx, id string) (b booking.Booking, err error) {
	var all pgx.Batch
	all.Queue(`SELECT pg_advisory_xact_lock_shared(hashtextextended('cancelled_events ' || event_id, 0)) FROM bookings WHERE id = $1`, id)
	all.Queue(`SELECT `+whole.names+` FROM bookings WHERE id = $1 FOR UPDATE`, id)
	results := tx.SendBatch(ctx, &all)
	defer func() { err = errors.Join(err, results.Close()) }()
	if _, err := results.Exec(); err != nil {
		if postgresdb.IsNoText(err) {
			err = booking.ErrNotFound
		}
		return booking.Booking{}, err
	}
	return whole.one(results.QueryRow())
}

// Save implements booking.Store.
func (s *Store) Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error) {
	after.Version = before.Version
	c, err := changeOf(&before, &after)
	if err != nil {
		return booking.Booking{}, err
	}
	done := false
	if err := s.db.Once(ctx, &c.batch, func(results pgx.BatchResults) (err error) {
		done, err = c.read(results)
		return err
	}); err != nil {
		return booking.Booking{}, err
	}
	if !done {
		return booking.Booking{}, s.notSaved(ctx, &before, c.needsEvent)
	}
	after.Effects = booking.Effects{}
	return after, nil
}

// notSaved says why a Save has stored nothing.
func (s *Store) notSaved(ctx context.Context, before *booking.Booking, needsEvent bool) error {
	if needsEvent {
		now, err := s.Get(ctx, before.ID)
		switch {
		case err != nil && !errors.Is(err, booking.ErrNotFound):
			return err
		case err == nil && now.Lease.Token == before.Lease.Token && now.Version == before.Version:
			return booking.ErrEventCancelled
		}
	}
	return booking.ErrLeaseLost
}

// change is the statement that puts a booking in the place of another, with what
// must be there before it, in one round trip.
type change struct {
	batch      pgx.Batch
	after      *booking.Booking
	needsEvent bool
	awaits     bool // its customer, and begins to
}

// changeOf returns the statement that stores after as the version that follows
// before, with its new steps, and all Effects but the key. It stores nothing where
// the lease or the version is not before's any more, or where after
// becomes Confirmed and its event is cancelled.
func changeOf(before, after *booking.Booking) (*change, error) {
	after.Version++
	after.Address = after.KeptAddress()
	c := &change{
		after: after, needsEvent: booking.NeedsEvent(before, after),
		awaits: after.AwaitsCustomer() && !before.Lease.Until.Equal(after.Lease.Until),
	}
	var sql strings.Builder
	var args arguments
	id := args.add(before.ID)
	where := ` WHERE id = ` + id + ` AND lease_token = ` + args.add(before.Lease.Token) + ` AND version = ` + args.add(before.Version)
	if c.needsEvent || c.awaits { // whether the event is cancelled stays so until the commit
		c.batch.Queue(lockEventShared, after.EventID)
	}
	const cancelled = `EXISTS (SELECT 1 FROM cancelled_events c WHERE c.event_id = bookings.event_id)`
	if c.needsEvent {
		where += ` AND NOT ` + cancelled
	}
	sql.WriteString(`WITH stored AS (UPDATE bookings SET stuck_since = NULL`)
	for _, column := range stored {
		if !column.changed(before, after) {
			continue
		}
		value := args.add(column.value(after))
		if column.name == "lease_until" && c.awaits {
			value = `CASE WHEN ` + cancelled + ` THEN ` + args.add(after.UpdatedAt) + ` ELSE ` + value + `::timestamptz END`
		}
		sql.WriteString(`, ` + column.name + ` = ` + value)
	}
	returned := `id, event_id, version`
	if c.awaits {
		returned += `, lease_until`
	}
	sql.WriteString(where + ` RETURNING ` + returned + `)`)
	log(&sql, &args, after, len(before.Timeline))
	if after.Effects.FreeKey {
		sql.WriteString(`, freed AS (DELETE FROM idempotency_keys USING stored WHERE booking_id = stored.id)`)
	}
	notified := `0`
	if messages := after.Effects.Messages; len(messages) > 0 {
		with, err := outboxpostgres.InsertFor(`stored`, events.TopicBookings, messages[0].Time, messages, args.add)
		if err != nil {
			return nil, err
		}
		sql.WriteString(`, ` + with)
		notified = `(SELECT count(*) FROM notified)`
	}
	sql.WriteString(` SELECT (SELECT count(*) FROM stored), ` + notified)
	if c.awaits {
		sql.WriteString(`, (SELECT lease_until FROM stored)`)
	}
	c.batch.Queue(sql.String(), args...)
	return c, nil
}

// read reports whether the change was stored.
func (c *change) read(results pgx.BatchResults) (done bool, err error) {
	if c.needsEvent || c.awaits {
		if _, err := results.Exec(); err != nil {
			return false, err
		}
	}
	n, fields := 0, []any{nil}
	if c.awaits {
		fields = append(fields, (*postgresdb.NullTime)(&c.after.Lease.Until))
	}
	err = results.QueryRow().Scan(append([]any{&n}, fields...)...)
	return n == 1, err
}

// Prune forgets idempotency keys older than booking.KeyLifetime, addresses that
// were kept for booking.AddressKept, and messages heard longer ago than
// inbox.Retention.
func (s *Store) Prune(ctx context.Context, now time.Time) error {
	err := s.db.Sweep(ctx, `
		DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM idempotency_keys WHERE created_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
		now.Add(-booking.KeyLifetime))
	addresses := s.db.Sweep(ctx, `
		UPDATE bookings SET address = '' WHERE ctid = ANY (ARRAY(
			SELECT ctid FROM bookings WHERE created_at < $1 AND address <> '' AND status = 'CONFIRMED' LIMIT 5000 FOR UPDATE SKIP LOCKED))`,
		now.Add(-booking.AddressKept))
	return errors.Join(err, addresses, inboxpostgres.New(s.db).Prune(ctx, now.Add(-inbox.Retention)))
}
