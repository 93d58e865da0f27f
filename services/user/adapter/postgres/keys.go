package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Keys is a user.Keys.
type Keys struct{ db *postgresdb.DB }

var _ user.Keys = (*Keys)(nil)

// Add implements user.Keys. A row that is not there yet cannot be locked: the
// table is, against other writers.
func (s *Keys) Add(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (stored user.SigningKey, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		stored, err = scanKey(tx.QueryRow(ctx, `
			SELECT id, private, signs_from, created_at FROM signing_keys
			WHERE signs_from > $1 ORDER BY signs_from DESC, id DESC LIMIT 1`, unlessAfter))
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		stored = key
		_, err = tx.Exec(ctx, `INSERT INTO signing_keys (id, private, signs_from, created_at) VALUES ($1, $2, $3, $4)`,
			key.ID, []byte(key.Private), key.SignsFrom, key.CreatedAt)
		return err
	})
	if err != nil {
		return user.SigningKey{}, err
	}
	return stored, nil
}

// BringForward implements user.Keys.
func (s *Keys) BringForward(ctx context.Context, latest, to time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE signing_keys SET signs_from = $2 WHERE signs_from > $1`, latest, to)
		return err
	})
}

// All implements user.Keys.
func (s *Keys) All(ctx context.Context) (keys []user.SigningKey, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id, private, signs_from, created_at FROM signing_keys ORDER BY signs_from, id`)
		if err != nil {
			return err
		}
		keys, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (user.SigningKey, error) { return scanKey(row) })
		return err
	})
	return keys, err
}

// Delete implements user.Keys.
func (s *Keys) Delete(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM signing_keys WHERE id = $1`, id)
		return err
	})
}

func scanKey(row pgx.Row) (k user.SigningKey, err error) {
	err = row.Scan(&k.ID, (*[]byte)(&k.Private), &k.SignsFrom, &k.CreatedAt)
	return k, err
}
