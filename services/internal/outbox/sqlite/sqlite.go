// Package sqlite keeps a service's outbox in the table outbox of the service's
// own SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Schema is the DDL of the table. A service has it in its first migration, as
// it stands here: its own tables and this one are one file and one history.
//
//go:embed schema.sql
var Schema string

// Store is an outbox.Store and its outbox.Archive.
type Store struct{ db *sqlitedb.DB }

var (
	_ outbox.Store   = (*Store)(nil)
	_ outbox.Archive = (*Store)(nil)
)

// New returns the outbox in db, whose migrations include Schema.
func New(db *sqlitedb.DB) *Store { return &Store{db: db} }

// Insert adds m to the outbox as part of tx, the transaction of the change
// that it tells of: both are committed or neither is. It is published at due,
// usually now, once Relay.Wake is called or its poll comes round. An m.ID that
// is there already is an error.
func Insert(ctx context.Context, tx *sql.Tx, topic string, m events.Message, due time.Time) error {
	attributes, data, err := messagerow.Split(m)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx,
		`INSERT INTO outbox (id, topic, attributes, data, time, due) VALUES (?, ?, ?, ?, ?, ?)`,
		m.ID, topic, attributes, data, sqlitedb.Time(m.Time), sqlitedb.Time(due))
	if err != nil {
		return fmt.Errorf("outbox: insert %s: %w", m.ID, err)
	}
	return nil
}

// Claim reads before it writes, so that a relay with nothing to do never takes
// the write lock.
func (s *Store) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	const due = `FROM outbox WHERE closed_at IS NULL AND due <= ?`
	var any bool
	if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+due+`)`, sqlitedb.Time(now)).Scan(&any); err != nil {
		return nil, err
	}
	entries := []outbox.Entry{}
	if !any {
		return entries, nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx,
			`SELECT `+columns+due+` ORDER BY due, id LIMIT ?`,
			sqlitedb.Time(now), limit)
		if err != nil {
			return err
		}
		if entries, err = scanAll(rows); err != nil {
			return err
		}
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.Message.ID
		}
		_, err = tx.ExecContext(ctx, `UPDATE outbox SET due = ? WHERE id IN (SELECT value FROM json_each(?))`,
			sqlitedb.Time(until), list(ids))
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// columns are what scan reads.
const columns = `id, time, topic, attributes, data, attempts, published_at, due `

// scanAll reads the entries, and closes rows.
func scanAll(rows *sql.Rows) ([]outbox.Entry, error) {
	defer rows.Close()
	entries := []outbox.Entry{}
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, rows.Err()
}

func scan(rows *sql.Rows) (outbox.Entry, error) {
	var e outbox.Entry
	var id, attributes string
	var data []byte
	var published sql.NullInt64
	var at, due int64
	if err := rows.Scan(&id, &at, &e.Topic, &attributes, &data, &e.Attempts, &published, &due); err != nil {
		return outbox.Entry{}, err
	}
	e.Read(id, sqlitedb.FromTime(at), attributes, data)
	e.PublishedAt, e.Due = sqlitedb.FromNullTime(published), sqlitedb.FromTime(due)
	return e, nil
}

// Published implements outbox.Store.
func (s *Store) Published(ctx context.Context, ids []string, at, next time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET attempts = attempts + 1, published_at = ?, due = ?
		WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each(?))`,
		sqlitedb.Time(at), sqlitedb.Time(next), list(ids))
}

// Postpone implements outbox.Store.
func (s *Store) Postpone(ctx context.Context, ids []string, next time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET due = ?
		WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each(?))`,
		sqlitedb.Time(next), list(ids))
}

// BringForward implements outbox.Store. It reads before it writes, as Claim does.
func (s *Store) BringForward(ctx context.Context, latest time.Time) error {
	var any bool
	if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM outbox WHERE closed_at IS NULL AND due > ?)`,
		sqlitedb.Time(latest)).Scan(&any); err != nil || !any {
		return err
	}
	return s.db.Sweep(ctx, `UPDATE outbox SET due = ?1 WHERE id IN (SELECT id FROM outbox WHERE closed_at IS NULL AND due > ?1 LIMIT ?2)`,
		sqlitedb.Time(latest), sqlitedb.Piece)
}

// Close implements outbox.Store.
func (s *Store) Close(ctx context.Context, ids []string, at time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET closed_at = ?
		WHERE closed_at IS NULL AND id IN (SELECT value FROM json_each(?))`,
		sqlitedb.Time(at), list(ids))
}

// Open implements outbox.Store.
func (s *Store) Open(ctx context.Context) (n int, oldest time.Time, err error) {
	var first sql.NullInt64
	err = s.db.Read.QueryRowContext(ctx, `SELECT count(*), min(time) FROM outbox WHERE closed_at IS NULL`).Scan(&n, &first)
	return n, sqlitedb.FromNullTime(first), err
}

// Prune implements outbox.Store.
func (s *Store) Prune(ctx context.Context, t time.Time) error {
	return s.db.Sweep(ctx, `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE closed_at < ? LIMIT ?)`,
		sqlitedb.Time(t), sqlitedb.Piece)
}

// EndLeases makes every open entry due now. It is for the start of the one
// process that works on this file: whatever is claimed, a killed one had.
func (s *Store) EndLeases(ctx context.Context, now time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET due = ?1 WHERE closed_at IS NULL AND due > ?1`, sqlitedb.Time(now))
}

func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// list is ids as a JSON array: one bound value, however many there are.
func list(ids []string) string {
	b, err := json.Marshal(ids)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(b)
}
