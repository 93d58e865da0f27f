package outboxtest_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
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

// archive is a good one but for the functions that are set.
type archive struct {
	*sqlite.Store
	db *sqlitedb.DB

	closed func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error)
	reopen func(a *archive, ctx context.Context, ids []string, now time.Time) error
}

func (a *archive) Closed(ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
	if a.closed != nil {
		return a.closed(a, ctx, since, after, limit)
	}
	return a.Store.Closed(ctx, since, after, limit)
}

func (a *archive) Reopen(ctx context.Context, ids []string, now time.Time) error {
	if a.reopen != nil {
		return a.reopen(a, ctx, ids, now)
	}
	return a.Store.Reopen(ctx, ids, now)
}

func (a *archive) exec(ctx context.Context, query string, args ...any) error {
	return a.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func archiveMustFail(t *testing.T, name string, a archive, caughtBy string) {
	t.Helper()
	suitetest.MustFail(t, name, func(t *testing.T) {
		outboxtest.TestArchive(t, func(t *testing.T) outboxtest.ArchiveFixture {
			db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"),
				fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			a := a
			a.Store, a.db = sqlite.New(db), db
			return outboxtest.ArchiveFixture{Archive: &a, Fixture: outboxtest.Fixture{
				Store: a.Store,
				Insert: func(ctx context.Context, topic string, m events.Message, due time.Time) error {
					return db.Write(ctx, func(tx *sql.Tx) error { return sqlite.Insert(ctx, tx, topic, m, due) })
				},
			}}
		})
	}, caughtBy)
}

const everything = 1000

func TestBrokenArchivesAreCaught(t *testing.T) {
	t.Parallel()
	archiveMustFail(t, "returns_what_is_open", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		open, err := a.Claim(ctx, since.AddDate(1, 0, 0), since.AddDate(1, 0, 0), limit)
		if err != nil {
			return nil, err
		}
		closed, err := a.Store.Closed(ctx, since, after, limit)
		return append(closed, open...), err
	}}, "closed_returns_what_is_closed_as_it_stands")

	archiveMustFail(t, "forgets_how_it_stood", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		entries, err := a.Store.Closed(ctx, since, after, limit)
		for i := range entries {
			entries[i].Attempts, entries[i].PublishedAt = 0, time.Time{}
		}
		return entries, err
	}}, "closed_returns_what_is_closed_as_it_stands")

	archiveMustFail(t, "begins_after_since", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		return a.Store.Closed(ctx, since.Add(time.Microsecond), after, limit)
	}}, "closed_begins_at_since")

	archiveMustFail(t, "begins_before_since", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		return a.Store.Closed(ctx, since.Add(-time.Microsecond), after, limit)
	}}, "closed_begins_at_since")

	archiveMustFail(t, "goes_by_the_time", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		entries, err := a.Store.Closed(ctx, since, after, limit)
		slices.SortStableFunc(entries, func(x, y outbox.Entry) int { return x.Message.Time.Compare(y.Message.Time) })
		return entries, err
	}}, "closed_goes_by_the_ids")

	archiveMustFail(t, "ignores_the_limit", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, _ int) ([]outbox.Entry, error) {
		return a.Store.Closed(ctx, since, after, everything)
	}}, "closed_goes_by_the_ids")

	archiveMustFail(t, "begins_with_the_last_id", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		entries, err := a.Store.Closed(ctx, since, "", everything)
		entries = slices.DeleteFunc(entries, func(e outbox.Entry) bool { return strings.Compare(e.Message.ID, after) < 0 })
		return entries[:min(limit, len(entries))], err
	}}, "paging_neither_repeats_nor_skips")

	archiveMustFail(t, "answers_nil", archive{closed: func(a *archive, ctx context.Context, since time.Time, after string, limit int) ([]outbox.Entry, error) {
		entries, err := a.Store.Closed(ctx, since, after, limit)
		return append([]outbox.Entry(nil), entries...), err
	}}, "closed_of_nothing_is_the_empty_slice")

	archiveMustFail(t, "reopens_nothing", archive{reopen: func(_ *archive, ctx context.Context, _ []string, _ time.Time) error { return ctx.Err() }},
		"reopen_makes_an_entry_due")

	archiveMustFail(t, "leaves_it_due_when_it_was", archive{reopen: func(a *archive, ctx context.Context, ids []string, _ time.Time) error {
		for _, id := range ids {
			if err := a.exec(ctx, `UPDATE outbox SET closed_at = NULL WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}, "reopen_makes_an_entry_due")

	archiveMustFail(t, "forgets_the_attempts", archive{reopen: func(a *archive, ctx context.Context, ids []string, now time.Time) error {
		for _, id := range ids {
			if err := a.exec(ctx, `UPDATE outbox SET attempts = 0, published_at = NULL WHERE id = ? AND closed_at IS NOT NULL`, id); err != nil {
				return err
			}
		}
		return a.Store.Reopen(ctx, ids, now)
	}}, "reopen_makes_an_entry_due")

	archiveMustFail(t, "reopens_all", archive{reopen: func(a *archive, ctx context.Context, _ []string, now time.Time) error {
		return a.exec(ctx, `UPDATE outbox SET closed_at = NULL, due = ? WHERE closed_at IS NOT NULL`, sqlitedb.Time(now))
	}}, "reopen_makes_an_entry_due")

	archiveMustFail(t, "makes_what_is_open_due", archive{reopen: func(a *archive, ctx context.Context, ids []string, now time.Time) error {
		for _, id := range ids {
			if err := a.exec(ctx, `UPDATE outbox SET closed_at = NULL, due = ? WHERE id = ?`, sqlitedb.Time(now), id); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}, "reopen_ignores_unknown_and_open_ids")

	archiveMustFail(t, "adds_a_copy", archive{reopen: func(a *archive, ctx context.Context, ids []string, now time.Time) error {
		for _, id := range ids {
			if err := a.exec(ctx, `INSERT INTO outbox (id, topic, attributes, data, time, due)
				SELECT id || '-again', topic, attributes, data, time, ? FROM outbox WHERE id = ? AND closed_at IS NOT NULL`, sqlitedb.Time(now), id); err != nil {
				return err
			}
		}
		return ctx.Err()
	}}, "what_is_reopened_is_an_entry_like_any_other")

	archiveMustFail(t, "ignores_the_context", archive{reopen: func(a *archive, ctx context.Context, ids []string, now time.Time) error {
		return a.Store.Reopen(context.WithoutCancel(ctx), ids, now)
	}}, "an_ended_context_changes_nothing")
}
