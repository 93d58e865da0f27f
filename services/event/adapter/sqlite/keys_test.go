package sqlite

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
)

// TestNoWriteWaitsForKeys: whoever makes keys, others write meanwhile.
func TestNoWriteWaitsForKeys(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	made := 0
	s.keys = func(e *event.Event) event.Keys {
		made++
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := db.Write(ctx, func(*sql.Tx) error { return nil }); err != nil {
			t.Errorf("nobody else writes while keys are made: %v", err)
		}
		return e.Keys()
	}
	retitle := func(e *event.Event) error { e.Title += "!"; return nil }
	for _, c := range []struct {
		what string
		want int // how many times keys are made
		do   func() error
	}{
		{"Create", 1, func() error {
			return s.Create(t.Context(), &event.Event{ID: "e", Status: event.Published, Title: "Jazz"}, 1000)
		}},
		{"Update", 1, func() error { _, err := s.Update(t.Context(), "e", retitle); return err }},
		{"Update of other things", 0, func() error {
			_, err := s.Update(t.Context(), "e", func(e *event.Event) error { e.StartsAt = time.Unix(1, 0); return nil })
			return err
		}},
		{"Cancel", 1, func() error {
			_, err := s.Cancel(t.Context(), "e", func(e *event.Event) (events.Message, error) {
				return events.Message{ID: "m"}, retitle(e)
			})
			return err
		}},
		{"Rekey", 1, func() error {
			if err := db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE events SET keys_version = 0`)
				return err
			}); err != nil {
				return err
			}
			return s.Rekey(t.Context())
		}},
	} {
		made = 0
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		if made != c.want {
			t.Errorf("%s makes keys %d times, want %d", c.what, made, c.want)
		}
	}
}

// TestKeysAreOfTheTextsThatAreStored, also if another edit comes in between.
func TestKeysAreOfTheTextsThatAreStored(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ ours, theirs, want string }{
		"the same text":         {"ours", "ours", "ours"},
		"another text":          {"ours", "theirs", "ours"},
		"a text as it was":      {"before", "theirs", "before"},
		"more of the same text": {"", "theirs", "theirs2"},
	} {
		db, _ := openDB(t)
		s := New(db)
		if err := s.Create(t.Context(), &event.Event{ID: "e", Status: event.Published, Title: "before"}, 1000); err != nil {
			t.Fatal(err)
		}
		other := false
		if _, err := s.Update(t.Context(), "e", func(e *event.Event) error {
			if e.Title += "2"; c.ours != "" {
				e.Title = c.ours
			}
			if other {
				return nil
			}
			other = true
			_, err := s.Update(t.Context(), "e", func(e *event.Event) error { e.Title = c.theirs; return nil })
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var key string
		if err := db.Read.QueryRowContext(t.Context(), `SELECT title_key FROM events`).Scan(&key); err != nil || key != event.SortKey(c.want) {
			t.Errorf("%s: the event is sorted by %q (error %v), want the key of %q", what, key, err, c.want)
		}
		if page, err := s.List(t.Context(), event.Query{Text: c.want, Limit: 1}); err != nil || len(page) != 1 {
			t.Errorf("%s: %q finds %d events (error %v), want 1", what, c.want, len(page), err)
		}
	}
}
