package main

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"

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
		"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_time_format=sqlite")
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // it was for this only
	db.SetMaxOpenConns(1)
	s, err := sqliteStatements(b.ctx, db, like)
	if err != nil {
		return nil, err
	}
	return b.limit("SQL alone on SQLite", workers, func(ctx context.Context) error { return s.book(ctx, db) })
}

// sqliteLimit is the statements of services/booking/adapter/sqlite, prepared,
// and what they store.
type sqliteLimit struct {
	like                                             *booked
	key, create, read, guard, update, entry, message *sql.Stmt
}

func sqliteStatements(ctx context.Context, db *sql.DB, like *booked) (*sqliteLimit, error) {
	s := &sqliteLimit{like: like}
	insert := func(table string, r record) string {
		return `INSERT INTO ` + table + ` (` + r.names() + `) VALUES (` + marks(len(r.columns)) + `)`
	}
	for into, query := range map[**sql.Stmt]string{
		&s.key:     insert("idempotency_keys", like.key),
		&s.create:  insert("bookings", like.booking),
		&s.read:    `SELECT ` + like.booking.names() + ` FROM bookings WHERE id = ?`,
		&s.guard:   `SELECT EXISTS (SELECT 1 FROM cancelled_events WHERE event_id = ?)`,
		&s.update:  `UPDATE bookings SET (` + like.booking.names() + `) = (` + marks(len(like.booking.columns)) + `) WHERE id = ?`,
		&s.entry:   insert("audit_log", like.steps[0]),
		&s.message: insert("outbox", like.message),
	} {
		var err error
		if *into, err = db.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// book makes a booking in two transactions: pending, confirmed.
func (s *sqliteLimit) book(ctx context.Context, db *sql.DB) error {
	v7, err := uuid.NewV7()
	if err != nil {
		return err
	}
	id := v7.String()
	return errors.Join(
		s.write(ctx, db, func(exec func(*sql.Stmt, []any) error, _ *sql.Tx) error {
			if err := exec(s.create, s.like.booking.with(map[string]any{"id": id, "status": "PENDING"})); err != nil {
				return err
			}
			if err := exec(s.key, s.like.key.with(map[string]any{"key": id, "booking_id": id})); err != nil {
				return err
			}
			return exec(s.entry, s.like.steps[0].with(map[string]any{"booking_id": id}))
		}),
		s.write(ctx, db, func(exec func(*sql.Stmt, []any) error, tx *sql.Tx) error {
			into := make([]any, len(s.like.booking.columns))
			for i := range into {
				into[i] = new(sql.RawBytes)
			}
			rows, err := tx.StmtContext(ctx, s.read).QueryContext(ctx, id)
			if err != nil {
				return err
			}
			for rows.Next() {
				err = errors.Join(err, rows.Scan(into...))
			}
			if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
				return err
			}
			var cancelled bool
			if err := tx.StmtContext(ctx, s.guard).QueryRowContext(ctx, id).Scan(&cancelled); err != nil {
				return err
			}
			if err := exec(s.update, append(s.like.booking.with(map[string]any{"id": id}), id)); err != nil {
				return err
			}
			for _, step := range s.like.steps[1:] {
				if err := exec(s.entry, step.with(map[string]any{"booking_id": id})); err != nil {
					return err
				}
			}
			return exec(s.message, s.like.message.with(map[string]any{"id": id, "closed_at": nil, "published_at": nil}))
		}))
}

func (s *sqliteLimit) write(ctx context.Context, db *sql.DB, fn func(exec func(*sql.Stmt, []any) error, tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(func(stmt *sql.Stmt, args []any) error {
		_, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
		return err
	}, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
