package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Keys is a user.Keys.
type Keys struct{ db *sqlitedb.DB }

var _ user.Keys = (*Keys)(nil)

// Add implements user.Keys.
func (s *Keys) Add(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var there user.SigningKey
		err := scanKey(&there, tx.QueryRowContext(ctx, `
			SELECT id, private, signs_from, created_at FROM signing_keys
			WHERE signs_from > ? ORDER BY signs_from DESC, id DESC LIMIT 1`, sqlitedb.Time(unlessAfter)))
		switch {
		case err == nil:
			key = there
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO signing_keys (id, private, signs_from, created_at) VALUES (?, ?, ?, ?)`,
			key.ID, []byte(key.Private), sqlitedb.Time(key.SignsFrom), sqlitedb.Time(key.CreatedAt))
		return err
	})
	if err != nil {
		return user.SigningKey{}, err
	}
	return key, nil
}

// BringForward implements user.Keys.
func (s *Keys) BringForward(ctx context.Context, latest, to time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE signing_keys SET signs_from = ? WHERE signs_from > ?`, sqlitedb.Time(to), sqlitedb.Time(latest))
		return err
	})
}

// All implements user.Keys.
func (s *Keys) All(ctx context.Context) (keys []user.SigningKey, err error) {
	rows, err := s.db.Read.QueryContext(ctx, `
		SELECT id, private, signs_from, created_at FROM signing_keys ORDER BY signs_from, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k user.SigningKey
		if err := scanKey(&k, rows); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// Delete implements user.Keys.
func (s *Keys) Delete(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM signing_keys WHERE id = ?`, id)
		return err
	})
}

func scanKey(k *user.SigningKey, row interface{ Scan(...any) error }) error {
	var signsFrom, created int64
	if err := row.Scan(&k.ID, (*[]byte)(&k.Private), &signsFrom, &created); err != nil {
		return err
	}
	k.SignsFrom, k.CreatedAt = sqlitedb.FromTime(signsFrom), sqlitedb.FromTime(created)
	return nil
}
