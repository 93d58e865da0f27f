package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// List implements event.Store.
func (s *Store) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.FindsNothing() {
		return []event.Event{}, nil
	}
	lane := s.db.List
	if q.IsSearch() {
		lane = s.db.Search
	}
	var page []event.Event
	// One transaction, so that what the cache lacks is read as of the page's
	// moment.
	err := lane(ctx, func(ctx context.Context, tx *sql.Tx) error {
		found, err := listVersions(ctx, tx, q)
		if err != nil {
			return err
		}
		page = make([]event.Event, len(found))
		missing := map[string]*event.Event{}
		for i, v := range found {
			var cached bool
			if page[i], cached = s.cache.get(v); !cached {
				missing[v.id] = &page[i]
			}
		}
		if len(missing) == 0 {
			return nil
		}
		return s.complete(ctx, tx, missing)
	})
	return page, err
}

// listVersions reads the page, of each event no more than its versions.
func listVersions(ctx context.Context, tx *sql.Tx, q event.Query) ([]versions, error) {
	w, err := wayTo(ctx, tx, q)
	if err != nil {
		return nil, err
	}
	query, args := listQuery(q, w)
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]versions, 0, q.Limit)
	for rows.Next() {
		var v versions
		if err := rows.Scan(&v.id, &v.version, &v.inventory); err != nil {
			return nil, err
		}
		found = append(found, v)
	}
	return found, rows.Err()
}

// way is where the events of a page come from.
type way int

const (
	inOrder  way = iota // an index in the page's order, read until the page is full
	byStart             // all that start in the range, which are then sorted
	bySearch            // all that the terms find, which are then sorted
	byMonth             // those of the month, in the order of their starts, else sorted
)

// few is how many events may be read and sorted for a page. One of more is read in
// order, and is soon full.
const few = 1000

// wayTo chooses the way to q's page.
func wayTo(ctx context.Context, tx *sql.Tx, q event.Query) (way, error) {
	if !q.IsSearch() {
		return inOrder, nil
	}
	if terms := q.Terms(); len(terms) > 0 {
		if found, err := findsFew(ctx, tx, `search WHERE search MATCH ?`, match(terms)); err != nil || found {
			return bySearch, err
		}
	}
	if q.Month != "" {
		return byMonth, nil
	}
	if q.Sort == event.ByTitle && (!q.From.IsZero() || !q.To.IsZero()) {
		where := filterOf(q)
		if found, err := findsFew(ctx, tx, where.from("start")+where.String(), where.args...); err != nil || found {
			return byStart, err
		}
	}
	return inOrder, nil
}

// findsFew reports whether the source has no more than few rows.
func findsFew(ctx context.Context, tx *sql.Tx, source string, args ...any) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM `+source+` LIMIT ?)`, append(slices.Clone(args), few+1)...).Scan(&n)
	return n <= few, err
}

// filter is the conditions of a statement, and which index has the events that
// meet them: events_by_, of a category, of a city, or of a currency, and an order.
type filter struct {
	conditions []string
	args       []any
	index      string
}

func (f *filter) and(condition string, values ...any) {
	f.conditions, f.args = append(f.conditions, condition), append(f.args, values...)
}

// from names the index. Without statistics SQLite might choose another one.
func (f *filter) from(order string) string { return `events INDEXED BY ` + f.index + order }

func (f *filter) String() string {
	if len(f.conditions) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(f.conditions, ` AND `)
}

// filterOf is q's filters but its terms.
func filterOf(q event.Query) *filter {
	f := &filter{index: `events_by_`}
	if category := event.Fold(q.Category); category != "" {
		f.and(`category_key = ?`, category)
		f.index += `category_`
	}
	if city := event.Fold(q.City); city != "" {
		f.and(`city_key = ?`, city)
		f.index += `city_`
	}
	if q.MostPrice != nil {
		f.and(`currency = ?`, q.MostPrice.Currency)
		f.and(`lowest_price <= ?`, q.MostPrice.AmountMinor)
		if f.index == `events_by_` {
			f.index += `currency_`
		}
	}
	if !q.From.IsZero() {
		f.and(`starts_at >= ?`, sqlitedb.Time(q.From))
	}
	if !q.To.IsZero() {
		f.and(`starts_at < ?`, sqlitedb.Time(q.To))
	}
	return f
}

// listQuery is the statement that reads one page.
func listQuery(q event.Query, w way) (string, []any) {
	q = withoutOuterBound(q)
	where := filterOf(q)
	switch {
	case w == byMonth:
		where.and(`month = ?`, q.Month)
	case q.Month != "":
		where.and(inMonth, q.Month)
	}
	index, order, start := "start", `starts_at, id`, `(starts_at, id)`
	if w == byMonth {
		// These are the same, and in the order of the months' key.
		order, start = `at, event_id`, `(at, event_id)`
	}
	switch q.Sort {
	case event.ByTitle:
		index, order = "title", `title_key, id`
		if q.After != nil {
			where.and(`(title_key, id) > (?, ?)`, q.After.TitleKey, q.After.ID)
		}
	case event.ByStartLatest:
		order = strings.ReplaceAll(order, `,`, ` DESC,`) + ` DESC`
		if q.After != nil {
			where.and(start+` < (?, ?)`, sqlitedb.Time(q.After.StartsAt), q.After.ID)
		}
	default:
		if q.After != nil {
			where.and(start+` > (?, ?)`, sqlitedb.Time(q.After.StartsAt), q.After.ID)
		}
	}
	source := where.from(index)
	switch w {
	case byStart:
		source = where.from("start")
	case bySearch:
		source = foundEvents
	case byMonth:
		source = ofMonth
	}
	if terms := q.Terms(); len(terms) > 0 && w == bySearch {
		where.and(`search MATCH ?`, match(terms))
	} else if len(terms) > 0 {
		where.and(isFound, match(terms))
	}
	const page = `SELECT id, version, inventory FROM `
	order = ` ORDER BY ` + order
	args := append(where.args, q.Limit)
	if q.IsSearch() && w == inOrder {
		// What is passed over is read from the index alone.
		return page + `events WHERE rowid IN (SELECT rowid FROM ` + source + where.String() + order + ` LIMIT ?)` + order, args
	}
	return page + source + where.String() + order + ` LIMIT ?`, args
}

// withoutOuterBound leaves out the start of q's range, or its cursor, whichever the
// other one implies: SQLite would search by one of them, and read all events up to
// the other.
func withoutOuterBound(q event.Query) event.Query {
	if q.After == nil {
		return q
	}
	at := q.After.StartsAt
	switch {
	case q.Sort == event.ByTitle:
	case q.Sort == event.ByStartLatest && !q.To.IsZero():
		if at.Before(q.To) {
			q.To = time.Time{}
		} else {
			q.After = nil
		}
	case q.Sort != event.ByStartLatest && !q.From.IsZero():
		if at.Before(q.From) {
			q.After = nil
		} else {
			q.From = time.Time{}
		}
	}
	return q
}

const (
	// ofMonth starts from the events of a month.
	ofMonth = `event_months CROSS JOIN events ON id = event_id`
	// inMonth asks of each event whether it is of a month.
	inMonth = `EXISTS (SELECT 1 FROM event_months WHERE month = ? AND at = starts_at AND event_id = id)`
)

const ofPage = selectEvent + `id IN (SELECT value FROM json_each(?))`

// complete reads the events that are missing on a page.
func (s *Store) complete(ctx context.Context, tx *sql.Tx, missing map[string]*event.Event) error {
	ids, err := json.Marshal(slices.Collect(maps.Keys(missing)))
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, ofPage, string(ids))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		s.cache.put(e)
		*missing[e.ID] = *e
	}
	return rows.Err()
}
