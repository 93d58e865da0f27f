package sqlite

import (
	"context"
	"database/sql"
	"errors"
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
	for version := range user.EmailKeyVersion {
		for last, more := "", true; more; {
			if err := s.db.Write(ctx, func(tx *sql.Tx) error {
				old, err := ofVersion(ctx, tx, version, last)
				if err != nil {
					return err
				}
				for _, a := range old {
					if err := rekey(ctx, tx, a); err != nil {
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
	return s.withOldKeys(ctx)
}

// withOldKeys returns the ids of those who have a key of older rules.
func (s *Users) withOldKeys(ctx context.Context) (ids []string, err error) {
	rows, err := s.db.Read.QueryContext(ctx, `SELECT id FROM users WHERE email_key_version < ?`, user.EmailKeyVersion)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, rows.Err()
}

func ofVersion(ctx context.Context, tx *sql.Tx, version int, after string) (all []user.Keyed, err error) {
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

// rekey gives a its new key, unless an older account has it.
func rekey(ctx context.Context, tx *sql.Tx, a user.Keyed) error {
	key := user.EmailKey(a.Email)
	var other user.Keyed
	err := scanKeyed(&other, tx.QueryRowContext(ctx, `
		SELECT id, email, email_key, created_at FROM users WHERE email_key = ? AND id <> ?`, key, a.ID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case user.EmailKey(other.Email) == key && other.Before(a):
		return nil
	default:
		// They exchange their keys, of which no two may be the same in between. If the
		// other one has a key of its own to come, its version says so.
		for _, set := range []struct{ key, id string }{{a.ID, a.ID}, {a.Key, other.ID}} {
			if _, err := tx.ExecContext(ctx, `UPDATE users SET email_key = ?, email_key_version = iif(email_key_version < ?, email_key_version, 0) WHERE id = ?`,
				set.key, user.EmailKeyVersion, set.id); err != nil {
				return err
			}
		}
	}
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
