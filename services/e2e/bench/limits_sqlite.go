package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
)

// limitSQLite is what a SQLite file takes by database/sql alone, one transaction
// after the other, each synced: as services/internal/sqlitedb sets it.
func (b *bench) limitSQLite(dir string, like *booked, workers int) (*Result, error) {
	path := filepath.Join(dir, "limit.db")
	store, err := sqlite.Open(b.ctx, path) // it has the tables now
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_time_format=sqlite")
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // it was for this only
	db.SetMaxOpenConns(1)
	s, err := sqliteStatements(b.ctx, db, like)
	if err != nil {
		return nil, err
	}
	return b.limit("SQL alone on SQLite", workers, func(ctx context.Context) error { return s.book(ctx) })
}

// sqliteLimit is the statements of services/booking/adapter/sqlite, prepared on
// the one connection, and what they store.
type sqliteLimit struct {
	turn                                                        sync.Mutex
	like                                                        *booked
	begin, commit, rollback                                     *sql.Stmt
	account, key, create, read, guard, update, entries, message *sql.Stmt
}

func sqliteStatements(ctx context.Context, db *sql.DB, like *booked) (*sqliteLimit, error) {
	s := &sqliteLimit{like: like}
	insert := func(table string, r record) string {
		return `INSERT INTO ` + table + ` (` + r.names() + `) VALUES (` + marks(len(r.columns)) + `)`
	}
	for into, query := range map[**sql.Stmt]string{
		&s.begin: `BEGIN IMMEDIATE`, &s.commit: `COMMIT`, &s.rollback: `ROLLBACK`,
		&s.account: `SELECT
			(SELECT sum(unpaid_tickets) FROM bookings WHERE user_id = ?1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = ?1 AND unpaid_tickets > 0),
			(SELECT count(*) FROM bookings WHERE user_id = ?1 AND reason = 'payment_declined' AND updated_at >= 0)`,
		&s.key:    insert("idempotency_keys", like.key),
		&s.create: insert("bookings", like.booking),
		&s.read:   `SELECT ` + like.booking.names() + ` FROM bookings WHERE id = ?`,
		&s.guard:  `SELECT EXISTS (SELECT 1 FROM cancelled_events WHERE event_id = ?)`,
		&s.update: `UPDATE bookings SET (` + like.booking.names() + `) = (` + marks(len(like.booking.columns)) + `) WHERE id = ?`,
		&s.entries: `INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
			SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2, ?3, ?4 FROM json_each(?1)`,
		&s.message: insert("outbox", like.message),
	} {
		var err error
		if *into, err = db.PrepareContext(ctx, query); err != nil { //nolint:sqlclosecheck // db's Close closes them
			return nil, err
		}
	}
	return s, nil
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// book makes a booking in two transactions: pending, confirmed.
func (s *sqliteLimit) book(ctx context.Context) error {
	v7, err := uuid.NewV7()
	if err != nil {
		return err
	}
	id := v7.String()
	exec := func(stmt *sql.Stmt, args []any) error {
		_, err := stmt.ExecContext(ctx, args...)
		return err
	}
	return errors.Join(
		s.write(ctx, func() error {
			var unpaid, declined sql.NullInt64
			if err := s.account.QueryRowContext(ctx, id).Scan(&unpaid, &declined); err != nil {
				return err
			}
			if err := exec(s.create, s.like.booking.with(map[string]any{"id": id, "status": "PENDING", "unpaid_tickets": 1})); err != nil {
				return err
			}
			if err := exec(s.key, s.like.key.with(map[string]any{"key": id, "booking_id": id})); err != nil {
				return err
			}
			return s.enter(ctx, id, s.like.steps[:1])
		}),
		s.write(ctx, func() error {
			read := make([]any, len(s.like.booking.columns))
			for i := range read {
				read[i] = new(any)
			}
			if err := s.read.QueryRowContext(ctx, id).Scan(read...); err != nil {
				return err
			}
			var cancelled bool
			if err := s.guard.QueryRowContext(ctx, id).Scan(&cancelled); err != nil {
				return err
			}
			if err := exec(s.update, append(s.like.booking.with(map[string]any{"id": id}), id)); err != nil {
				return err
			}
			if err := s.enter(ctx, id, s.like.steps[1:]); err != nil {
				return err
			}
			return exec(s.message, s.like.message.with(map[string]any{"id": id, "closed_at": nil, "published_at": nil}))
		}))
}

// enter enters steps in the audit log.
func (s *sqliteLimit) enter(ctx context.Context, id string, steps []record) error {
	rows := make([][]any, len(steps))
	for i, step := range steps {
		rows[i] = step.values[:4] // at, by, step, detail
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = s.entries.ExecContext(ctx, string(text), id, "event", 1)
	return err
}

// write runs fn as a transaction, when it is its turn.
func (s *sqliteLimit) write(ctx context.Context, fn func() error) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if _, err := s.begin.ExecContext(ctx); err != nil {
		return err
	}
	if err := fn(); err != nil {
		_, rollbackErr := s.rollback.ExecContext(context.WithoutCancel(ctx))
		return errors.Join(err, rollbackErr)
	}
	_, err := s.commit.ExecContext(ctx)
	return err
}
