package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// List implements event.Store.
func (s *Store) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	tx, err := s.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()

	query, args := listQuery(q)
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := []event.Event{}
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, *e)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return page, ticketTypes(ctx, tx, page)
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
	query := `SELECT ` + eventColumns + ` FROM events`
	if len(where) > 0 {
		query += ` WHERE ` + strings.Join(where, ` AND `)
	}
	return query + ` ORDER BY ` + order + ` LIMIT ?`, append(args, q.Limit)
}

const ofEvents = `
	SELECT event_id, id, name, price, currency, capacity, available
	FROM ticket_types WHERE event_id IN (SELECT value FROM json_each(?)) ORDER BY event_id, position`

// ticketTypes completes the events of a page.
func ticketTypes(ctx context.Context, tx *sql.Tx, page []event.Event) error {
	ids, of := make([]string, len(page)), map[string]*event.Event{}
	for i := range page {
		ids[i], of[page[i].ID] = page[i].ID, &page[i]
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, ofEvents, string(list))
	if err != nil {
		return err
	}
	return scanTicketTypes(rows, of)
}
