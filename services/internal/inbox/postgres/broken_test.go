//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// broken is a good inbox but for the functions that are set.
type broken struct {
	*postgres.Store
	db *postgresdb.DB

	record func(ctx context.Context, tx pgx.Tx, id string, at time.Time) (bool, error)
	put    func(ctx context.Context, tx pgx.Tx, id string) error
	mark   func(ctx context.Context, tx pgx.Tx, id, by string, at time.Time) error
	known  func(ctx context.Context, tx pgx.Tx, ids []string) ([]string, error)
}

func (b *broken) Record(ctx context.Context, id string, at time.Time) (fresh bool, err error) {
	if b.record == nil {
		return record(ctx, b.db, id, at)
	}
	err = b.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		fresh, err = b.record(ctx, tx, id, at)
		return err
	})
	return fresh, err
}

func (b *broken) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	if b.put != nil {
		if err := b.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error { return b.put(ctx, tx, d.ID) }); err != nil {
			return err
		}
	}
	return b.Store.PutDeadLetter(ctx, d)
}

func (b *broken) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	if b.mark == nil {
		return b.Store.MarkReplayed(ctx, id, by, at)
	}
	return b.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error { return b.mark(ctx, tx, id, by, at) })
}

func (b *broken) Known(ctx context.Context, ids []string) (known []string, err error) {
	if b.known == nil {
		return b.Store.Known(ctx, ids)
	}
	err = b.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		known, err = b.known(ctx, tx, ids)
		return err
	})
	return known, err
}

// linger makes a race sure: others come in between.
func linger(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_sleep(0.1)`)
	return err
}

func exists(ctx context.Context, tx pgx.Tx, sql string, args ...any) (there bool, err error) {
	err = tx.QueryRow(ctx, `SELECT EXISTS (`+sql+`)`, args...).Scan(&there)
	return there, err
}

// What looks right, passes every test of one caller at a time, and is wrong
// under read committed; and what PostgreSQL refuses.
func TestInboxSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	pgtest.Serving(t) // so that the children have a server to share
	mustFail := func(name string, b broken, caughtBy string) {
		t.Helper()
		suitetest.MustFail(t, name, func(t *testing.T) {
			inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
				b := b
				b.db = open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
				b.Store = postgres.New(b.db)
				return inboxtest.Fixture{Store: &b, Record: b.Record, Spoil: func(ctx context.Context, id string) error { return spoil(ctx, b.db, id) }}
			})
		}, caughtBy)
	}

	mustFail("looks_before_it_records", broken{record: func(ctx context.Context, tx pgx.Tx, id string, at time.Time) (bool, error) {
		known, err := exists(ctx, tx, `SELECT FROM inbox WHERE message_id = $1`, id)
		if err != nil || known {
			return false, err
		}
		if err := linger(ctx, tx); err != nil {
			return false, err
		}
		_, err = postgres.Record(ctx, tx, id, at)
		return true, err
	}}, "racing_records_are_fresh_once")

	mustFail("looks_before_it_puts", broken{put: func(ctx context.Context, tx pgx.Tx, id string) error {
		there, err := exists(ctx, tx, `SELECT FROM dead_letters WHERE id = $1`, id)
		if err != nil || there {
			return err
		}
		if err := linger(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO dead_letters (id, topic, attributes, data, reason, failed_at) VALUES ($1, '', '{}', '', '', now())`, id)
		return err
	}}, "racing_dead_letters_are_one")

	mustFail("looks_before_it_marks", broken{mark: func(ctx context.Context, tx pgx.Tx, id, by string, at time.Time) error {
		var replayed bool
		err := tx.QueryRow(ctx, `SELECT replayed_at IS NOT NULL FROM dead_letters WHERE id = $1`, id).Scan(&replayed)
		if errors.Is(err, pgx.ErrNoRows) || postgresdb.IsNoText(err) {
			return inbox.ErrDeadLetterNotFound
		}
		if err != nil || replayed {
			return err
		}
		if err := linger(ctx, tx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE dead_letters SET replayed_by = $2, replayed_at = $3 WHERE id = $1`, id, by, at)
		return err
	}}, "racing_replays_leave_one_record")

	mustFail("fails_for_ids_that_are_no_text", broken{known: func(ctx context.Context, tx pgx.Tx, ids []string) ([]string, error) {
		rows, err := tx.Query(ctx, `SELECT message_id FROM inbox WHERE message_id = ANY($1)
			UNION SELECT id FROM dead_letters WHERE id = ANY($1)`, ids)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowTo[string])
	}}, "known_returns_those_whose_effect_is_stored")
}
