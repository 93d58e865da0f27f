package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// record is a row, as a database gave it.
type record struct {
	columns []string
	values  []any
}

// with is the values with some columns' own.
func (r record) with(changes map[string]any) []any {
	values := append([]any(nil), r.values...)
	for i, c := range r.columns {
		if v, ok := changes[c]; ok {
			values[i] = v
		}
	}
	return values
}

func (r record) names() string { return strings.Join(r.columns, ", ") }

// booked is all that the booking service stores of one booking that went well.
// The limit is what the database takes to store the same again: statement by
// statement as in services/booking/adapter, with nothing around them.
type booked struct {
	booking, key, message record
	steps                 []record // of the audit log
}

// readBooked reads the rows of a booking that the platform has made.
func readBooked(ctx context.Context, p *platform) (*booked, error) {
	db, err := p.openBookings()
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // it was read only
	var id string
	if err := db.QueryRowContext(ctx, `SELECT b.id FROM bookings b JOIN idempotency_keys k ON k.booking_id = b.id
		WHERE b.status = 'CONFIRMED' ORDER BY b.id DESC LIMIT 1`).Scan(&id); err != nil {
		return nil, fmt.Errorf("a booking to copy: %w", err)
	}
	b := &booked{}
	for _, t := range []struct {
		into         *record
		table, where string
	}{
		{&b.booking, "bookings", "id = '" + id + "'"},
		{&b.key, "idempotency_keys", "booking_id = '" + id + "'"},
		{&b.message, "outbox", "CAST(attributes AS TEXT) LIKE '%" + id + "%'"},
	} {
		rows, err := readRecords(ctx, db, "SELECT * FROM "+t.table+" WHERE "+t.where+" LIMIT 1")
		if err != nil || len(rows) != 1 {
			return nil, fmt.Errorf("%d rows of %s: %w", len(rows), t.table, err)
		}
		*t.into = rows[0]
	}
	b.steps, err = readRecords(ctx, db, "SELECT at, by, step, detail, booking_id, event_id, version FROM audit_log WHERE booking_id = '"+id+"' ORDER BY number")
	if err == nil && len(b.steps) < 2 {
		err = errors.New("the booking is not in the audit log")
	}
	return b, err
}

func readRecords(ctx context.Context, db *sql.DB, query string) (all []record, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		r := record{columns: columns, values: make([]any, len(columns))}
		into := make([]any, len(columns))
		for i := range into {
			into[i] = &r.values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// limit has so many workers call once, one time after the other, until the time
// is over.
func (b *bench) limit(what string, workers int, once func(ctx context.Context) error) (*Result, error) {
	r := &Result{What: what, Way: limits, Clients: workers}
	var mu sync.Mutex
	var took latencies
	var errs atomic.Pointer[error]
	var wg sync.WaitGroup
	began := time.Now()
	for range workers {
		wg.Go(func() {
			var mine latencies
			for time.Since(began) < b.time && b.ctx.Err() == nil {
				began := time.Now()
				if err := once(b.ctx); err != nil {
					errs.CompareAndSwap(nil, &err)
					break
				}
				mine = append(mine, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	wg.Wait()
	r.Seconds, r.Count = time.Since(began).Seconds(), len(took)
	took.into(r)
	r.rate()
	if err := errs.Load(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, *err)
	}
	return r, nil
}
