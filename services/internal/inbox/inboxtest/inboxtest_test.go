package inboxtest_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// broken is a good store but for the functions that are set.
type broken struct {
	inbox.Store
	db *sqlitedb.DB

	known   func(b *broken, ctx context.Context, ids []string) ([]string, error)
	ignore  func(b *broken, ctx context.Context, id string, at time.Time) error
	put     func(b *broken, ctx context.Context, d inbox.DeadLetter) error
	letters func(b *broken, ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error)
	letter  func(b *broken, ctx context.Context, id string) (inbox.DeadLetter, error)
	mark    func(b *broken, ctx context.Context, id, by string, at time.Time) error
	record  func(b *broken, ctx context.Context, id string, at time.Time) (bool, error)
}

func (b *broken) Known(ctx context.Context, ids []string) ([]string, error) {
	if b.known != nil {
		return b.known(b, ctx, ids)
	}
	return b.Store.Known(ctx, ids)
}

func (b *broken) Ignore(ctx context.Context, id string, at time.Time) error {
	if b.ignore != nil {
		return b.ignore(b, ctx, id, at)
	}
	return b.Store.Ignore(ctx, id, at)
}

func (b *broken) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	if b.put != nil {
		return b.put(b, ctx, d)
	}
	return b.Store.PutDeadLetter(ctx, d)
}

func (b *broken) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	if b.letters != nil {
		return b.letters(b, ctx, after, limit)
	}
	return b.Store.DeadLetters(ctx, after, limit)
}

func (b *broken) DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error) {
	if b.letter != nil {
		return b.letter(b, ctx, id)
	}
	return b.Store.DeadLetter(ctx, id)
}

func (b *broken) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	if b.mark != nil {
		return b.mark(b, ctx, id, by, at)
	}
	return b.Store.MarkReplayed(ctx, id, by, at)
}

func (b *broken) Record(ctx context.Context, id string, at time.Time) (fresh bool, err error) {
	if b.record != nil {
		return b.record(b, ctx, id, at)
	}
	err = b.db.Write(ctx, func(tx *sql.Tx) error {
		fresh, err = sqlite.Record(ctx, tx, id, at)
		return err
	})
	return fresh, err
}

func (b *broken) exec(ctx context.Context, query string, args ...any) error {
	return b.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

func mustFail(t *testing.T, name string, b broken, caughtBy string) {
	t.Helper()
	suitetest.MustFail(t, name, func(t *testing.T) {
		inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
			db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "inbox.db"),
				fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			b := b
			b.Store, b.db = sqlite.New(db), db
			return inboxtest.Fixture{Store: &b, Record: b.Record, Spoil: func(ctx context.Context, id string) error {
				return b.exec(ctx, `UPDATE dead_letters SET attributes = ? WHERE id = ?`, inboxtest.Spoilt, id)
			}}
		})
	}, caughtBy)
}

func TestBrokenInboxesAreCaught(t *testing.T) {
	t.Parallel()
	mustFail(t, "forgets_that_it_had_it", broken{record: func(b *broken, ctx context.Context, id string, at time.Time) (bool, error) {
		return true, b.exec(ctx, `INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING`, id, sqlitedb.Time(at))
	}}, "record_is_fresh_once")

	mustFail(t, "looks_before_it_leaps", broken{record: func(b *broken, ctx context.Context, id string, at time.Time) (bool, error) {
		known, err := b.Store.Known(ctx, []string{id})
		if err != nil || len(known) > 0 {
			return false, err
		}
		others.Wait()
		return true, b.exec(ctx, `INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING`, id, sqlitedb.Time(at))
	}}, "racing_records_are_fresh_once")

	mustFail(t, "knows_everything", broken{known: func(_ *broken, _ context.Context, ids []string) ([]string, error) {
		return append([]string{}, ids...), nil
	}}, "known_returns_those_whose_effect_is_stored")

	mustFail(t, "forgets_dead_letters_in_known", broken{known: func(b *broken, ctx context.Context, ids []string) ([]string, error) {
		known, err := b.Store.Known(ctx, ids)
		return slices.DeleteFunc(known, func(id string) bool {
			_, err := b.Store.DeadLetter(ctx, id)
			return err == nil
		}), err
	}}, "known_returns_dead_letters")

	mustFail(t, "knows_nil", broken{known: func(b *broken, ctx context.Context, ids []string) ([]string, error) {
		known, err := b.Store.Known(ctx, ids)
		return append([]string(nil), known...), err
	}}, "known_of_no_ids_is_the_empty_slice")

	mustFail(t, "acknowledges_without_a_record", broken{ignore: func(*broken, context.Context, string, time.Time) error { return nil }},
		"an_ignored_message_is_known")

	mustFail(t, "ignores_once", broken{ignore: func(b *broken, ctx context.Context, id string, at time.Time) error {
		return b.exec(ctx, `INSERT INTO inbox VALUES (?, ?)`, id, sqlitedb.Time(at))
	}}, "what_is_known_stays_as_it_is_when_it_is_ignored")

	mustFail(t, "takes_a_dead_letter_for_ignored", broken{ignore: func(b *broken, ctx context.Context, id string, at time.Time) error {
		if err := b.exec(ctx, `DELETE FROM dead_letters WHERE id = ?`, id); err != nil {
			return err
		}
		return b.Store.Ignore(ctx, id, at)
	}}, "what_is_known_stays_as_it_is_when_it_is_ignored")

	mustFail(t, "stores_what_it_ignores_as_a_dead_letter", broken{ignore: func(b *broken, ctx context.Context, id string, at time.Time) error {
		return b.Store.PutDeadLetter(ctx, inbox.DeadLetter{ID: id, FailedAt: at})
	}}, "nothing_gives_an_ignored_message_an_effect")

	mustFail(t, "cuts_off_fractions", broken{put: func(b *broken, ctx context.Context, d inbox.DeadLetter) error {
		d.FailedAt = d.FailedAt.Truncate(time.Second)
		return b.Store.PutDeadLetter(ctx, d)
	}}, "a_dead_letter_comes_back_as_it_came")

	mustFail(t, "drops_the_data", broken{put: func(b *broken, ctx context.Context, d inbox.DeadLetter) error {
		d.Message.Data = nil
		return b.Store.PutDeadLetter(ctx, d)
	}}, "a_dead_letter_comes_back_as_it_came")

	mustFail(t, "lists_none_where_one_is_unreadable", broken{letters: func(b *broken, ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
		letters, err := b.Store.DeadLetters(ctx, after, limit)
		for _, d := range letters {
			err = errors.Join(err, d.Unreadable)
		}
		return letters, err
	}}, "an_unreadable_dead_letter_hides_no_other")

	mustFail(t, "drops_a_dead_letter", broken{put: func(*broken, context.Context, inbox.DeadLetter) error { return nil }},
		"known_returns_dead_letters")

	mustFail(t, "replaces_the_first_dead_letter", broken{put: func(b *broken, ctx context.Context, d inbox.DeadLetter) error {
		if err := b.exec(ctx, `DELETE FROM dead_letters WHERE id = ?`, d.ID); err != nil {
			return err
		}
		return b.Store.PutDeadLetter(ctx, d)
	}}, "a_second_dead_letter_changes_nothing")

	mustFail(t, "fails_on_a_second_dead_letter", broken{put: func(b *broken, ctx context.Context, d inbox.DeadLetter) error {
		return b.exec(ctx, `INSERT INTO dead_letters (id, topic, attributes, data, reason, failed_at) VALUES (?, '', '{}', x'', '', 0)`, d.ID)
	}}, "racing_dead_letters_are_one")

	mustFail(t, "lists_by_age", broken{letters: func(b *broken, ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
		letters, err := b.Store.DeadLetters(ctx, after, limit)
		slices.Reverse(letters)
		return letters, err
	}}, "dead_letters_are_listed_in_the_order_of_their_ids")

	mustFail(t, "pages_by_offset", broken{letters: func(b *broken, ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
		all, err := b.Store.DeadLetters(ctx, "", 1000)
		seen := paged[b.db]
		if after == "" {
			seen = 0
		}
		page := all[min(seen, len(all)):min(seen+limit, len(all))]
		paged[b.db] = seen + len(page)
		return page, err
	}}, "the_list_neither_repeats_nor_skips_while_others_are_added")

	mustFail(t, "finds_what_is_not_there", broken{letter: func(b *broken, ctx context.Context, id string) (inbox.DeadLetter, error) {
		d, _ := b.Store.DeadLetter(ctx, id)
		return d, nil
	}}, "an_unknown_dead_letter_is_not_found")

	mustFail(t, "forgets_the_replay", broken{mark: func(b *broken, ctx context.Context, id, _ string, _ time.Time) error {
		_, err := b.Store.DeadLetter(ctx, id)
		return err
	}}, "mark_replayed_records_who_and_when")

	mustFail(t, "marks_all", broken{mark: func(b *broken, ctx context.Context, _, by string, at time.Time) error {
		return b.exec(ctx, `UPDATE dead_letters SET replayed_by = ?, replayed_at = ?`, by, sqlitedb.Time(at))
	}}, "an_unknown_dead_letter_is_not_found")

	mustFail(t, "keeps_the_last_replay", broken{mark: func(b *broken, ctx context.Context, id, by string, at time.Time) error {
		if _, err := b.Store.DeadLetter(ctx, id); err != nil {
			return err
		}
		return b.exec(ctx, `UPDATE dead_letters SET replayed_by = ?, replayed_at = ? WHERE id = ?`, by, sqlitedb.Time(at), id)
	}}, "the_first_replay_stays")

	mustFail(t, "looks_before_it_marks", broken{mark: func(b *broken, ctx context.Context, id, by string, at time.Time) error {
		if d, err := b.Store.DeadLetter(ctx, id); err != nil || !d.ReplayedAt.IsZero() {
			return err
		}
		others.Wait()
		return b.exec(ctx, `UPDATE dead_letters SET replayed_by = ?, replayed_at = ? WHERE id = ?`, by, sqlitedb.Time(at), id)
	}}, "racing_replays_leave_one_record")

	mustFail(t, "ignores_the_context", broken{put: func(b *broken, ctx context.Context, d inbox.DeadLetter) error {
		return b.Store.PutDeadLetter(context.WithoutCancel(ctx), d)
	}}, "an_ended_context_changes_nothing")
}

// others makes races sure. Each broken adapter has it to itself, in its process.
var others suitetest.Meeting

// paged is how far a list that pages by offset has come.
var paged = map[*sqlitedb.DB]int{}
