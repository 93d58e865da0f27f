package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// piece is how many accounts get new keys in one transaction: whoever writes
// meanwhile waits for no more.
const piece = 100

// Rekey replaces the keys that older rules than user.EmailKeyVersion made. Of
// several accounts that have one key now the oldest gets it. Rekey returns the
// ids of the others, which nobody finds by their email address.
func (s *Users) Rekey(ctx context.Context) (left []string, err error) {
	without := map[string]bool{}
	for version := range user.EmailKeyVersion {
		for last, more := "", true; more; {
			if err := s.db.Write(ctx, func(tx *sql.Tx) error {
				old, err := withOldKeys(ctx, tx, version, last)
				if err != nil {
					return err
				}
				for _, a := range old {
					if err := rekey(ctx, tx, a, without); err != nil {
						return err
					}
					last = a.ID
				}
				more = len(old) == piece
				return nil
			}); err != nil {
				return nil, err
			}
		}
	}
	return slices.Sorted(maps.Keys(without)), nil
}

func withOldKeys(ctx context.Context, tx *sql.Tx, version int, after string) (all []user.Keyed, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, email, email_key, created_at FROM users
		WHERE email_key_version = ? AND id > ? ORDER BY id LIMIT ?`, version, after, piece)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a user.Keyed
		if err := scanKeyed(&a, rows); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// rekey gives a its new key, unless an older account has it. Whoever is left
// without is noted.
func rekey(ctx context.Context, tx *sql.Tx, a user.Keyed, without map[string]bool) error {
	key := user.EmailKey(a.Email)
	var other user.Keyed
	err := scanKeyed(&other, tx.QueryRowContext(ctx, `
		SELECT id, email, email_key, created_at FROM users WHERE email_key = ? AND id <> ?`, key, a.ID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case user.EmailKey(other.Email) == key && other.Before(a):
		without[a.ID] = true
		return nil
	default:
		without[other.ID] = true
		// They exchange their keys, of which no two may be the same in between.
		for _, set := range []struct{ key, id string }{{a.ID, a.ID}, {a.Key, other.ID}} {
			if _, err := tx.ExecContext(ctx, `UPDATE users SET email_key = ?, email_key_version = 0 WHERE id = ?`, set.key, set.id); err != nil {
				return err
			}
		}
	}
	delete(without, a.ID)
	_, err = tx.ExecContext(ctx, `UPDATE users SET email_key = ?, email_key_version = ? WHERE id = ?`, key, user.EmailKeyVersion, a.ID)
	return err
}

func scanKeyed(a *user.Keyed, row interface{ Scan(...any) error }) error {
	var created int64
	if err := row.Scan(&a.ID, &a.Email, &a.Key, &created); err != nil {
		return err
	}
	a.CreatedAt = sqlitedb.FromTime(created)
	return nil
}
