package sqlite

import (
	"context"
	"database/sql"

	"github.com/openboxoffice/boxoffice/services/event"
)

// The reservations that have tickets, of the bookings after one, and the further
// attempts of one booking. What is released is passed over: it is little beside
// what is sold.
const (
	holdings             = holdingsOf + `r.booking_id > ?` + thatHaveTickets + ` LIMIT ?`
	holdingsOfTheBooking = holdingsOf + `r.booking_id = ? AND r.attempt > ?` + thatHaveTickets

	holdingsOf = `
	SELECT event_id, booking_id, attempt, state, tickets FROM (
		SELECT r.event_id, r.booking_id, r.attempt, r.state,
			(SELECT sum(i.quantity) FROM reservation_items i
			 WHERE i.booking_id = r.booking_id AND i.attempt = r.attempt) -
			coalesce((SELECT sum(b.quantity) FROM returned_items b
			 WHERE b.booking_id = r.booking_id AND b.attempt = r.attempt), 0) AS tickets
		FROM reservations r WHERE r.state <> 'RELEASED' AND `
	thatHaveTickets = `)
	WHERE tickets > 0 ORDER BY booking_id, attempt`
)

// Holdings implements event.Holdings.
func (s *Store) Holdings(ctx context.Context, after string, limit int) ([]event.Holding, error) {
	var page []event.Holding
	// One transaction, so that a booking's attempts are of one moment.
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		page, err = listHoldings(ctx, tx, holdings, after, limit)
		if err != nil || len(page) < limit {
			return err
		}
		last := page[len(page)-1]
		rest, err := listHoldings(ctx, tx, holdingsOfTheBooking, last.BookingID, last.Attempt)
		page = append(page, rest...)
		return err
	})
	return page, err
}

func listHoldings(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]event.Holding, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []event.Holding{}
	for rows.Next() {
		var h event.Holding
		if err := rows.Scan(&h.EventID, &h.BookingID, &h.Attempt, &h.State, &h.Tickets); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, rows.Err()
}
