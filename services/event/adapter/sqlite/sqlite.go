// Package sqlite keeps events and their inventory in one SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the goose migrations of the service's file, the tables
// of the inbox and the outbox included.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// Store is an event.Store, an event.Inventory and its event.Holdings: what an
// event is and what is left of it change in one transaction.
type Store struct{ db *sqlitedb.DB }

var (
	_ event.Store     = (*Store)(nil)
	_ event.Inventory = (*Store)(nil)
	_ event.Holdings  = (*Store)(nil)
)

// New returns the store in db, which was opened with Migrations.
func New(db *sqlitedb.DB) *Store { return &Store{db: db} }

// Create implements event.Store.
func (s *Store) Create(ctx context.Context, e *event.Event) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO events (id, organizer_id, status, starts_at, ends_at, created_at, updated_at, version, inventory,
				time_zone, title, category, venue_name, address, city, country,
				title_key, category_key, city_key, description, search,
				free_hours, fee_basis_points, cancelled_at, cancellation_note)
			VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, e.OrganizerID, e.Status, sqlitedb.Time(e.StartsAt), sqlitedb.Time(e.EndsAt),
			sqlitedb.Time(e.CreatedAt), sqlitedb.Time(e.UpdatedAt),
			e.TimeZone, e.Title, e.Category, e.Venue.Name, e.Venue.Address, e.Venue.City, e.Venue.Country,
			event.Fold(e.Title), event.Fold(e.Category), event.Fold(e.Venue.City), e.Description, e.SearchText(),
			e.CancellationPolicy.FreeHours, e.CancellationPolicy.FeeBasisPoints, sqlitedb.NullTime(e.CancelledAt), e.CancellationNote,
		); err != nil {
			return err
		}
		for i, t := range e.TicketTypes {
			t.Available = t.Capacity
			if err := putTicketType(ctx, tx, e.ID, i, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// Get implements event.Store.
func (s *Store) Get(ctx context.Context, id string) (*event.Event, error) {
	// One transaction, so that the versions and what is available are of one
	// moment.
	tx, err := s.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	return get(ctx, tx, id)
}

// Update implements event.Store.
func (s *Store) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	var next *event.Event
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		next, err = update(ctx, tx, id, edit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Cancel implements event.Store.
func (s *Store) Cancel(ctx context.Context, id string, cancel func(*event.Event) (events.Message, error)) (*event.Event, error) {
	var next *event.Event
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var m events.Message
		var err error
		if next, err = update(ctx, tx, id, func(e *event.Event) error {
			m, err = cancel(e)
			return err
		}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE events SET message_id = ? WHERE id = ?`, m.ID, id); err != nil {
			return err
		}
		return outbox.Insert(ctx, tx, events.TopicEvents, m, m.Time)
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// update makes the event what edit makes of it, and returns it.
func update(ctx context.Context, tx *sql.Tx, id string, edit func(*event.Event) error) (*event.Event, error) {
	e, err := get(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	next, err := get(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if err := edit(next); err != nil {
		return nil, err
	}
	if err := e.Revise(next); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `
			UPDATE events SET organizer_id = ?, status = ?, starts_at = ?, ends_at = ?, created_at = ?, updated_at = ?, version = ?,
				time_zone = ?, title = ?, category = ?, venue_name = ?, address = ?, city = ?, country = ?,
				title_key = ?, category_key = ?, city_key = ?, description = ?, search = ?,
				free_hours = ?, fee_basis_points = ?, cancelled_at = ?, cancellation_note = ?
			WHERE id = ?`,
		next.OrganizerID, next.Status, sqlitedb.Time(next.StartsAt), sqlitedb.Time(next.EndsAt),
		sqlitedb.Time(next.CreatedAt), sqlitedb.Time(next.UpdatedAt), next.Version,
		next.TimeZone, next.Title, next.Category, next.Venue.Name, next.Venue.Address, next.Venue.City, next.Venue.Country,
		event.Fold(next.Title), event.Fold(next.Category), event.Fold(next.Venue.City), next.Description, next.SearchText(),
		next.CancellationPolicy.FreeHours, next.CancellationPolicy.FeeBasisPoints, sqlitedb.NullTime(next.CancelledAt), next.CancellationNote,
		id,
	); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM ticket_types WHERE event_id = ?`, id); err != nil {
		return nil, err
	}
	for i, t := range next.TicketTypes {
		if err := putTicketType(ctx, tx, id, i, t); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// Delete implements event.Store.
func (s *Store) Delete(ctx context.Context, id string, check func(*event.Event) error) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		e, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := check(e); err != nil {
			return err
		}
		if e.Available() < e.Capacity() {
			return event.ErrEventHasBookings
		}
		var untold bool
		if err := tx.QueryRowContext(ctx, `
			SELECT EXISTS (SELECT 1 FROM events e JOIN outbox o ON o.id = e.message_id WHERE e.id = ? AND o.closed_at IS NULL)`,
			id).Scan(&untold); err != nil {
			return err
		}
		if untold {
			return event.ErrNotTold
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM events WHERE id = ?`, id)
		return err
	})
}

func putTicketType(ctx context.Context, tx *sql.Tx, eventID string, position int, t event.TicketType) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO ticket_types (event_id, id, position, name, price, currency, capacity, available)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		eventID, t.ID, position, t.Name, t.Price.AmountMinor, t.Price.Currency, t.Capacity, t.Available)
	return err
}

const eventColumns = `id, organizer_id, status, starts_at, ends_at, created_at, updated_at, version, inventory,
	time_zone, title, category, venue_name, address, city, country, description,
	free_hours, fee_basis_points, cancelled_at, cancellation_note`

// get reads an event, or returns ErrEventNotFound.
func get(ctx context.Context, tx *sql.Tx, id string) (*event.Event, error) {
	e, err := scanEvent(tx.QueryRowContext(ctx, `SELECT `+eventColumns+` FROM events WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, event.ErrEventNotFound
	}
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `
		SELECT event_id, id, name, price, currency, capacity, available
		FROM ticket_types WHERE event_id = ? ORDER BY position`, id)
	if err != nil {
		return nil, err
	}
	err = scanTicketTypes(rows, map[string]*event.Event{id: e})
	return e, err
}

func scanEvent(row interface{ Scan(dest ...any) error }) (*event.Event, error) {
	var e event.Event
	var starts, ends, created, updated int64
	var cancelled sql.NullInt64
	if err := row.Scan(&e.ID, &e.OrganizerID, &e.Status, &starts, &ends, &created, &updated, &e.Version, &e.Inventory,
		&e.TimeZone, &e.Title, &e.Category, &e.Venue.Name, &e.Venue.Address, &e.Venue.City, &e.Venue.Country,
		&e.Description, &e.CancellationPolicy.FreeHours, &e.CancellationPolicy.FeeBasisPoints, &cancelled, &e.CancellationNote); err != nil {
		return nil, err
	}
	e.StartsAt, e.EndsAt = sqlitedb.FromTime(starts), sqlitedb.FromTime(ends)
	e.CreatedAt, e.UpdatedAt = sqlitedb.FromTime(created), sqlitedb.FromTime(updated)
	e.CancelledAt = sqlitedb.FromNullTime(cancelled)
	return &e, nil
}

// scanTicketTypes adds each row's ticket type to its event, and closes rows.
func scanTicketTypes(rows *sql.Rows, of map[string]*event.Event) error {
	defer rows.Close()
	for rows.Next() {
		var eventID string
		var t event.TicketType
		if err := rows.Scan(&eventID, &t.ID, &t.Name, &t.Price.AmountMinor, &t.Price.Currency, &t.Capacity, &t.Available); err != nil {
			return err
		}
		e := of[eventID]
		e.TicketTypes = append(e.TicketTypes, t)
	}
	return rows.Err()
}
