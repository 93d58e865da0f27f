// Package sqlite keeps events and their inventory in one SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
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
type Store struct {
	db    *sqlitedb.DB
	cache cache
	// keys is event.Event.Keys. It takes milliseconds for long texts, so no write
	// may wait for it.
	keys func(*event.Event) event.Keys
}

var (
	_ event.Store     = (*Store)(nil)
	_ event.Inventory = (*Store)(nil)
	_ event.Holdings  = (*Store)(nil)
)

// New returns the store in db, which was opened with Migrations.
func New(db *sqlitedb.DB) *Store {
	return &Store{db: db, cache: cache{events: map[string]*event.Event{}}, keys: (*event.Event).Keys}
}

// Create implements event.Store.
func (s *Store) Create(ctx context.Context, e *event.Event, most int) error {
	keys := s.keys(e)
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := count(ctx, tx, e, most); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO events (id, organizer_id, status, starts_at, ends_at, created_at, updated_at, version, inventory,
				time_zone, title, category, venue_name, address, city, country,
				title_key, category_key, city_key, description,
				free_hours, fee_basis_points, cancelled_at, cancellation_note,
				doors_at, max_per_booking, no_transfers, summary, language)
			VALUES (?, ?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?, ?, ?, ?, ?, '', '', '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, e.OrganizerID, e.Status, sqlitedb.Time(e.StartsAt), sqlitedb.Time(e.EndsAt),
			sqlitedb.Time(e.CreatedAt), sqlitedb.Time(e.UpdatedAt),
			e.TimeZone, e.Title, e.Category, e.Venue.Name, e.Venue.Address, e.Venue.City, e.Venue.Country,
			e.Description, e.CancellationPolicy.FreeHours, e.CancellationPolicy.FeeBasisPoints, sqlitedb.NullTime(e.CancelledAt), e.CancellationNote,
			sqlitedb.NullTime(e.DoorsAt), e.MaxPerBooking, e.NoTransfers, e.Summary, e.Language,
		); err != nil {
			return err
		}
		if err := putKeys(ctx, tx, e.ID, 1, keys); err != nil {
			return err
		}
		first := *e
		first.Version = 1
		if err := putFilters(ctx, tx, &first); err != nil {
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
	var e *event.Event
	err := s.db.Brief(ctx, func(ctx context.Context, c *sql.Conn) error {
		v := versions{id: id}
		err := c.QueryRowContext(ctx, `SELECT version, inventory FROM events WHERE id = ?`, id).Scan(&v.version, &v.inventory)
		if errors.Is(err, sql.ErrNoRows) {
			return event.ErrEventNotFound
		}
		if err != nil {
			return err
		}
		if cached, ok := s.cache.get(v); ok {
			e = &cached
			return nil
		}
		if e, err = get(ctx, c, id); err != nil {
			return err
		}
		s.cache.put(e)
		return nil
	})
	return e, err
}

// Update implements event.Store.
func (s *Store) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	return s.update(ctx, id, edit, func(*sql.Tx, *event.Event) error { return nil })
}

// Cancel implements event.Store.
func (s *Store) Cancel(ctx context.Context, id string, cancel func(*event.Event) (events.Message, error)) (*event.Event, error) {
	var m events.Message
	return s.update(ctx, id, func(e *event.Event) (err error) {
		m, err = cancel(e)
		return err
	}, func(tx *sql.Tx, _ *event.Event) error {
		if _, err := tx.ExecContext(ctx, `UPDATE events SET message_id = ? WHERE id = ?`, m.ID, id); err != nil {
			return err
		}
		return outbox.Insert(ctx, tx, events.TopicEvents, m, m.Time)
	})
}

// update makes the event what edit makes of it, and returns it. also is called in
// the same transaction. The keys are made before it, of the texts that edit made
// of the event as it was then; and again, if other texts have come of it.
func (s *Store) update(ctx context.Context, id string, edit func(*event.Event) error, also func(tx *sql.Tx, next *event.Event) error) (*event.Event, error) {
	before, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	next := new(clone(before))
	if err := edit(next); err != nil {
		return nil, err
	}
	for {
		var keys *event.Keys
		keyed := next
		if !keyed.SameTexts(before) {
			keys = new(s.keys(keyed))
		}
		err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
			if before, err = get(ctx, tx, id); err != nil {
				return err
			}
			next = new(clone(before))
			if err := edit(next); err != nil {
				return err
			}
			if err := before.Revise(next); err != nil {
				return err
			}
			if err := put(ctx, tx, next); err != nil {
				return err
			}
			if err := putFilters(ctx, tx, next); err != nil {
				return err
			}
			if !next.SameTexts(before) {
				if keys == nil || !next.SameTexts(keyed) {
					return errOtherTexts
				}
				if err := putKeys(ctx, tx, id, next.Version, *keys); err != nil {
					return err
				}
			}
			return also(tx, next)
		})
		if err == nil {
			return next, nil
		}
		if !errors.Is(err, errOtherTexts) {
			return nil, err
		}
	}
}

// errOtherTexts is that an edit has made other texts of an event than those that
// the keys are for: another edit came first.
var errOtherTexts = errors.New("the event has other texts")

// put replaces all of an event but its keys.
func put(ctx context.Context, tx *sql.Tx, e *event.Event) error {
	if _, err := tx.ExecContext(ctx, `
			UPDATE events SET organizer_id = ?, status = ?, starts_at = ?, ends_at = ?, created_at = ?, updated_at = ?, version = ?,
				time_zone = ?, title = ?, category = ?, venue_name = ?, address = ?, city = ?, country = ?,
				description = ?, free_hours = ?, fee_basis_points = ?, cancelled_at = ?, cancellation_note = ?,
				doors_at = ?, max_per_booking = ?, no_transfers = ?, summary = ?, language = ?
			WHERE id = ?`,
		e.OrganizerID, e.Status, sqlitedb.Time(e.StartsAt), sqlitedb.Time(e.EndsAt),
		sqlitedb.Time(e.CreatedAt), sqlitedb.Time(e.UpdatedAt), e.Version,
		e.TimeZone, e.Title, e.Category, e.Venue.Name, e.Venue.Address, e.Venue.City, e.Venue.Country,
		e.Description, e.CancellationPolicy.FreeHours, e.CancellationPolicy.FeeBasisPoints, sqlitedb.NullTime(e.CancelledAt), e.CancellationNote,
		sqlitedb.NullTime(e.DoorsAt), e.MaxPerBooking, e.NoTransfers, e.Summary, e.Language,
		e.ID,
	); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM ticket_types WHERE event_id = ?`, e.ID); err != nil {
		return err
	}
	for i, t := range e.TicketTypes {
		if err := putTicketType(ctx, tx, e.ID, i, t); err != nil {
			return err
		}
	}
	return nil
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
		if _, err := tx.ExecContext(ctx, `INSERT INTO deleted_events (event_id) VALUES (?)`, id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM events WHERE id = ?`, id)
		return err
	})
}

// These remove one piece of what a deleted event has left. A reservation's items
// are deleted with it: a booking has few.
const (
	sweepReservations = `
		DELETE FROM reservations WHERE (booking_id, attempt) IN
		(SELECT booking_id, attempt FROM reservations WHERE event_id = ? LIMIT ?)`
	sweepClosures = `
		DELETE FROM closures WHERE (event_id, booking_id) IN
		(SELECT event_id, booking_id FROM closures WHERE event_id = ? LIMIT ?)`
)

// SweepDeleted removes the reservations and closures of deleted events. It gives
// other writes a turn after each piece, and an interrupted one is continued by
// the next.
func (s *Store) SweepDeleted(ctx context.Context) error {
	for {
		var id string
		err := s.db.Read.QueryRowContext(ctx, `SELECT event_id FROM deleted_events LIMIT 1`).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, piece := range []string{sweepReservations, sweepClosures} {
			if err := s.db.Sweep(ctx, piece, id, sqlitedb.Piece); err != nil {
				return err
			}
		}
		if err := s.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM deleted_events WHERE event_id = ?`, id)
			return err
		}); err != nil {
			return err
		}
	}
}

func putTicketType(ctx context.Context, tx *sql.Tx, eventID string, position int, t event.TicketType) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO ticket_types (event_id, id, position, name, price, currency, capacity, available, description, sales_from, sales_until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		eventID, t.ID, position, t.Name, t.Price.AmountMinor, t.Price.Currency, t.Capacity, t.Available,
		t.Description, sqlitedb.NullTime(t.SalesFrom), sqlitedb.NullTime(t.SalesUntil))
	return err
}

// selectEvent reads whole events, each with its ticket types in one column: one
// statement sees one moment, without a transaction.
const selectEvent = `
	SELECT id, organizer_id, status, starts_at, ends_at, created_at, updated_at, version, inventory,
		time_zone, title, category, venue_name, address, city, country, description,
		free_hours, fee_basis_points, cancelled_at, cancellation_note, doors_at, max_per_booking, no_transfers, summary, language, image,
		(SELECT json_group_array(json_object('id', id, 'name', name, 'amount', price, 'currency', currency,
			'capacity', capacity, 'available', available, 'description', description, 'from', sales_from, 'until', sales_until) ORDER BY position)
		 FROM ticket_types WHERE event_id = events.id)
	FROM events WHERE `

// get reads an event, or returns ErrEventNotFound.
func get(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, id string,
) (*event.Event, error) {
	e, err := scanEvent(db.QueryRowContext(ctx, selectEvent+`id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, event.ErrEventNotFound
	}
	return e, err
}

func scanEvent(row interface{ Scan(dest ...any) error }) (*event.Event, error) {
	var e event.Event
	var starts, ends, created, updated int64
	var cancelled, doors sql.NullInt64
	var types, image []byte
	if err := row.Scan(&e.ID, &e.OrganizerID, &e.Status, &starts, &ends, &created, &updated, &e.Version, &e.Inventory,
		&e.TimeZone, &e.Title, &e.Category, &e.Venue.Name, &e.Venue.Address, &e.Venue.City, &e.Venue.Country,
		&e.Description, &e.CancellationPolicy.FreeHours, &e.CancellationPolicy.FeeBasisPoints, &cancelled, &e.CancellationNote,
		&doors, &e.MaxPerBooking, &e.NoTransfers, &e.Summary, &e.Language, &image, &types); err != nil {
		return nil, err
	}
	e.StartsAt, e.EndsAt = sqlitedb.FromTime(starts), sqlitedb.FromTime(ends)
	e.CreatedAt, e.UpdatedAt = sqlitedb.FromTime(created), sqlitedb.FromTime(updated)
	e.CancelledAt, e.DoorsAt = sqlitedb.FromNullTime(cancelled), sqlitedb.FromNullTime(doors)
	if len(image) > 0 {
		var row imageRow
		if err := json.Unmarshal(image, &row); err != nil {
			return nil, err
		}
		e.Image = new(event.Image(row))
	}
	var read []ticketType
	if err := json.Unmarshal(types, &read); err != nil {
		return nil, err
	}
	for _, t := range read {
		e.TicketTypes = append(e.TicketTypes, event.TicketType{
			ID: t.ID, Name: t.Name, Price: money.Amount{AmountMinor: t.Amount, Currency: t.Currency}, Capacity: t.Capacity, Available: t.Available,
			Description: t.Description, SalesFrom: fromOptional(t.From), SalesUntil: fromOptional(t.Until),
		})
	}
	return &e, nil
}

// ticketType is a ticket type as selectEvent makes it.
type ticketType struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Capacity  int    `json:"capacity"`
	Available int    `json:"available"`

	Description string `json:"description"`
	From        *int64 `json:"from"`
	Until       *int64 `json:"until"`
}

func fromOptional(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return sqlitedb.FromTime(*n)
}
