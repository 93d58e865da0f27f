package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// putWords makes the event found by these words alone.
func putWords(ctx context.Context, tx *sql.Tx, id string, words []string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO search_numbers (event_id) VALUES (?) ON CONFLICT DO NOTHING`, id); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
		INSERT OR REPLACE INTO search (rowid, words) SELECT number, ? FROM search_numbers WHERE event_id = ?`,
		strings.Join(words, " "), id)
	return err
}

// match is the expression that finds each of the terms at the start of a word.
func match(terms []string) string {
	var all []string
	for _, t := range terms {
		all = append(all, `"`+t+`"*`) // a term has letters and digits alone
	}
	return strings.Join(all, " ")
}

const (
	// foundEvents starts from what the search finds.
	foundEvents = `search CROSS JOIN search_numbers ON number = search.rowid CROSS JOIN events ON id = event_id`
	// isFound asks of each event whether the search finds it.
	isFound = `(SELECT number FROM search_numbers WHERE event_id = events.id) IN (SELECT rowid FROM search WHERE search MATCH ?)`
)

// piece is how many events get new keys in one transaction: whoever writes
// meanwhile waits for no more.
const piece = 100

// Rekey replaces the keys that older rules than event.KeysVersion made. An event
// that is edited meanwhile has new keys.
func (s *Store) Rekey(ctx context.Context) error {
	for {
		old, err := s.withOldKeys(ctx)
		if err != nil {
			return err
		}
		keys := make([]event.Keys, len(old))
		for i := range old {
			keys[i] = s.keys(old[i])
		}
		if err := s.db.Write(ctx, func(tx *sql.Tx) error {
			for i, e := range old {
				if err := putKeys(ctx, tx, e.ID, e.Version, keys[i]); err != nil {
					return err
				}
				if err := putFilters(ctx, tx, e); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if len(old) < piece {
			return nil
		}
	}
}

func (s *Store) withOldKeys(ctx context.Context) ([]*event.Event, error) {
	rows, err := s.db.Read.QueryContext(ctx, selectEvent+`keys_version < ? LIMIT ?`, event.KeysVersion, piece)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var old []*event.Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		old = append(old, e)
	}
	return old, rows.Err()
}

// putFilters sets what this version of the event is found by, besides its keys. It
// changes nothing if the event has another one.
func putFilters(ctx context.Context, tx *sql.Tx, e *event.Event) error {
	price := e.LowestPrice()
	res, err := tx.ExecContext(ctx, `UPDATE events SET lowest_price = ?, currency = ? WHERE id = ? AND version = ?`,
		price.AmountMinor, price.Currency, e.ID, e.Version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM event_months WHERE event_id = ?`, e.ID); err != nil {
		return err
	}
	for _, month := range e.Months() {
		if _, err := tx.ExecContext(ctx, `INSERT INTO event_months (month, at, event_id) VALUES (?, ?, ?)`,
			month, sqlitedb.Time(e.StartsAt), e.ID); err != nil {
			return err
		}
	}
	return nil
}

// putKeys sets what this version of the event is found and sorted by. It changes
// nothing if the event has another one.
func putKeys(ctx context.Context, tx *sql.Tx, id string, version int64, k event.Keys) error {
	res, err := tx.ExecContext(ctx, `
		UPDATE events SET title_key = ?, category_key = ?, city_key = ?, keys_version = ? WHERE id = ? AND version = ?`,
		k.Title, k.Category, k.City, event.KeysVersion, id, version)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return putWords(ctx, tx, id, k.Words)
}
