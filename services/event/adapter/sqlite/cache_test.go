package sqlite

import (
	"fmt"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// read returns the one event of the store twice, as Get and as List have it.
func read(t *testing.T, s *Store) [2]*event.Event {
	t.Helper()
	got, err := s.Get(t.Context(), "e")
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.List(t.Context(), event.Query{Sort: event.ByStart, Limit: 10})
	if err != nil || len(page) != 1 {
		t.Fatalf("%d events, %v", len(page), err)
	}
	return [2]*event.Event{got, &page[0]}
}

// TestReadsSeeWhatAnotherProcessWrites: the cache is no more than a shorter way
// to what the file has.
func TestReadsSeeWhatAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	db, path := openDB(t)
	other, err := sqlitedb.Open(t.Context(), path, Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	here, there := New(db), New(other)
	e := &event.Event{ID: "e", Status: event.Published, Title: "first", StartsAt: time.Unix(9, 0), TicketTypes: []event.TicketType{{ID: "t", Capacity: 3}}}
	if err := here.Create(t.Context(), e, 1000); err != nil {
		t.Fatal(err)
	}
	read(t, here)
	if _, err := there.Update(t.Context(), "e", func(e *event.Event) error { e.Title = "second"; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, got := range read(t, here) {
		if got.Title != "second" {
			t.Errorf("after an edit: %+v", got)
		}
	}
	key := event.Key{EventID: "e", BookingID: "b", Attempt: 1}
	if _, err := there.Reserve(t.Context(), key, []event.Request{{TicketTypeID: "t", Quantity: 2}}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	for _, got := range read(t, here) {
		if got.Available() != 1 {
			t.Errorf("after a reservation: %+v", got)
		}
	}
}

// TestReadersShareNothing: what one does to an event, no other sees.
func TestReadersShareNothing(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	if err := s.Create(t.Context(), &event.Event{ID: "e", Status: event.Published, TicketTypes: []event.TicketType{{ID: "t", Capacity: 3}}}, 1000); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, got := range read(t, s) {
			if got.Title != "" || got.Available() != 3 {
				t.Fatalf("%+v", got)
			}
			got.Title, got.TicketTypes[0].Available = "mine", 0
		}
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	s := New(nil)
	for i := range 2*maxCached + 1 {
		v := versions{id: fmt.Sprint(i), version: 1}
		s.cache.put(&event.Event{ID: v.id, Version: v.version})
		if _, ok := s.cache.get(v); !ok || len(s.cache.events) > maxCached {
			t.Fatalf("after %d: %t, %d events", i, ok, len(s.cache.events))
		}
	}
}
