//go:build integration

package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// mustCatch runs suite on a port that looks right, passes every test of one
// caller at a time, and is wrong under read committed.
func mustCatch[P any](t *testing.T, name string, suite func(*testing.T, func(*testing.T) P), spoil func(*Store) P, caughtBy string) {
	t.Helper()
	suitetest.MustFail(t, name, func(t *testing.T) {
		suite(t, func(t *testing.T) P {
			s, err := Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, Migrate), Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return spoil(s)
		})
	}, caughtBy)
}

func TestSuitesCatchBrokenAdapters(t *testing.T) {
	t.Parallel()
	pgtest.Serving(t) // so that the children have a server to share
	mustCatch(t, "forgets_for_update", usertest.TestUsers,
		func(s *Store) user.Users { return forgetsForUpdate{s.Users} }, "of_many_updates_none_is_lost")
	mustCatch(t, "looks_for_the_address_before_it_inserts", usertest.TestUsers,
		func(s *Store) user.Users { return looksForAddress{s.Users} }, "of_many_with_one_address_exactly_one_is_stored")
	mustCatch(t, "locks_the_session_alone", usertest.TestSessions,
		func(s *Store) usertest.SessionsUnderTest {
			return usertest.SessionsUnderTest{Sessions: locksSessionAlone{s.Sessions}, Users: s.Users}
		}, "of_many_repeats_at_once_all_succeed")
	mustCatch(t, "looks_for_the_successor_before_it_has_the_locks", usertest.TestSessions,
		func(s *Store) usertest.SessionsUnderTest {
			return usertest.SessionsUnderTest{Sessions: looksForSuccessor{s.Sessions}, Users: s.Users}
		}, "of_many_repeats_at_once_all_succeed")
	mustCatch(t, "looks_for_a_key_before_it_inserts", usertest.TestKeys,
		func(s *Store) user.Keys { return looksForKey{s.Keys} }, "of_many_exactly_one_is_stored_and_all_are_told_of_it")
}

// linger makes a race sure: others come in between.
func linger(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_sleep(0.1)`)
	return err
}

type forgetsForUpdate struct{ *Users }

func (s forgetsForUpdate) Update(ctx context.Context, id string, change func(*user.User) error) (u user.User, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if u, err = scanUser(tx.QueryRow(ctx, selectUser+`WHERE id = $1`, id)); err != nil {
			return err
		}
		if err := errors.Join(change(&u), linger(ctx, tx)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE users SET password_version = $2 WHERE id = $1`, id, u.PasswordVersion)
		return err
	})
	return u, err
}

// looksForAddress does not know the error of those who come second.
type looksForAddress struct{ *Users }

func (s looksForAddress) Create(ctx context.Context, u user.User) error {
	switch _, err := s.ByEmail(ctx, u.Email); {
	case err == nil:
		return user.ErrEmailTaken
	case !errors.Is(err, user.ErrNotFound):
		return err
	}
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := linger(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO users VALUES ($1, $2, $3, '', '', '', '', 1, $4, $4, 1)`, u.ID, u.Email, user.EmailKey(u.Email), u.CreatedAt)
		return err
	})
}

// locksSessionAlone: whoever has waited for the session sees the token as it
// was when he began to.
type locksSessionAlone struct{ *Sessions }

func (s locksSessionAlone) Rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id string
		var used bool
		if err := tx.QueryRow(ctx, `
			SELECT s.id, t.used_at IS NOT NULL FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
			WHERE t.hash = $1 FOR UPDATE OF s`, old[:]).Scan(&id, &used); err != nil || used {
			return err
		}
		if err := linger(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1`, old[:], now); err != nil {
			return err
		}
		return insertToken(ctx, tx, id, next)
	})
}

// looksForSuccessor looks with the statement that waits for the locks, and sees
// what there was when it began.
type looksForSuccessor struct{ *Sessions }

func (s looksForSuccessor) Rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id string
		var used, repeatable bool
		if err := tx.QueryRow(ctx, `
			SELECT s.id, t.used_at IS NOT NULL, EXISTS (SELECT FROM refresh_tokens WHERE hash = $2)
			FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
			WHERE t.hash = $1 FOR UPDATE OF t, s`, old[:], next.Hash[:]).Scan(&id, &used, &repeatable); err != nil || repeatable {
			return err
		}
		if used {
			return user.ErrTokenReused
		}
		if err := linger(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1`, old[:], now); err != nil {
			return err
		}
		return insertToken(ctx, tx, id, next)
	})
}

type looksForKey struct{ *Keys }

func (s looksForKey) Add(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (stored user.SigningKey, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		stored, err = scanKey(tx.QueryRow(ctx, `
			SELECT id, private, signs_from, created_at FROM signing_keys
			WHERE signs_from > $1 ORDER BY signs_from DESC LIMIT 1 FOR UPDATE`, unlessAfter))
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		stored = key
		if err := linger(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO signing_keys (id, private, signs_from, created_at) VALUES ($1, $2, $3, $4)`,
			key.ID, []byte(key.Private), key.SignsFrom, key.CreatedAt)
		return err
	})
	return stored, err
}
