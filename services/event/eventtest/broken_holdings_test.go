package eventtest_test

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/openboxoffice/boxoffice/services/event"
)

// holdings is an event.Holdings that is one function.
type holdings func(ctx context.Context, after string, limit int) ([]event.Holding, error)

func (f holdings) Holdings(ctx context.Context, after string, limit int) ([]event.Holding, error) {
	return f(ctx, after, limit)
}

// list reads what a query, from the columns event_id, booking_id, attempt, state
// and tickets of all, makes of it.
func (b broken) list(ctx context.Context, rest string, args ...any) ([]event.Holding, error) {
	rows, err := b.db.Read.QueryContext(ctx, `
		SELECT event_id, booking_id, attempt, state, tickets FROM (
			SELECT r.*, (SELECT sum(quantity) FROM reservation_items WHERE booking_id = r.booking_id AND attempt = r.attempt) AS asked,
				(SELECT sum(quantity) FROM reservation_items WHERE booking_id = r.booking_id AND attempt = r.attempt) -
				coalesce((SELECT sum(quantity) FROM returned_items WHERE booking_id = r.booking_id AND attempt = r.attempt), 0) AS tickets
			FROM reservations r) `+rest, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return scanHoldings(rows)
}

func scanHoldings(rows *sql.Rows) ([]event.Holding, error) {
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

const everything = 1000

func listsReleased(b broken) holdings {
	return func(ctx context.Context, after string, _ int) ([]event.Holding, error) {
		return b.list(ctx, `WHERE booking_id > ? AND tickets > 0 ORDER BY booking_id, attempt`, after)
	}
}

func countsReturned(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.Store.Holdings(ctx, after, limit)
		for i := range page {
			r, getErr := b.Reservation(ctx, page[i].Key)
			if getErr != nil {
				return nil, getErr
			}
			page[i].Tickets = 0
			for _, item := range r.Items {
				page[i].Tickets += item.Quantity
			}
		}
		return page, err
	}
}

func listsEmpty(b broken) holdings {
	return func(ctx context.Context, after string, _ int) ([]event.Holding, error) {
		return b.list(ctx, `WHERE booking_id > ? AND state <> 'RELEASED' ORDER BY booking_id, attempt`, after)
	}
}

func callsAllHeld(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.Store.Holdings(ctx, after, limit)
		for i := range page {
			page[i].State = event.Held
		}
		return page, err
	}
}

func ordersAsText(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.Store.Holdings(ctx, after, limit)
		slices.SortFunc(page, func(x, y event.Holding) int {
			return cmp.Or(strings.Compare(x.BookingID, y.BookingID), strings.Compare(strconv.Itoa(x.Attempt), strconv.Itoa(y.Attempt)))
		})
		return page, err
	}
}

func splitsBookings(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.Store.Holdings(ctx, after, limit)
		return page[:min(limit, len(page))], err
	}
}

func filtersLate(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.list(ctx, `WHERE booking_id > ? AND state <> 'RELEASED' ORDER BY booking_id, attempt LIMIT ?`, after, limit)
		return slices.DeleteFunc(page, func(h event.Holding) bool { return h.Tickets == 0 }), err
	}
}

func repeatsBooking(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.list(ctx, `WHERE booking_id >= ? AND state <> 'RELEASED' AND tickets > 0 ORDER BY booking_id, attempt LIMIT 5`, after)
		if err != nil || len(page) < min(5, limit) {
			return page, err
		}
		rest, err := b.Store.Holdings(ctx, page[len(page)-1].BookingID, everything)
		return append(page, rest...), err
	}
}

// pagesByNumber counts what it has given, instead of going by the booking.
func pagesByNumber(b broken) holdings {
	var mu sync.Mutex
	given := 0
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		mu.Lock()
		defer mu.Unlock()
		if after == "" {
			given = 0
		}
		page, err := b.list(ctx, `WHERE state <> 'RELEASED' AND tickets > 0 ORDER BY booking_id, attempt LIMIT ? OFFSET ?`, limit, given)
		given += len(page)
		return page, err
	}
}

func answersNil(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, err := b.Store.Holdings(ctx, after, limit)
		return append([]event.Holding(nil), page...), err
	}
}

func hidesFailures(b broken) holdings {
	return func(ctx context.Context, after string, limit int) ([]event.Holding, error) {
		page, _ := b.Store.Holdings(ctx, after, limit)
		return append([]event.Holding{}, page...), nil
	}
}
