package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openboxoffice/boxoffice/services/event"
)

// Return implements event.Inventory.
func (s *Store) Return(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return giveSomeBack(ctx, tx, k, returnID, items) })
}

// ReturnHeard implements event.Inventory.
func (s *Store) ReturnHeard(ctx context.Context, messageID string, k event.Key, returnID string, items []event.Request) error {
	return s.hear(ctx, messageID, func(tx *sql.Tx) error {
		err := giveSomeBack(ctx, tx, k, returnID, items)
		if errors.Is(err, event.ErrEventNotFound) || errors.Is(err, event.ErrReservationNotFound) {
			return nil
		}
		return err
	})
}

func giveSomeBack(ctx context.Context, tx *sql.Tx, k event.Key, returnID string, items []event.Request) error {
	r, err := reservation(ctx, tx, k.BookingID, k.Attempt)
	if errors.Is(err, event.ErrReservationNotFound) || (err == nil && r.EventID != k.EventID) {
		return noReservation(ctx, tx, k.EventID)
	}
	if err != nil {
		return err
	}
	byID, all, err := returned(ctx, tx, k)
	if err != nil {
		return err
	}
	if earlier, ok := byID[returnID]; ok {
		if !event.SameTickets(earlier, items) {
			return event.ErrReservationMismatch
		}
		return nil
	}
	if r.State == event.Released {
		return nil
	}
	if err := r.Return(all, items); err != nil {
		return err
	}
	for _, item := range items {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO returned_items (booking_id, attempt, return_id, ticket_type_id, quantity) VALUES (?, ?, ?, ?, ?)`,
			k.BookingID, k.Attempt, returnID, item.TicketTypeID, item.Quantity); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE ticket_types SET available = available + ? WHERE event_id = ? AND id = ?`,
			item.Quantity, k.EventID, item.TicketTypeID); err != nil {
			return err
		}
	}
	return changed(ctx, tx, k.EventID)
}

// noReservation is ErrReservationNotFound, or ErrEventNotFound.
func noReservation(ctx context.Context, tx *sql.Tx, eventID string) error {
	var there bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events WHERE id = ?)`, eventID).Scan(&there); err != nil {
		return err
	}
	if !there {
		return event.ErrEventNotFound
	}
	return event.ErrReservationNotFound
}

// returned reads what has come back of an attempt, by return and altogether.
func returned(ctx context.Context, tx *sql.Tx, k event.Key) (byID map[string][]event.Request, all []event.Request, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT return_id, ticket_type_id, quantity FROM returned_items WHERE booking_id = ? AND attempt = ?`, k.BookingID, k.Attempt)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	byID = map[string][]event.Request{}
	for rows.Next() {
		var id string
		var item event.Request
		if err := rows.Scan(&id, &item.TicketTypeID, &item.Quantity); err != nil {
			return nil, nil, err
		}
		byID[id], all = append(byID[id], item), append(all, item)
	}
	return byID, all, rows.Err()
}
