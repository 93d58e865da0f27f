package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	inbox "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
)

// Reserve implements event.Inventory.
func (s *Store) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	var r *event.Reservation
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		earlier, err := reservation(ctx, tx, k.BookingID, k.Attempt)
		switch {
		case errors.Is(err, event.ErrReservationNotFound):
		case err != nil:
			return err
		case earlier.EventID != k.EventID:
			return event.ErrReservationMismatch
		case earlier.State == event.Released:
			return event.ErrReservationReleased
		case !earlier.IsFor(want):
			return event.ErrReservationMismatch
		default:
			r = earlier
			return nil
		}
		var closed bool
		if err := tx.QueryRowContext(ctx, `
			SELECT EXISTS (SELECT 1 FROM closures JOIN events ON id = event_id WHERE event_id = ? AND booking_id = ? AND attempt >= ?)`,
			k.EventID, k.BookingID, k.Attempt).Scan(&closed); err != nil {
			return err
		}
		if closed {
			return event.ErrReservationReleased
		}
		e, err := get(ctx, tx, k.EventID)
		if err != nil {
			return err
		}
		items, err := e.Reserve(want, now)
		if err != nil {
			return err
		}
		r = &event.Reservation{Key: k, State: event.Held, Event: e.Snapshot(), Items: items}
		return take(ctx, tx, r)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// take writes the reservation and what it leaves.
func take(ctx context.Context, tx *sql.Tx, r *event.Reservation) error {
	snapshot, err := json.Marshal(r.Event)
	if err != nil {
		return err
	}
	// One of a deleted event may not have been swept yet.
	if _, err := tx.ExecContext(ctx, `
		INSERT OR REPLACE INTO reservations (booking_id, attempt, event_id, state, event) VALUES (?, ?, ?, ?, ?)`,
		r.BookingID, r.Attempt, r.EventID, r.State, string(snapshot)); err != nil {
		return err
	}
	for i, item := range r.Items {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO reservation_items (booking_id, attempt, position, ticket_type_id, name, quantity, price, currency, type_position)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.BookingID, r.Attempt, i, item.TicketTypeID, item.Name, item.Quantity, item.UnitPrice.AmountMinor, item.UnitPrice.Currency, item.Position); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE ticket_types SET available = available - ? WHERE event_id = ? AND id = ?`,
			item.Quantity, r.EventID, item.TicketTypeID); err != nil {
			return err
		}
	}
	return changed(ctx, tx, r.EventID)
}

// Release implements event.Inventory.
func (s *Store) Release(ctx context.Context, k event.Key) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return release(ctx, tx, k) })
}

// Sell implements event.Inventory.
func (s *Store) Sell(ctx context.Context, messageID string, k event.Key) error {
	return s.hear(ctx, messageID, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			UPDATE reservations SET state = 'SOLD'
			WHERE booking_id = ? AND attempt = ? AND event_id = ? AND state = 'HELD'`,
			k.BookingID, k.Attempt, k.EventID)
		return err
	})
}

// GiveBack implements event.Inventory.
func (s *Store) GiveBack(ctx context.Context, messageID string, k event.Key) error {
	return s.hear(ctx, messageID, func(tx *sql.Tx) error {
		if err := release(ctx, tx, k); !errors.Is(err, event.ErrEventNotFound) {
			return err
		}
		return nil
	})
}

// hear records the message, and lets it have its effect if it is new.
func (s *Store) hear(ctx context.Context, messageID string, effect func(tx *sql.Tx) error) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		fresh, err := inbox.Record(ctx, tx, messageID, time.Now())
		if err != nil || !fresh {
			return err
		}
		return effect(tx)
	})
}

// releaseTickets gives back what the attempts up to one have left at an event.
const releaseTickets = `
	UPDATE ticket_types SET available = available + back.quantity
	FROM (SELECT i.ticket_type_id, sum(i.quantity - coalesce(
	          (SELECT sum(b.quantity) FROM returned_items b
	           WHERE b.booking_id = i.booking_id AND b.attempt = i.attempt AND b.ticket_type_id = i.ticket_type_id), 0)) AS quantity
	      FROM reservations r JOIN reservation_items i USING (booking_id, attempt)
	      WHERE r.booking_id = ? AND r.attempt <= ? AND r.event_id = ? AND r.state <> 'RELEASED'
	      GROUP BY i.ticket_type_id) AS back
	WHERE ticket_types.event_id = ? AND ticket_types.id = back.ticket_type_id`

const releaseReservations = `
	UPDATE reservations SET state = 'RELEASED' WHERE booking_id = ? AND attempt <= ? AND event_id = ? AND state <> 'RELEASED'`

// release closes the attempts up to k's and gives back what they have.
func release(ctx context.Context, tx *sql.Tx, k event.Key) error {
	res, err := tx.ExecContext(ctx, `
		INSERT INTO closures (event_id, booking_id, attempt) SELECT id, ?, ? FROM events WHERE id = ?
		ON CONFLICT (event_id, booking_id) DO UPDATE SET attempt = max(attempt, excluded.attempt)`,
		k.BookingID, k.Attempt, k.EventID)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return event.ErrEventNotFound
	}
	if _, err := tx.ExecContext(ctx, releaseTickets,
		k.BookingID, k.Attempt, k.EventID, k.EventID); err != nil {
		return err
	}
	res, err = tx.ExecContext(ctx, releaseReservations, k.BookingID, k.Attempt, k.EventID)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // nothing was held
	}
	return changed(ctx, tx, k.EventID)
}

// changed says that tickets of the event were taken or given back. Without it,
// who has read the event before would not read it again: see cache.
func changed(ctx context.Context, tx *sql.Tx, eventID string) error {
	_, err := tx.ExecContext(ctx, `UPDATE events SET inventory = inventory + 1 WHERE id = ?`, eventID)
	return err
}

// Reservation implements event.Inventory.
func (s *Store) Reservation(ctx context.Context, k event.Key) (*event.Reservation, error) {
	tx, err := s.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	r, err := reservation(ctx, tx, k.BookingID, k.Attempt)
	if err == nil && r.EventID != k.EventID {
		return nil, event.ErrReservationNotFound
	}
	return r, err
}

// reservation reads what an attempt has reserved, at whatever event, or
// returns ErrReservationNotFound, also where that event was deleted.
func reservation(ctx context.Context, tx *sql.Tx, bookingID string, attempt int) (*event.Reservation, error) {
	r := &event.Reservation{Key: event.Key{BookingID: bookingID, Attempt: attempt}}
	var snapshot string
	err := tx.QueryRowContext(ctx, `
		SELECT event_id, state, event FROM reservations
		WHERE booking_id = ? AND attempt = ? AND EXISTS (SELECT 1 FROM events WHERE id = event_id)`,
		bookingID, attempt).Scan(&r.EventID, &r.State, &snapshot)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, event.ErrReservationNotFound
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(snapshot), &r.Event); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `
		SELECT ticket_type_id, name, quantity, price, currency, type_position
		FROM reservation_items WHERE booking_id = ? AND attempt = ? ORDER BY position`, bookingID, attempt)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var item events.Item
		if err := rows.Scan(&item.TicketTypeID, &item.Name, &item.Quantity, &item.UnitPrice.AmountMinor, &item.UnitPrice.Currency, &item.Position); err != nil {
			return nil, err
		}
		r.Items = append(r.Items, item)
	}
	return r, rows.Err()
}
