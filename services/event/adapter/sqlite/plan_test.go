package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

// TestListReadsFromAnIndex: among 100,000 events, a page is read in the order
// of an index, whatever the filter: nothing that an index holds in order is
// sorted, and no table is scanned.
func TestListReadsFromAnIndex(t *testing.T) {
	t.Parallel()
	db, path := openDB(t)
	fill(t, path)
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		for _, filter := range []event.Query{
			{}, {Category: "x"}, {City: "x"}, {Text: "some words"}, {Category: "x", City: "y", Text: "z"},
			{From: time.Unix(1, 0), To: time.Unix(2, 0)}, {From: time.Unix(1, 0), Category: "x"},
		} {
			for _, after := range []*event.Position{nil, {StartsAt: time.Unix(1, 0), TitleKey: "x", ID: "y"}} {
				q := filter
				q.Sort, q.After, q.Limit = sort, after, 20
				query, args := listQuery(q, false)
				got := plan(t, db, query, args...)
				// A range of starts in the order of titles has two indexes to
				// choose from, and must sort what it finds in the one.
				sorts := sort == event.ByTitle && !q.From.IsZero()
				if !strings.Contains(got, "USING INDEX events_by_") || (strings.Contains(got, "TEMP B-TREE") && !sorts) {
					t.Errorf("%+v is planned as\n%s", q, got)
				}
				switch {
				case q.Category != "" && q.City == "" && !strings.Contains(got, "(category_key=?"),
					q.City != "" && q.Category == "" && !strings.Contains(got, "(city_key=?"):
					t.Errorf("%+v does not search by its filter:\n%s", q, got)
				case q.Category == "" && q.City == "" && q.After != nil && !strings.Contains(got, "SEARCH"):
					t.Errorf("%+v reads the pages before it:\n%s", q, got)
				}
			}
		}
	}
}

// TestSearchStartsFromWhatItFinds: the words' index comes first, and each event
// that it finds is read by its key.
func TestSearchStartsFromWhatItFinds(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	for _, q := range []event.Query{
		{Text: "x"}, {Text: "x y", Category: "x", City: "y"}, {Text: "x", From: time.Unix(1, 0)}, {Text: "x", Sort: event.ByTitle},
		{Text: "x", After: &event.Position{StartsAt: time.Unix(1, 0), ID: "y"}},
	} {
		query, args := listQuery(q, true)
		got := plan(t, db, query, args...)
		if !strings.HasPrefix(got, "SCAN search VIRTUAL TABLE INDEX 0:M") || strings.Count(got, "SCAN") != 1 ||
			!strings.Contains(got, "SEARCH events USING INDEX sqlite_autoindex_events_1 (id=?)") {
			t.Errorf("%+v is planned as\n%s", q, got)
		}
	}
}

// TestBothWaysOfSearching find the same, in the same order.
func TestBothWaysOfSearching(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	for i := range 40 {
		e := &event.Event{ID: fmt.Sprintf("e%02d", i), Status: event.Published, Title: []string{"Match", "Miss", "mätch"}[i%3], StartsAt: time.Unix(int64(i/2), 0)}
		e.Venue.City = []string{"Oslo", "Rome"}[i%2]
		if err := s.Create(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		for _, q := range []event.Query{
			{Text: "mat"}, {Text: "mat oslo"}, {Text: "mat", City: "rome"}, {Text: "none"},
			{Text: "mat", After: &event.Position{StartsAt: time.Unix(7, 0), TitleKey: event.SortKey("match"), ID: "e15"}},
		} {
			q.Sort, q.Limit = sort, 10
			var found [2]string
			for i, few := range []bool{true, false} {
				query, args := listQuery(q, few)
				if err := db.Read.QueryRowContext(t.Context(), `SELECT coalesce(group_concat(id), '') FROM (`+query+`)`, args...).Scan(&found[i]); err != nil {
					t.Fatal(err)
				}
			}
			if found[0] != found[1] || (found[0] == "") != (q.Text == "none") {
				t.Errorf("%+v finds %q from the words, %q from the events", q, found[0], found[1])
			}
		}
	}
}

// TestReleaseSearches: what a release touches is found by keys, however many
// reservations there are.
func TestReleaseSearches(t *testing.T) {
	t.Parallel()
	db, path := openDB(t)
	fill(t, path)
	for _, query := range []string{
		releaseTickets,
		releaseReservations,
		`SELECT return_id, ticket_type_id, quantity FROM returned_items WHERE booking_id = 'b' AND attempt = 1`,
		`SELECT event_id, state, event FROM reservations WHERE booking_id = 'b' AND attempt = 1`,
	} {
		var args []any
		for range strings.Count(query, "?") {
			args = append(args, "x")
		}
		for line := range strings.Lines(plan(t, db, query, args...)) {
			if strings.HasPrefix(line, "SCAN") && !strings.Contains(line, "back") {
				t.Errorf("%s in\n%s", line, query)
			}
		}
	}
}

// TestReserveAndSellGoByIndexes, and so does what is read of one event, and of
// the page of a list.
func TestReserveAndSellGoByIndexes(t *testing.T) {
	t.Parallel()
	db, path := openDB(t)
	fill(t, path)
	s, k := New(db), event.Key{EventID: "e1", BookingID: "new", Attempt: 1}
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Get", "sqlite_autoindex_events_1", func(ctx context.Context) error { _, err := s.Get(ctx, "e1"); return err }},
		{"Reserve", "reservations", func(ctx context.Context) error {
			_, err := s.Reserve(ctx, k, []event.Request{{TicketTypeID: "t", Quantity: 1}}, time.Unix(0, 0))
			return err
		}},
		{"Reservation", "reservations", func(ctx context.Context) error { _, err := s.Reservation(ctx, k); return err }},
		{"Holdings", "SEARCH r", func(ctx context.Context) error { _, err := s.Holdings(ctx, "b5", 10); return err }},
		{"Sell", "reservations", func(ctx context.Context) error { return s.Sell(ctx, "message", k) }},
		{"Return", "returned_items", func(ctx context.Context) error {
			return s.Return(ctx, k, "return", []event.Request{{TicketTypeID: "t", Quantity: 1}})
		}},
	} {
		plantest.ByIndex(t, path, c.what, c.index, c.ask)
	}
	onPage := plan(t, db, ofPage, `["e1","e2"]`)
	if !strings.Contains(onPage, "SEARCH ticket_types USING PRIMARY KEY (event_id=?)") {
		t.Errorf("the ticket types of a page are read as\n%s", onPage)
	}
}

// fill adds 100,000 events, each with a ticket type and a reservation.
func fill(t *testing.T, path string) {
	t.Helper()
	plantest.Fill(t, path, `
		INSERT INTO events (id, organizer_id, status, starts_at, ends_at, created_at, updated_at, version, inventory, time_zone, title, category,
			venue_name, address, city, country, title_key, category_key, city_key, description)
		SELECT 'e' || n, '', 'PUBLISHED', n * 1000000 + 3600000000, n * 1000000 + 7200000000, 0, 0, 1, 0, 'UTC', 'Event ' || n, 'Category ' || (n % 20),
			'', '', 'City ' || (n % 100), '', 'event ' || n, 'category ' || (n % 20), 'city ' || (n % 100), '' FROM `+plantest.N,
		`INSERT INTO search_numbers SELECT n, 'e' || n FROM `+plantest.N,
		`INSERT INTO search (rowid, words) SELECT n, 'event ' || n FROM `+plantest.N,
		`INSERT INTO ticket_types SELECT 'e' || n, 't', 0, '', 100, 'EUR', 100, 100 FROM `+plantest.N,
		`INSERT INTO reservations SELECT 'b' || n, 1, 'e' || n, 'HELD', '{}' FROM `+plantest.N,
		`INSERT INTO reservation_items SELECT 'b' || n, 1, 0, 't', '', 1, 100, 'EUR' FROM `+plantest.N)
}

// TestTheTableRefusesToOversell, even to a statement that forgets to ask.
func TestTheTableRefusesToOversell(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	e := &event.Event{ID: "e", Status: event.Published, TicketTypes: []event.TicketType{{ID: "t", Capacity: 3}}}
	if err := New(db).Create(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`UPDATE ticket_types SET available = available - 4`,
		`UPDATE ticket_types SET available = available + 1`,
	} {
		if err := db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), statement)
			return err
		}); err == nil {
			t.Errorf("%s is possible", statement)
		}
	}
}

func plan(t *testing.T, db *sqlitedb.DB, query string, args ...any) string {
	t.Helper()
	rows, err := db.Read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		lines.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines.String()
}

func openDB(t *testing.T) (db *sqlitedb.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "event.db")
	db, err := sqlitedb.Open(t.Context(), path, Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, path
}
