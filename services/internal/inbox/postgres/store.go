// Package postgres keeps a consumer's inbox in the tables inbox and
// dead_letters of the service's own PostgreSQL database.
package postgres

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// Schema is the DDL of the tables. A service has it in one of its migrations,
// as it stands here: its own tables and these are one database and one history.
//
//go:embed schema.sql
var Schema string

// Store is an inbox.Store.
type Store struct{ db *postgresdb.DB }

var _ inbox.Store = (*Store)(nil)

// New returns the inbox in db, whose migrations include Schema.
func New(db *postgresdb.DB) *Store { return &Store{db: db} }

// Record notes, as part of tx, the transaction of the effect, that message id
// has its effect. fresh is false when it had it before: then the caller leaves
// everything as it is and acknowledges the message. It waits for another
// transaction that records the same id, until that is committed or rolled back.
func Record(ctx context.Context, tx pgx.Tx, id string, at time.Time) (fresh bool, err error) {
	tag, err := tx.Exec(ctx, `INSERT INTO inbox (message_id, received_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, at)
	if err != nil {
		return false, fmt.Errorf("inbox: record %s: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// Prune forgets the ids recorded before t; call it with now minus inbox.Retention.
// Dead letters stay.
func (s *Store) Prune(ctx context.Context, t time.Time) error {
	return s.db.Sweep(ctx, `
		DELETE FROM inbox WHERE message_id = ANY (ARRAY(
			SELECT message_id FROM inbox WHERE received_at < $1 LIMIT 5000 FOR UPDATE SKIP LOCKED))`, t)
}

// Known implements inbox.Store.
func (s *Store) Known(ctx context.Context, ids []string) ([]string, error) {
	// One that is no text would make PostgreSQL refuse the others, too.
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return text(id) != id })
	known := []string{}
	err := s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
			SELECT message_id FROM inbox WHERE message_id = ANY($1)
			UNION SELECT id FROM dead_letters WHERE id = ANY($1)`, ids)
		if err != nil {
			return err
		}
		known, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return nil, err
	}
	return known, nil
}

// Ignore implements inbox.Store.
func (s *Store) Ignore(ctx context.Context, id string, at time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
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
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO dead_letters (id, topic, attributes, data, reason, failed_at, replayed_at, replayed_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			d.ID, d.Topic, attributes, data, text(d.Reason), d.FailedAt, postgresdb.NullTime(d.ReplayedAt), d.ReplayedBy)
		return err
	})
}

const columns = `id, topic, attributes, data, reason, failed_at, replayed_at, replayed_by`

// DeadLetters implements inbox.Store.
func (s *Store) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	var letters []inbox.DeadLetter
	err := s.db.List(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT `+columns+` FROM dead_letters WHERE id > $1 ORDER BY id LIMIT $2`, text(after), limit)
		if err != nil {
			return err
		}
		letters, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (inbox.DeadLetter, error) { return scan(row) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return letters, nil
}

// DeadLetter implements inbox.Store.
func (s *Store) DeadLetter(ctx context.Context, id string) (d inbox.DeadLetter, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		d, err = scan(conn.QueryRow(ctx, `SELECT `+columns+` FROM dead_letters WHERE id = $1`, id))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) || postgresdb.IsNoText(err) {
		return inbox.DeadLetter{}, inbox.ErrDeadLetterNotFound
	}
	return d, err
}

// MarkReplayed implements inbox.Store.
func (s *Store) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE dead_letters SET
				replayed_by = CASE WHEN replayed_at IS NULL THEN $2 ELSE replayed_by END,
				replayed_at = coalesce(replayed_at, $3)
			WHERE id = $1`, id, by, at)
		if err == nil && tag.RowsAffected() == 0 {
			return inbox.ErrDeadLetterNotFound
		}
		return err
	})
	if postgresdb.IsNoText(err) {
		return inbox.ErrDeadLetterNotFound
	}
	return err
}

func scan(row pgx.Row) (d inbox.DeadLetter, err error) {
	var attributes string
	var data []byte
	if err := row.Scan(&d.ID, &d.Topic, &attributes, &data, &d.Reason, &d.FailedAt,
		(*postgresdb.NullTime)(&d.ReplayedAt), &d.ReplayedBy); err != nil {
		return inbox.DeadLetter{}, err
	}
	d.Read(attributes, data)
	return d, nil
}

// text is s where PostgreSQL can store it, and else with a sign in place of
// what it cannot: a reason may quote any message, and what cannot be stored
// would come again for ever.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, string(utf8.RuneError)), "\x00", string(utf8.RuneError))
}
