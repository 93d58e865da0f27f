package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
)

// A consumer whose database was brought back from a copy has forgotten what came
// after: it is missing, is reopened, and comes again to that consumer alone.
func TestWhatAConsumerHasForgottenComesAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		archive := sqlite.New(w.db)
		w.insert(3)
		lost := w.insert(2)
		w.insert(3)
		w.relay(w.options())
		<-time.After(2 * time.Second)
		w.open(0)
		w.effects(8, 8)

		missing := func() map[string][]string {
			entries, err := archive.Closed(w.Context(), time.Now().Add(-time.Hour), "", 100)
			if err != nil || len(entries) != 8 {
				w.Fatalf("%d entries are closed (%v), want 8", len(entries), err)
			}
			missing, err := outbox.Missing(w.Context(), w.options().Consumers, entries)
			if err != nil {
				w.Fatal(err)
			}
			return missing
		}
		if m := missing(); len(m) > 0 {
			w.Errorf("nothing is missing, and yet %v", m)
		}
		w.mail.forget(lost)
		m := missing()
		if diff := cmp.Diff(map[string][]string{lost[0]: {"notification"}, lost[1]: {"notification"}}, m); diff != "" {
			w.Errorf("missing (-want +got):\n%s", diff)
		}
		tries := w.tries.Load()
		if err := archive.Reopen(w.Context(), slices.Collect(maps.Keys(m)), time.Now()); err != nil {
			w.Fatal(err)
		}
		<-time.After(10 * time.Second)
		w.open(0)
		w.effects(8, 10)
		if n := w.tries.Load() - tries; n != 2 {
			w.Errorf("%d messages were published again, want 2", n)
		}
		if m := missing(); len(m) > 0 {
			w.Errorf("still missing: %v", m)
		}

		// What nobody misses is closed again without being published.
		if err := archive.Reopen(w.Context(), lost, time.Now()); err != nil {
			w.Fatal(err)
		}
		<-time.After(2 * time.Second)
		w.open(0)
		if n := w.tries.Load() - tries; n != 2 {
			w.Errorf("%d messages were published again, want still 2", n)
		}
	})
}

func (s *service) forget(ids []string) {
	s.w.Helper()
	if err := s.db.Write(s.w.Context(), func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(s.w.Context(), `DELETE FROM inbox WHERE message_id = ?`, id); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		s.w.Fatal(err)
	}
}

// receipts is outbox.Receipts that is one function.
type receipts func(ids []string) ([]string, error)

func (f receipts) Known(_ context.Context, ids []string) ([]string, error) { return f(ids) }

func TestNoAnswerIsNotUnknown(t *testing.T) {
	t.Parallel()
	entry := func(topic, id string) outbox.Entry {
		return outbox.Entry{Topic: topic, Message: events.Message{ID: id}}
	}
	knows := func(known ...string) receipts {
		return func([]string) ([]string, error) { return known, nil } // perhaps more than it was asked for
	}
	silent := receipts(func([]string) ([]string, error) { return []string{"1"}, errAway })
	never := receipts(func([]string) ([]string, error) {
		t.Error("who has nothing of this topic is asked")
		return nil, nil
	})
	for name, c := range map[string]struct {
		consumers map[string]map[string]outbox.Receipts
		entries   []outbox.Entry
		want      map[string][]string
		failed    []string
	}{
		"nothing is asked about nothing": {
			map[string]map[string]outbox.Receipts{"a": {"x": never}}, nil, map[string][]string{}, nil,
		},
		"all is known": {
			map[string]map[string]outbox.Receipts{"a": {"x": knows("2", "1", "3"), "y": knows("1", "2")}, "b": {"z": never}},
			[]outbox.Entry{entry("a", "1"), entry("a", "2")}, map[string][]string{}, nil,
		},
		"each topic has its own consumers": {
			map[string]map[string]outbox.Receipts{"a": {"x": knows("1")}, "b": {"y": knows("2"), "x": knows()}},
			[]outbox.Entry{entry("a", "1"), entry("b", "2")}, map[string][]string{"2": {"x"}}, nil,
		},
		"a topic without consumers": {
			map[string]map[string]outbox.Receipts{"a": {}}, []outbox.Entry{entry("a", "1")}, map[string][]string{}, nil,
		},
		"several miss it": {
			map[string]map[string]outbox.Receipts{"a": {"z": knows(), "x": knows(), "y": knows("1")}},
			[]outbox.Entry{entry("a", "1"), entry("a", "2")}, map[string][]string{"1": {"x", "z"}, "2": {"x", "y", "z"}}, nil,
		},
		"one does not answer": {
			map[string]map[string]outbox.Receipts{"a": {"x": silent, "y": knows("1")}},
			[]outbox.Entry{entry("a", "1"), entry("a", "2")}, map[string][]string{"2": {"y"}}, []string{"ask x", errAway.Error()},
		},
		"a topic that nobody is known to consume": {
			map[string]map[string]outbox.Receipts{"a": {"x": knows()}},
			[]outbox.Entry{entry("a", "1"), entry("b", "2")}, map[string][]string{"1": {"x"}}, []string{"the topic b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := outbox.Missing(t.Context(), c.consumers, c.entries)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err != nil) != (c.failed != nil) {
				t.Errorf("error %v, want it to say %q", err, c.failed)
			}
			for _, text := range c.failed {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("error %v, want it to say %q", err, text)
				}
			}
			if name == "one does not answer" && !errors.Is(err, errAway) {
				t.Errorf("error %v is not the consumer's", err)
			}
		})
	}
}
