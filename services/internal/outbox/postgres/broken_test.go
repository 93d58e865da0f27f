//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/outboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// What looks right, passes every test of one caller at a time, and is wrong
// under read committed.
func TestOutboxSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	pgtest.Serving(t) // so that the children have a server to share
	broken := func(name, caughtBy string, spoil func(*postgres.Store, *postgresdb.DB) outbox.Store) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			outboxtest.TestStore(t, func(t *testing.T) outboxtest.Fixture {
				db := open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
				f := fixtureOf(db)
				f.Store = spoil(postgres.New(db), db)
				return f
			})
		}, caughtBy)
	}
	broken("claims_without_a_lock", "two_callers_never_get_the_same_entry",
		func(s *postgres.Store, db *postgresdb.DB) outbox.Store { return claimsWithoutLock{s, db} })
	broken("counts_attempts_in_the_process", "racing_marks_lose_nothing",
		func(s *postgres.Store, db *postgresdb.DB) outbox.Store { return countsInProcess{s, db} })
}

// linger makes a race sure: others come in between.
func linger(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_sleep(0.1)`)
	return err
}

// claimsWithoutLock: whoever waits for another's UPDATE then makes his own, of
// the rows that he chose before.
type claimsWithoutLock struct {
	*postgres.Store
	db *postgresdb.DB
}

func (s claimsWithoutLock) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	entries := []outbox.Entry{}
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			WITH mine AS MATERIALIZED (SELECT id, due FROM outbox WHERE closed_at IS NULL AND due <= $1 ORDER BY due LIMIT $3)
			UPDATE outbox o SET due = $2 FROM mine WHERE o.id = mine.id
			RETURNING topic, attributes, mine.due`, now, until, limit)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e outbox.Entry, err error) {
			var attributes string
			if err := row.Scan(&e.Topic, &attributes, &e.Due); err != nil {
				return e, err
			}
			e.Message, err = messagerow.Join(attributes, nil)
			return e, err
		})
		if err != nil {
			return err
		}
		return linger(ctx, tx)
	})
	return entries, err
}

// countsInProcess reads, adds one, and writes, in one transaction and without
// a lock.
type countsInProcess struct {
	*postgres.Store
	db *postgresdb.DB
}

func (s countsInProcess) Published(ctx context.Context, ids []string, at, next time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for i, id := range ids {
			var n int
			err := tx.QueryRow(ctx, `SELECT attempts FROM outbox WHERE id = $1 AND closed_at IS NULL`, id).Scan(&n)
			if err != nil {
				return err
			}
			if i == 0 { // before it holds a lock
				if err := linger(ctx, tx); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, `UPDATE outbox SET attempts = $2, published_at = $3, due = $4 WHERE id = $1`, id, n+1, at, next); err != nil {
				return err
			}
		}
		return nil
	})
}
