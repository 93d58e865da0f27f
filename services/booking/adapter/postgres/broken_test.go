//go:build integration

package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// What looks right, passes every test of one caller at a time, and is wrong
// under read committed.
func TestStoreSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	pgtest.Serving(t) // so that the children have a server to share
	broken := func(name, caughtBy string, spoil func(*Store) booking.Store) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestStore(t, func(t *testing.T) bookingtest.StoreUnderTest {
				s, err := Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, Migrate), Timeout: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return bookingtest.StoreUnderTest{
					Store: spoil(s), Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: s, CancelledEvents: s, StuckBookings: s,
					Spoil: func(t *testing.T, id string) {
						if err := s.db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
							_, err := tx.Exec(ctx, `UPDATE bookings SET items = '"none"' WHERE id = $1`, id)
							return err
						}); err != nil {
							t.Fatal(err)
						}
					},
				}
			})
		}, caughtBy)
	}
	broken("forgets_for_update", "32_racing_updates_lose_nothing", func(s *Store) booking.Store { return forgetsForUpdate{s} })
	broken("claims_without_a_lock", "32_racing_claimers_never_get_the_same_booking", func(s *Store) booking.Store { return claimsWithoutLock{s} })
	broken("looks_for_the_key_before_it_inserts", "of_32_racing_creations_with_one_key_one_succeeds",
		func(s *Store) booking.Store { return looksForKey{s} })
	broken("counts_without_a_lock", "of_racing_creations_of_a_user_each_finds_those_before_it_in_the_account",
		func(s *Store) booking.Store { return countsWithoutLock{s} })
	broken("locks_the_user_alone", "of_racing_creations_from_an_address_each_finds_those_before_it_in_the_account",
		func(s *Store) booking.Store { return locksUserAlone{s} })
	broken("takes_a_key_in_use_for_an_error_of_its_own", "of_32_racing_creations_with_one_key_one_succeeds",
		func(s *Store) booking.Store { return violatesKey{s} })
}

// linger makes a race sure: others come in between.
func linger(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_sleep(0.1)`)
	return err
}

type forgetsForUpdate struct{ *Store }

func (s forgetsForUpdate) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var b booking.Booking
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if b, err = whole.one(tx.QueryRow(ctx, `SELECT `+whole.names+` FROM bookings WHERE id = $1`, id)); err != nil {
			return err
		}
		if b.Lease.Token != lease {
			return booking.ErrLeaseLost
		}
		if err := errors.Join(change(&b), linger(ctx, tx)); err != nil {
			return err
		}
		b.Version++
		_, err = tx.Exec(ctx, `UPDATE bookings SET timeline = $2, version = $3, tries = $4 WHERE id = $1`, id, b.Timeline, b.Version, b.Tries)
		return err
	})
	return b, err
}

// claimsWithoutLock: whoever waits for another's UPDATE then makes his own, of
// the rows that he chose before.
type claimsWithoutLock struct{ *Store }

func (s claimsWithoutLock) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) (claimed []booking.Booking, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			UPDATE bookings SET lease_token = $2, lease_until = $3, tries = tries + 1
			WHERE id = ANY (ARRAY(
				SELECT id FROM bookings WHERE status IN ('PENDING', 'CANCELLING') AND lease_until <= $1
				ORDER BY lease_until, id LIMIT $4))
			RETURNING `+whole.names, now, lease.Token, lease.Until, limit)
		if err != nil {
			return err
		}
		if claimed, err = whole.all(rows); err != nil {
			return err
		}
		return linger(ctx, tx)
	})
	return claimed, err
}

// looksForKey: of those who do not see the key, one inserts it and the others
// do nothing about that.
type looksForKey struct{ *Store }

func (s looksForKey) Create(ctx context.Context, b booking.Booking, key booking.Key, _ func(booking.Account) error) error {
	return s.create(ctx, b, key, `ON CONFLICT DO NOTHING`)
}

// violatesKey: of those who do not see the key, one inserts it and the others
// fail.
type violatesKey struct{ *Store }

func (s violatesKey) Create(ctx context.Context, b booking.Booking, key booking.Key, _ func(booking.Account) error) error {
	return Store{s.db}.create(ctx, b, key, ``)
}

// countsWithoutLock: others, who have counted the same, store theirs, too.
type countsWithoutLock struct{ *Store }

func (s countsWithoutLock) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if admit != nil {
		if err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			a, err := scanAccount(tx.QueryRow(ctx, account, accountOf(&b)...))
			return errors.Join(err, admit(a), linger(ctx, tx))
		}); err != nil {
			return err
		}
	}
	return s.Store.Create(ctx, b, key, nil)
}

// locksUserAlone: other users, who have counted the same, store theirs, too.
type locksUserAlone struct{ *Store }

func (s locksUserAlone) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if b.Address == "" {
		return s.Store.Create(ctx, b, key, admit)
	}
	return countsWithoutLock(s).Create(ctx, b, key, admit)
}

func (s Store) create(ctx context.Context, b booking.Booking, key booking.Key, onConflict string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var there bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM idempotency_keys WHERE user_id = $1 AND key = $2)`,
			b.UserID, key.Value).Scan(&there); err != nil {
			return err
		}
		if there {
			return booking.ErrKeyTaken
		}
		if err := linger(ctx, tx); err != nil {
			return err
		}
		_, keyErr := tx.Exec(ctx, `INSERT INTO idempotency_keys VALUES ($1, $2, $3, $4, $5) `+onConflict,
			b.UserID, key.Value, key.Fingerprint, b.ID, b.CreatedAt)
		_, err := tx.Exec(ctx, `INSERT INTO bookings (`+whole.names+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)`, values(&b)...)
		return errors.Join(keyErr, err)
	})
}
