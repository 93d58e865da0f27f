package outboxtest_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/outboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// broken is a good store but for the functions that are set.
type broken struct {
	outbox.Store
	db *sqlitedb.DB

	claim     func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error)
	published func(b *broken, ctx context.Context, ids []string, at, next time.Time) error
	postpone  func(b *broken, ctx context.Context, ids []string, next time.Time) error
	forward   func(b *broken, ctx context.Context, latest time.Time) error
	close     func(b *broken, ctx context.Context, ids []string, at time.Time) error
	open      func(b *broken, ctx context.Context) (int, time.Time, error)
	prune     func(b *broken, ctx context.Context, t time.Time) error
	insert    func(b *broken, ctx context.Context, topic string, m events.Message, due time.Time) error
}

func (b *broken) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	if b.claim != nil {
		return b.claim(b, ctx, now, until, limit)
	}
	return b.Store.Claim(ctx, now, until, limit)
}

func (b *broken) Published(ctx context.Context, ids []string, at, next time.Time) error {
	if b.published != nil {
		return b.published(b, ctx, ids, at, next)
	}
	return b.Store.Published(ctx, ids, at, next)
}

func (b *broken) Postpone(ctx context.Context, ids []string, next time.Time) error {
	if b.postpone != nil {
		return b.postpone(b, ctx, ids, next)
	}
	return b.Store.Postpone(ctx, ids, next)
}

func (b *broken) BringForward(ctx context.Context, latest time.Time) error {
	if b.forward != nil {
		return b.forward(b, ctx, latest)
	}
	return b.Store.BringForward(ctx, latest)
}

func (b *broken) Close(ctx context.Context, ids []string, at time.Time) error {
	if b.close != nil {
		return b.close(b, ctx, ids, at)
	}
	return b.Store.Close(ctx, ids, at)
}

func (b *broken) Open(ctx context.Context) (int, time.Time, error) {
	if b.open != nil {
		return b.open(b, ctx)
	}
	return b.Store.Open(ctx)
}

func (b *broken) Prune(ctx context.Context, t time.Time) error {
	if b.prune != nil {
		return b.prune(b, ctx, t)
	}
	return b.Store.Prune(ctx, t)
}

func (b *broken) Insert(ctx context.Context, topic string, m events.Message, due time.Time) error {
	if b.insert != nil {
		return b.insert(b, ctx, topic, m, due)
	}
	return b.db.Write(ctx, func(tx *sql.Tx) error { return sqlite.Insert(ctx, tx, topic, m, due) })
}

func (b *broken) exec(ctx context.Context, query string, args ...any) error {
	return b.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// others makes races sure. Each broken adapter has it to itself, in its process.
var others suitetest.Meeting

func mustFail(t *testing.T, name string, b broken, caughtBy string) {
	t.Helper()
	suitetest.MustFail(t, name, func(t *testing.T) {
		outboxtest.TestStore(t, func(t *testing.T) outboxtest.Fixture {
			db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"),
				fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			b := b
			b.Store, b.db = sqlite.New(db), db
			return outboxtest.Fixture{Store: &b, Insert: b.Insert, Spoil: func(ctx context.Context, id string) error {
				return b.exec(ctx, `UPDATE outbox SET attributes = ? WHERE id = ?`, outboxtest.Spoilt, id)
			}}
		})
	}, caughtBy)
}

func TestBrokenOutboxesAreCaught(t *testing.T) {
	t.Parallel()
	// What another claims between the reading and the marking is given twice.
	racy := func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
		rows, err := b.db.Read.QueryContext(ctx, `SELECT id, topic, due FROM outbox
			WHERE closed_at IS NULL AND due <= ? ORDER BY due, id LIMIT ?`, sqlitedb.Time(now), limit)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		entries := []outbox.Entry{}
		for rows.Next() {
			var e outbox.Entry
			var due int64
			if err := rows.Scan(&e.Message.ID, &e.Topic, &due); err != nil {
				return nil, err
			}
			entries = append(entries, e)
		}
		others.Wait()
		for _, e := range entries {
			if err := b.Store.Postpone(ctx, []string{e.Message.ID}, until); err != nil {
				return nil, err
			}
		}
		return entries, rows.Err()
	}
	mustFail(t, "gives_one_entry_to_two_callers", broken{claim: racy}, "two_callers_never_get_the_same_entry")

	mustFail(t, "does_not_hide_what_is_claimed", broken{claim: func(b *broken, ctx context.Context, now, _ time.Time, limit int) ([]outbox.Entry, error) {
		return b.Store.Claim(ctx, now, now, limit)
	}}, "claim_hides_until")

	mustFail(t, "claims_what_is_not_due", broken{claim: func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
		return b.Store.Claim(ctx, now.Add(time.Hour), until, limit)
	}}, "claim_returns_what_is_due_as_it_stood")

	mustFail(t, "claims_before_it_is_due", broken{claim: func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
		return b.Store.Claim(ctx, now.Add(-time.Microsecond), until, limit)
	}}, "claim_returns_what_is_due_as_it_stood")

	mustFail(t, "claims_the_youngest_first", broken{claim: func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
		entries, err := b.Store.Claim(ctx, now, until, limit)
		slices.Reverse(entries)
		return entries, err
	}}, "claim_returns_the_oldest_first_up_to_limit")

	mustFail(t, "ignores_the_limit", broken{claim: func(b *broken, ctx context.Context, now, until time.Time, _ int) ([]outbox.Entry, error) {
		return b.Store.Claim(ctx, now, until, 1000)
	}}, "claim_returns_the_oldest_first_up_to_limit")

	mustFail(t, "stops_at_an_unreadable_entry", broken{claim: func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
		entries, err := b.Store.Claim(ctx, now, until, limit)
		for _, e := range entries {
			if e.Unreadable != nil {
				return nil, e.Unreadable
			}
		}
		return entries, err
	}}, "an_unreadable_entry_keeps_no_other")

	mustFail(t, "claims_nil", broken{claim: func(b *broken, ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
		entries, err := b.Store.Claim(ctx, now, until, limit)
		return append([]outbox.Entry(nil), entries...), err
	}}, "claim_of_nothing_is_the_empty_slice")

	mustFail(t, "drops_an_entry", broken{insert: func(*broken, context.Context, string, events.Message, time.Time) error { return nil }},
		"claim_returns_what_is_due_as_it_stood")

	mustFail(t, "formats_the_data", broken{insert: func(b *broken, ctx context.Context, topic string, m events.Message, due time.Time) error {
		data, err := m.Data.MarshalJSON()
		m.Data = []byte(string(data) + " ")
		if err != nil {
			return err
		}
		return b.db.Write(ctx, func(tx *sql.Tx) error { return sqlite.Insert(ctx, tx, topic, m, due) })
	}}, "claim_returns_what_is_due_as_it_stood")

	mustFail(t, "cuts_off_fractions", broken{published: func(b *broken, ctx context.Context, ids []string, at, next time.Time) error {
		return b.Store.Published(ctx, ids, at.Truncate(time.Millisecond), next)
	}}, "published_counts_an_attempt_and_sets_the_times")

	mustFail(t, "counts_no_attempts", broken{published: func(b *broken, ctx context.Context, ids []string, _, next time.Time) error {
		return b.Store.Postpone(ctx, ids, next)
	}}, "published_counts_an_attempt_and_sets_the_times")

	mustFail(t, "loses_an_attempt_in_a_race", broken{published: func(b *broken, ctx context.Context, ids []string, at, next time.Time) error {
		for _, id := range ids {
			var n int
			err := b.db.Read.QueryRowContext(ctx, `SELECT attempts FROM outbox WHERE id = ?`, id).Scan(&n)
			if err != nil {
				continue
			}
			others.Wait()
			if err := b.exec(ctx, `UPDATE outbox SET attempts = ?, published_at = ?, due = ? WHERE id = ?`,
				n+1, sqlitedb.Time(at), sqlitedb.Time(next), id); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}, "racing_marks_lose_nothing")

	mustFail(t, "takes_a_postponement_for_an_attempt", broken{postpone: func(b *broken, ctx context.Context, ids []string, next time.Time) error {
		return b.Store.Published(ctx, ids, next, next)
	}}, "postpone_sets_due_and_nothing_else")

	mustFail(t, "postpones_all", broken{postpone: func(b *broken, ctx context.Context, _ []string, next time.Time) error {
		return b.exec(ctx, `UPDATE outbox SET due = ?`, sqlitedb.Time(next))
	}}, "postpone_sets_due_and_nothing_else")

	mustFail(t, "leaves_what_is_due_too_late", broken{forward: func(_ *broken, ctx context.Context, _ time.Time) error { return ctx.Err() }},
		"bring_forward_changes_what_is_due_too_late")

	mustFail(t, "puts_off_what_is_due_in_time", broken{forward: func(b *broken, ctx context.Context, latest time.Time) error {
		return b.exec(ctx, `UPDATE outbox SET due = ? WHERE closed_at IS NULL`, sqlitedb.Time(latest))
	}}, "bring_forward_changes_what_is_due_too_late")

	mustFail(t, "reopens_what_was_due_too_late", broken{forward: func(b *broken, ctx context.Context, latest time.Time) error {
		return b.exec(ctx, `UPDATE outbox SET due = ?1, closed_at = NULL WHERE due > ?1`, sqlitedb.Time(latest))
	}}, "bring_forward_changes_what_is_due_too_late")

	mustFail(t, "forgets_close", broken{close: func(*broken, context.Context, []string, time.Time) error { return nil }},
		"close_ends_an_entry")

	mustFail(t, "closes_all", broken{close: func(b *broken, ctx context.Context, _ []string, at time.Time) error {
		return b.exec(ctx, `UPDATE outbox SET closed_at = ?`, sqlitedb.Time(at))
	}}, "close_ends_an_entry")

	mustFail(t, "stops_at_an_unknown_id", broken{close: func(b *broken, ctx context.Context, ids []string, at time.Time) error {
		for _, id := range ids {
			var there bool
			if err := b.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM outbox WHERE id = ?)`, id).Scan(&there); err != nil || !there {
				return err
			}
			if err := b.Store.Close(ctx, []string{id}, at); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}, "marks_ignore_unknown_and_closed_ids")

	mustFail(t, "opens_what_was_closed", broken{published: func(b *broken, ctx context.Context, ids []string, at, next time.Time) error {
		for _, id := range ids {
			if err := b.exec(ctx, `UPDATE outbox SET closed_at = NULL WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return b.Store.Published(ctx, ids, at, next)
	}}, "marks_ignore_unknown_and_closed_ids")

	mustFail(t, "closes_anew", broken{close: func(b *broken, ctx context.Context, ids []string, at time.Time) error {
		for _, id := range ids {
			if err := b.exec(ctx, `UPDATE outbox SET closed_at = ? WHERE id = ?`, sqlitedb.Time(at), id); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}, "prune_forgets_what_was_closed_before")

	mustFail(t, "takes_the_time_due_for_the_message's", broken{open: func(b *broken, ctx context.Context) (int, time.Time, error) {
		n, _, err := b.Store.Open(ctx)
		var due sql.NullInt64
		if err == nil {
			err = b.db.Read.QueryRowContext(ctx, `SELECT min(due) FROM outbox WHERE closed_at IS NULL`).Scan(&due)
		}
		return n, sqlitedb.FromNullTime(due), err
	}}, "open_tells_how_many_and_the_oldest")

	mustFail(t, "never_prunes", broken{prune: func(_ *broken, ctx context.Context, _ time.Time) error { return ctx.Err() }},
		"prune_forgets_what_was_closed_before")

	mustFail(t, "prunes_what_is_open", broken{prune: func(b *broken, ctx context.Context, _ time.Time) error {
		return b.exec(ctx, `DELETE FROM outbox WHERE closed_at IS NULL`)
	}}, "prune_forgets_what_was_closed_before")

	mustFail(t, "ignores_the_context", broken{close: func(b *broken, ctx context.Context, ids []string, at time.Time) error {
		return b.Store.Close(context.WithoutCancel(ctx), ids, at)
	}}, "an_ended_context_changes_nothing")
}
