// Package postgres keeps a service's outbox in the table outbox of the
// service's own PostgreSQL database.
package postgres

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// Schema is the DDL of the table. A service has it in its first migration, as
// it stands here: its own tables and this one are one database and one history.
//
//go:embed schema.sql
var Schema string

// Store is an outbox.Store and its outbox.Archive.
type Store struct{ db *postgresdb.DB }

var (
	_ outbox.Store   = (*Store)(nil)
	_ outbox.Archive = (*Store)(nil)
)

// New returns the outbox in db, whose migrations include Schema.
func New(db *postgresdb.DB) *Store { return &Store{db: db} }

// Insert adds m to the outbox as part of tx, the transaction of the change
// that it tells of: both are committed or neither is. It is published at due,
// usually now, once Relay.Wake is called or its poll comes round. An m.ID that
// is there already is an error.
//
// The commit notifies Listen when nothing else was due: whoever works on what
// is due finds this, too. It does not notify each time because PostgreSQL makes
// the commits of all transactions that do one after the other.
func Insert(ctx context.Context, tx pgx.Tx, topic string, m events.Message, due time.Time) error {
	var args []any
	with, err := InsertFor(`(VALUES (1)) AS one`, topic, due, []events.Message{m}, func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `WITH `+with+` SELECT count(*) FROM notified`, args...); err != nil {
		return fmt.Errorf("outbox: insert %s: %w", m.ID, err)
	}
	return nil
}

// InsertFor is Insert of several messages as part of a statement: it returns the
// CTEs inserted and notified, which add the messages if the CTE change has its one row.
// The statement has to read notified. parameter returns the place of an argument.
func InsertFor(change, topic string, due time.Time, messages []events.Message, parameter func(any) string) (with string, err error) {
	ids, times := make([]string, len(messages)), make([]time.Time, len(messages))
	attributes, data := make([]string, len(messages)), make([][]byte, len(messages))
	for i, m := range messages {
		if attributes[i], data[i], err = messagerow.Split(m); err != nil {
			return "", err
		}
		ids[i], times[i] = m.ID, m.Time
	}
	at := parameter(due)
	return `inserted AS (
			INSERT INTO outbox (id, topic, attributes, data, time, due)
			SELECT m.id, ` + parameter(topic) + `, m.attributes::json, m.data, m.time, ` + at + `
			FROM ` + change + ` CROSS JOIN unnest(` + parameter(ids) + `::text[], ` + parameter(attributes) + `::text[], ` +
		parameter(data) + `::bytea[], ` + parameter(times) + `::timestamptz[]) AS m (id, attributes, data, time)
			RETURNING id),
		notified AS (
			SELECT pg_notify('outbox', '') WHERE EXISTS (SELECT FROM inserted) AND NOT EXISTS (
				SELECT FROM outbox WHERE closed_at IS NULL AND due <= ` + at + `))`, nil
}

// Claim implements outbox.Store. What another is claiming is skipped, not
// waited for; what another has claimed since the statement began is looked at
// as it is now, and is not due any more.
func (s *Store) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	var entries []outbox.Entry
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT `+columns+` FROM outbox
			WHERE closed_at IS NULL AND due <= $1 ORDER BY due, id LIMIT $2 FOR UPDATE SKIP LOCKED`, now, limit)
		if err != nil {
			return err
		}
		if entries, err = pgx.CollectRows(rows, scan); err != nil || len(entries) == 0 {
			return err
		}
		ids := make([]string, len(entries))
		for i, e := range entries {
			ids[i] = e.Message.ID
		}
		_, err = tx.Exec(ctx, `UPDATE outbox SET due = $2 WHERE id = ANY($1)`, ids, until)
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// columns are what scan reads.
const columns = `id, time, topic, attributes, data, attempts, published_at, due`

func scan(row pgx.CollectableRow) (e outbox.Entry, err error) {
	var id, attributes string
	var at time.Time
	var data []byte
	if err := row.Scan(&id, &at, &e.Topic, &attributes, &data, &e.Attempts, (*postgresdb.NullTime)(&e.PublishedAt), &e.Due); err != nil {
		return outbox.Entry{}, err
	}
	e.Read(id, at, attributes, data)
	return e, nil
}

// Published implements outbox.Store.
func (s *Store) Published(ctx context.Context, ids []string, at, next time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET attempts = attempts + 1, published_at = $2, due = $3
		WHERE closed_at IS NULL AND id = ANY($1)`, ids, at, next)
}

// Postpone implements outbox.Store.
func (s *Store) Postpone(ctx context.Context, ids []string, next time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET due = $2 WHERE closed_at IS NULL AND id = ANY($1)`, ids, next)
}

// BringForward implements outbox.Store. What another is changing gets a new Due
// anyway.
func (s *Store) BringForward(ctx context.Context, latest time.Time) error {
	return s.db.Sweep(ctx, `
		UPDATE outbox SET due = $1 WHERE id = ANY (ARRAY(
			SELECT id FROM outbox WHERE closed_at IS NULL AND due > $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`, latest)
}

// Close implements outbox.Store.
func (s *Store) Close(ctx context.Context, ids []string, at time.Time) error {
	return s.exec(ctx, `UPDATE outbox SET closed_at = $2 WHERE closed_at IS NULL AND id = ANY($1)`, ids, at)
}

// Open implements outbox.Store.
func (s *Store) Open(ctx context.Context) (n int, oldest time.Time, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT count(*), min(time) FROM outbox WHERE closed_at IS NULL`).
			Scan(&n, (*postgresdb.NullTime)(&oldest))
	})
	return n, oldest, err
}

// Prune implements outbox.Store.
func (s *Store) Prune(ctx context.Context, t time.Time) error {
	return s.db.Sweep(ctx, `
		DELETE FROM outbox WHERE id = ANY (ARRAY(
			SELECT id FROM outbox WHERE closed_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`, t)
}

func (s *Store) exec(ctx context.Context, sql string, args ...any) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
}
