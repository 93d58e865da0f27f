package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// List implements event.Store.
func (s *Store) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.FindsNothing() {
		return []event.Event{}, nil
	}
	lane := s.db.List
	if len(q.Terms()) > 0 {
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
	few := false
	if terms := q.Terms(); len(terms) > 0 {
		var err error
		if few, err = findsFew(ctx, tx, terms); err != nil {
			return nil, err
		}
	}
	query, args := listQuery(q, few)
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

// listQuery is the statement that reads one page, in the order of an index; or,
// if its terms are found in few events, from these.
func listQuery(q event.Query, few bool) (string, []any) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	from := `events`
	switch terms := q.Terms(); {
	case len(terms) == 0:
	case few:
		from = bySearch
		and(`search MATCH ?`, match(terms))
	default:
		and(inSearch, match(terms))
	}
	if category := event.Fold(q.Category); category != "" {
		and(`category_key = ?`, category)
	}
	if city := event.Fold(q.City); city != "" {
		and(`city_key = ?`, city)
	}
	if !q.From.IsZero() {
		and(`starts_at >= ?`, sqlitedb.Time(q.From))
	}
	if !q.To.IsZero() {
		and(`starts_at < ?`, sqlitedb.Time(q.To))
	}
	var order string
	switch q.Sort {
	case event.ByTitle:
		order = `title_key, id`
		if q.After != nil {
			and(`(title_key, id) > (?, ?)`, q.After.TitleKey, q.After.ID)
		}
	case event.ByStartLatest:
		order = `starts_at DESC, id DESC`
		if q.After != nil {
			and(`(starts_at, id) < (?, ?)`, sqlitedb.Time(q.After.StartsAt), q.After.ID)
		}
	default:
		order = `starts_at, id`
		if q.After != nil {
			and(`(starts_at, id) > (?, ?)`, sqlitedb.Time(q.After.StartsAt), q.After.ID)
		}
	}
	query := `SELECT id, version, inventory FROM ` + from
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, ` AND `)
	}
	return query + ` ORDER BY ` + order + ` LIMIT ?`, append(args, q.Limit)
}

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
