// Package sqlite keeps a consumer's inbox in the tables inbox and dead_letters
// of the service's own SQLite file.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Schema is the DDL of the tables. A service has it in its first migration, as
// it stands here: its own tables and these are one file and one history.
//
//go:embed schema.sql
var Schema string

// Store is an inbox.Store.
type Store struct{ db *sqlitedb.DB }

var _ inbox.Store = (*Store)(nil)

// New returns the inbox in db, whose migrations include Schema.
func New(db *sqlitedb.DB) *Store { return &Store{db: db} }

// Record notes, as part of tx, the transaction of the effect, that message id
// has its effect. fresh is false when it had it before: then the caller leaves
// everything as it is and acknowledges the message.
func Record(ctx context.Context, tx *sql.Tx, id string, at time.Time) (fresh bool, err error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO inbox (message_id, received_at) VALUES (?, ?) ON CONFLICT DO NOTHING`,
		id, sqlitedb.Time(at))
	if err != nil {
		return false, fmt.Errorf("inbox: record %s: %w", id, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Prune forgets the ids recorded before t; call it with now minus inbox.Retention.
// Dead letters stay.
func (s *Store) Prune(ctx context.Context, t time.Time) error {
	return s.db.Sweep(ctx, `DELETE FROM inbox WHERE message_id IN (SELECT message_id FROM inbox WHERE received_at < ? LIMIT ?)`,
		sqlitedb.Time(t), sqlitedb.Piece)
}

// Known implements inbox.Store.
func (s *Store) Known(ctx context.Context, ids []string) ([]string, error) {
	asked, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Read.QueryContext(ctx, `
		WITH asked AS (SELECT DISTINCT value AS id FROM json_each(?))
		SELECT id FROM asked
		WHERE EXISTS (SELECT 1 FROM inbox WHERE message_id = asked.id)
		   OR EXISTS (SELECT 1 FROM dead_letters d WHERE d.id = asked.id)`, string(asked))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := []string{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		known = append(known, id)
	}
	return known, rows.Err()
}

// Ignore implements inbox.Store.
func (s *Store) Ignore(ctx context.Context, id string, at time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := Record(ctx, tx, id, at)
		return err
	})
}

// PutDeadLetter implements inbox.Store.
func (s *Store) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	attributes, data, err := messagerow.Split(d.Message)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO dead_letters (id, topic, attributes, data, reason, failed_at, replayed_at, replayed_by)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			d.ID, d.Topic, attributes, data, d.Reason, sqlitedb.Time(d.FailedAt), sqlitedb.NullTime(d.ReplayedAt), d.ReplayedBy)
		return err
	})
}

const columns = `id, topic, attributes, data, reason, failed_at, replayed_at, replayed_by`

// DeadLetters implements inbox.Store.
func (s *Store) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	letters := []inbox.DeadLetter{}
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx,
			`SELECT `+columns+` FROM dead_letters WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			d, err := scan(rows)
			if err != nil {
				return err
			}
			letters = append(letters, d)
		}
		return rows.Err()
	})
	return letters, err
}

// DeadLetter implements inbox.Store.
func (s *Store) DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error) {
	d, err := scan(s.db.Read.QueryRowContext(ctx, `SELECT `+columns+` FROM dead_letters WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return inbox.DeadLetter{}, inbox.ErrDeadLetterNotFound
	}
	return d, err
}

// MarkReplayed implements inbox.Store.
func (s *Store) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `
			UPDATE dead_letters SET
				replayed_by = CASE WHEN replayed_at IS NULL THEN ? ELSE replayed_by END,
				replayed_at = coalesce(replayed_at, ?)
			WHERE id = ?`, by, sqlitedb.Time(at), id)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			return inbox.ErrDeadLetterNotFound
		}
		return err
	})
}

func scan(row interface{ Scan(dest ...any) error }) (inbox.DeadLetter, error) {
	var d inbox.DeadLetter
	var attributes string
	var data []byte
	var failed int64
	var replayed sql.NullInt64
	if err := row.Scan(&d.ID, &d.Topic, &attributes, &data, &d.Reason, &failed, &replayed, &d.ReplayedBy); err != nil {
		return inbox.DeadLetter{}, err
	}
	d.Read(attributes, data)
	d.FailedAt, d.ReplayedAt = sqlitedb.FromTime(failed), sqlitedb.FromNullTime(replayed)
	return d, nil
}
