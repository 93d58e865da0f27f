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
	var page []event.Event
	err := s.db.Brief(ctx, func(brief context.Context, c *sql.Conn) error {
		// One transaction, so that what the cache lacks is read as of the page's
		// moment.
		tx, err := c.BeginTx(brief, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		found, err := listVersions(ctx, tx, q) // a search may take long
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
		return s.complete(brief, tx, missing)
	})
	return page, err
}

// listVersions reads the page, of each event no more than its versions.
func listVersions(ctx context.Context, tx *sql.Tx, q event.Query) ([]versions, error) {
	query, args := listQuery(q)
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

// listQuery is the statement that reads one page, in the order of an index.
func listQuery(q event.Query) (string, []any) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		where, args = append(where, condition), append(args, values...)
	}
	if q.Category != "" {
		and(`category_key = ?`, event.Fold(q.Category))
	}
	if q.City != "" {
		and(`city_key = ?`, event.Fold(q.City))
	}
	if !q.From.IsZero() {
		and(`starts_at >= ?`, sqlitedb.Time(q.From))
	}
	if !q.To.IsZero() {
		and(`starts_at < ?`, sqlitedb.Time(q.To))
	}
	for _, w := range q.Words() {
		and(`instr(search, ?) > 0`, w)
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
	query := `SELECT id, version, inventory FROM events`
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
