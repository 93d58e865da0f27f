package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

// everyQuery returns a query for each order, set of filters, and place to go on
// from: before, in and after the range of starts from 100 s to 200 s.
func everyQuery(text string) []event.Query {
	var all []event.Query
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		for set := range 1 << 5 {
			q := event.Query{Sort: sort, Limit: 20}
			for i, filter := range []func(){
				func() { q.Category = "Category 1" }, func() { q.City = "City 1" }, func() { q.Text = text },
				func() { q.From = time.Unix(100, 0) }, func() { q.To = time.Unix(200, 0) },
			} {
				if set>>i&1 == 1 {
					filter()
				}
			}
			all = append(all, q)
			for i, at := range []int64{50, 150, 250} {
				q.After = &event.Position{StartsAt: time.Unix(at, 0), TitleKey: event.SortKey(fmt.Sprint("event ", i*3)), ID: "e5"}
				all = append(all, q)
			}
		}
	}
	return all
}

// stretch is the plan of a page that is a stretch of an index.
var stretch = regexp.MustCompile(`^(?:SEARCH|SCAN) events USING (?:COVERING )?INDEX (events_by_\w+)(?: \((.*)\))?\n$`)

// TestAListCostsWhatItReturns: whatever the order, the filters and the cursor, a
// page that is not searched for is a stretch of an index. Each condition bounds
// it, so that no event is read and left out, and nothing is sorted.
func TestAListCostsWhatItReturns(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	used := map[string]bool{}
	for _, q := range everyQuery("") {
		if q.IsSearch() {
			continue
		}
		query, args := listQuery(q, inOrder)
		got := plan(t, db, query, args...)
		parts := stretch.FindStringSubmatch(got)
		if parts == nil {
			t.Errorf("%s\nis planned as\n%s", query, got)
			continue
		}
		used[parts[1]] = true
		if bound, want := strings.Count(parts[2], "?"), strings.Count(query, "?")-1; bound != want {
			t.Errorf("%s\nis bound by %d of %d values: %s", query, bound, want, got)
		}
	}
	if len(used) != 8 {
		t.Errorf("the lists use the indexes %v, want 8", slices.Sorted(maps.Keys(used)))
	}
}

// TestASearchGoesByAnIndex: what it passes over, it passes over in an index. A page
// by title of few events that start in a range is sorted.
func TestASearchGoesByAnIndex(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	const page = "SEARCH events USING INTEGER PRIMARY KEY (rowid=?)\n"
	for _, q := range everyQuery("some words") {
		if !q.IsSearch() {
			continue
		}
		query, args := listQuery(q, inOrder)
		got, found := strings.CutPrefix(plan(t, db, query, args...), page)
		if !found || !strings.Contains(got, " events USING COVERING INDEX events_by_") || strings.Count(got, " events ") != 1 {
			t.Errorf("in order, %s\nis planned as\n%s", query, got)
		}
		if q.Text != "" {
			query, args = listQuery(q, bySearch)
			got = plan(t, db, query, args...)
			if !strings.HasPrefix(got, "SCAN search VIRTUAL TABLE INDEX 0:M") || strings.Count(got, "SCAN") != 1 ||
				!strings.Contains(got, "SEARCH events USING INDEX sqlite_autoindex_events_1 (id=?)") {
				t.Errorf("by search, %s\nis planned as\n%s", query, got)
			}
		}
		if q.Sort == event.ByTitle && q.Text == "" {
			query, args = listQuery(q, byStart)
			got = plan(t, db, query, args...)
			if !strings.HasPrefix(got, "SEARCH events USING INDEX events_by_") || !strings.Contains(got, "_start (") || !strings.Contains(got, "starts_at") {
				t.Errorf("by start, %s\nis planned as\n%s", query, got)
			}
		}
	}
}

// TestThePageIsReadTheShortestWay that there is.
func TestThePageIsReadTheShortestWay(t *testing.T) {
	t.Parallel()
	db, path := openDB(t)
	fill(t, path) // 2,000 events, or more, that start a second after each other
	late := time.Unix(3600+1500, 0)
	for _, c := range []struct {
		q    event.Query
		want way
	}{
		{event.Query{}, inOrder},
		{event.Query{Sort: event.ByTitle}, inOrder},
		{event.Query{From: late}, inOrder},
		{event.Query{Sort: event.ByTitle, From: time.Unix(3600, 0)}, inOrder},
		{event.Query{Sort: event.ByTitle, From: time.Unix(1e9, 0)}, byStart},
		{event.Query{Sort: event.ByTitle, From: late, To: late.Add(time.Minute)}, byStart},
		{event.Query{Sort: event.ByTitle, From: time.Unix(3600, 0), City: "city 1"}, byStart},
		{event.Query{Text: "event"}, inOrder},
		{event.Query{Text: "77"}, bySearch},
		{event.Query{Text: "event", Sort: event.ByTitle}, inOrder},
		{event.Query{Text: "event", Sort: event.ByTitle, To: time.Unix(3610, 0)}, byStart},
		{event.Query{Text: "event", To: time.Unix(3610, 0)}, inOrder},
	} {
		if err := db.Search(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			got, err := wayTo(ctx, tx, c.q)
			if err == nil && got != c.want {
				t.Errorf("%+v is read by way %d, want %d", c.q, got, c.want)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAllWaysReadTheSamePage, in the same order.
func TestAllWaysReadTheSamePage(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	s := New(db)
	for i := range 40 {
		e := &event.Event{
			ID: fmt.Sprintf("e%02d", i), Status: event.Published, Title: fmt.Sprint("Event ", i*7%10),
			Category: fmt.Sprint("Category ", i%3), StartsAt: time.Unix(int64(i*75%300), 0), EndsAt: time.Unix(int64(i*75%300), 1000),
			TicketTypes: []event.TicketType{{ID: "t", Price: money.Amount{AmountMinor: int64(i % 5), Currency: "EUR"}}},
		}
		e.Venue.City = fmt.Sprint("City ", i%2)
		if err := s.Create(t.Context(), e, 1000); err != nil {
			t.Fatal(err)
		}
	}
	var queries []event.Query
	for _, q := range everyQuery("eve") {
		queries = append(queries, q)
		q.Month = "1970-01"
		queries = append(queries, q)
		q.MostPrice = &money.Amount{AmountMinor: 1, Currency: "EUR"}
		queries = append(queries, q)
	}
	for _, q := range queries {
		ways := []way{inOrder}
		if q.Month != "" {
			ways = append(ways, byMonth)
		}
		if q.Sort == event.ByTitle {
			ways = append(ways, byStart)
		}
		if q.Text != "" {
			ways = append(ways, bySearch)
		}
		var found [4]string
		for _, w := range ways {
			query, args := listQuery(q, w)
			if err := db.Read.QueryRowContext(t.Context(), `SELECT coalesce(group_concat(id), '') FROM (`+query+`)`, args...).Scan(&found[w]); err != nil {
				t.Fatal(err)
			}
			if found[w] != found[inOrder] {
				t.Errorf("%+v finds %q by way %d, %q in order", q, found[w], w, found[inOrder])
			}
		}
	}
}

// TestAMonthIsReadInOrder, and events that cost too much are passed over in an index.
func TestAMonthIsReadInOrder(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	after := &event.Position{StartsAt: time.Unix(150, 0), TitleKey: "x", ID: "e5"}
	price := &money.Amount{AmountMinor: 1, Currency: "EUR"}
	for _, c := range []struct {
		q    event.Query
		w    way
		want string
	}{
		{event.Query{Month: "2031-06"}, byMonth, "SEARCH event_months USING PRIMARY KEY (month=?)\n"},
		{event.Query{Month: "2031-06", After: after}, byMonth, "SEARCH event_months USING PRIMARY KEY (month=? AND (at,event_id)>(?,?))\n"},
		{event.Query{Month: "2031-06", Sort: event.ByStartLatest, After: after}, byMonth, "SEARCH event_months USING PRIMARY KEY (month=? AND (at,event_id)<(?,?))\n"},
		{event.Query{MostPrice: price}, inOrder, "COVERING INDEX events_by_currency_start (currency=?)"},
		{event.Query{MostPrice: price, After: after}, inOrder, "COVERING INDEX events_by_currency_start (currency=? AND (starts_at,id)>(?,?))"},
		{event.Query{MostPrice: price, Sort: event.ByTitle, After: after}, inOrder, "COVERING INDEX events_by_currency_title (currency=? AND (title_key,id)>(?,?))"},
	} {
		c.q.Limit = 20
		query, args := listQuery(c.q, c.w)
		got := plan(t, db, query, args...)
		if !strings.Contains(got, c.want) || strings.Contains(got, "SCAN") || c.w == byMonth && strings.Contains(got, "TEMP") {
			t.Errorf("%s\nis planned as\n%s", query, got)
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
	plantest.Fill(t, path, `INSERT INTO creations SELECT 'o' || n, n FROM `+plantest.N)
	s, k := New(db), event.Key{EventID: "e1", BookingID: "new", Attempt: 1}
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Create", "creations_of", func(ctx context.Context) error {
			return s.Create(ctx, &event.Event{ID: "new", OrganizerID: "o1", Status: event.Published}, 10)
		}},
		{"PruneCreations", "creations_at", func(ctx context.Context) error { return s.PruneCreations(ctx, time.Unix(0, 0)) }},
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
		`INSERT INTO ticket_types (event_id, id, position, name, price, currency, capacity, available) SELECT 'e' || n, 't', 0, '', 100, 'EUR', 100, 100 FROM `+plantest.N,
		`INSERT INTO reservations SELECT 'b' || n, 1, 'e' || n, 'HELD', '{}' FROM `+plantest.N,
		`INSERT INTO reservation_items (booking_id, attempt, position, ticket_type_id, name, quantity, price, currency) SELECT 'b' || n, 1, 0, 't', '', 1, 100, 'EUR' FROM `+plantest.N)
}

// TestTheTableRefusesToOversell, even to a statement that forgets to ask.
func TestTheTableRefusesToOversell(t *testing.T) {
	t.Parallel()
	db, _ := openDB(t)
	e := &event.Event{ID: "e", Status: event.Published, TicketTypes: []event.TicketType{{ID: "t", Capacity: 3}}}
	if err := New(db).Create(t.Context(), e, 1000); err != nil {
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
