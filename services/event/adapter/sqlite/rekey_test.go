package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// TestOldKeysAreReplaced: a file from before version 1 of the keys finds and
// sorts its events by the rules of now, once it is opened.
func TestOldKeysAreReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "event.db")
	old := fstest.MapFS{}
	for _, name := range []string{"00001_init.sql", "00002_cancellation.sql", "00003_returns.sql"} {
		data, err := fs.ReadFile(Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: data}
	}
	db, err := sqlitedb.Open(t.Context(), path, old)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	const insert = `
		INSERT INTO events (id, organizer_id, status, starts_at, ends_at, created_at, updated_at, version, inventory, time_zone, title, category,
			venue_name, address, city, country, title_key, category_key, city_key, description, search) `
	plantest.Fill(t, path,
		insert+`VALUES ('a', '', 'PUBLISHED', 0, 1, 0, 0, 1, 0, 'UTC', 'Zoo', 'Cafe'||char(0x301), '', '', '', '', 'zoo', 'cafe'||char(0x301), '', '', 'zoo'),
			('b', '', 'PUBLISHED', 0, 1, 0, 0, 1, 0, 'UTC', 'Äpfel', '', '', '', '', '', 'äpfel', '', '', '', 'äpfel')`,
		insert+`SELECT 'c'||n, '', 'PUBLISHED', 0, 1, 0, 0, 1, 0, 'UTC', 'other', '', '', '', '', '', 'other', '', '', '', 'other' FROM `+plantest.N+` LIMIT 250`)

	if db, err = sqlitedb.Open(t.Context(), path, Migrations()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := New(db)
	for range 2 { // the second time there is nothing to do
		if err := s.Rekey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for want, q := range map[string]event.Query{
		"a": {Category: "café"}, "b": {Sort: event.ByTitle}, "b ": {Text: "apfel"}, "c1": {Text: "other"},
	} {
		q.Limit = 1
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) != 1 || page[0].ID != want[:len(page[0].ID)] {
			t.Errorf("%+v finds %d events, the first %+v; want %s", q, len(page), page, want)
		}
	}
	var left int
	if err := db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM events WHERE keys_version <> ?`, event.KeysVersion).Scan(&left); err != nil || left > 0 {
		t.Errorf("%d events have old keys (error %v)", left, err)
	}
}

// TestAnEventThatIsGoneIsNotFound: the index of words forgets it.
func TestAnEventThatIsGoneIsNotFound(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	if err := s.Create(t.Context(), &event.Event{ID: "e", Status: event.Published, Title: "Gone"}, 1000); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "e", func(*event.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var found int
	if err := db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM search WHERE search MATCH 'gone'`).Scan(&found); err != nil || found > 0 {
		t.Errorf("the index finds %d events (error %v), want none", found, err)
	}
}

// TestSearchesStopNothingElse: while searches take all places of theirs, another
// one is refused, and lists and reads by key go on.
func TestSearchesStopNothingElse(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	if err := s.Create(t.Context(), &event.Event{ID: "e", Status: event.Published, Title: "Jazz", StartsAt: time.Unix(0, 0)}, 1000); err != nil {
		t.Fatal(err)
	}
	// Nothing but a bound on the time or its end ends these.
	const endless = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	for range 5 {
		go func() {
			ended <- db.Search(ctx, func(ctx context.Context, tx *sql.Tx) error {
				var n int
				return tx.QueryRowContext(ctx, endless).Scan(&n)
			})
		}()
	}
	for range 3 { // those that find no place
		if err := <-ended; !errors.Is(err, storage.ErrBusy) {
			t.Errorf("a search without a place is answered %v, want ErrBusy", err)
		}
	}
	if _, err := s.Get(t.Context(), "e"); err != nil {
		t.Errorf("Get: %v", err)
	}
	if page, err := s.List(t.Context(), event.Query{Limit: 20}); err != nil || len(page) != 1 {
		t.Errorf("a list has %d events (error %v), want 1", len(page), err)
	}
	for range 2 { // and those that had one
		if err := <-ended; !errors.Is(err, storage.ErrBusy) {
			t.Errorf("a search that takes too long is answered %v, want ErrBusy", err)
		}
	}
	if page, err := s.List(t.Context(), event.Query{Limit: 20, Text: "jazz"}); err != nil || len(page) != 1 {
		t.Errorf("a search after them finds %d events (error %v), want 1", len(page), err)
	}
}

// TestOnlyWhatIsSearchedForWaitsForSearches: while searches take all places of
// theirs, every other list is read.
func TestOnlyWhatIsSearchedForWaitsForSearches(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	held, done := make(chan struct{}), make(chan struct{})
	var searches sync.WaitGroup
	for range 2 {
		searches.Go(func() {
			if err := db.Search(t.Context(), func(context.Context, *sql.Tx) error {
				held <- struct{}{}
				<-done
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	<-held
	<-held
	t.Cleanup(searches.Wait)
	defer close(done)
	for _, q := range []event.Query{
		{Text: "jazz"}, {Sort: event.ByTitle, From: time.Unix(1, 0)}, {Sort: event.ByTitle, To: time.Unix(1, 0), City: "x"},
	} {
		if _, err := s.List(t.Context(), q); !errors.Is(err, storage.ErrBusy) {
			t.Errorf("%+v is answered %v, want ErrBusy", q, err)
		}
	}
	for _, q := range []event.Query{
		{}, {Sort: event.ByTitle, City: "x", Category: "y"}, {From: time.Unix(1, 0), To: time.Unix(2, 0), City: "x"}, {Sort: event.ByStartLatest, From: time.Unix(1, 0)},
	} {
		if _, err := s.List(t.Context(), q); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
