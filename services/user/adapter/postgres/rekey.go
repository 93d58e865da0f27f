package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/user"
)

// piece is how many accounts get new keys in one transaction: whoever writes
// meanwhile waits for no more.
const piece = 100

// Rekey replaces the keys that older rules than user.EmailKeyVersion made. Of
// several accounts that have one key now the oldest gets it. Rekey returns the
// ids of the others, which nobody finds by their email address. Several processes
// may do so at once.
func (s *Users) Rekey(ctx context.Context) (left []string, err error) {
	// Most starts have nothing to lock the table for.
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var oldest int
		return conn.QueryRow(ctx, `
			SELECT email_key_version FROM users WHERE email_key_version < $1
			ORDER BY email_key_version LIMIT 1`, user.EmailKeyVersion).Scan(&oldest)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	}
	for version := range user.EmailKeyVersion {
		for last, more := "", true; more; {
			var old []user.Keyed
			if err := s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
				// Accounts are made, and given new keys, by one process at a time.
				if _, err := tx.Exec(ctx, `LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE`); err != nil {
					return err
				}
				rows, err := tx.Query(ctx, `
					SELECT id, email, email_key, created_at FROM users
					WHERE email_key_version = $1 AND id > $2 ORDER BY id LIMIT $3`, version, last, piece)
				if err != nil {
					return err
				}
				if old, err = pgx.CollectRows(rows, keyed); err != nil {
					return err
				}
				for _, a := range old {
					if err := rekey(ctx, tx, a); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return nil, err
			}
			if more = len(old) == piece; more {
				last = old[len(old)-1].ID
			}
		}
	}
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id FROM users WHERE email_key_version < $1`, user.EmailKeyVersion)
		if err != nil {
			return err
		}
		left, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	slices.Sort(left)
	return left, err
}

// rekey gives a its new key, unless an older account has it.
func rekey(ctx context.Context, tx pgx.Tx, a user.Keyed) error {
	key := user.EmailKey(a.Email)
	rows, err := tx.Query(ctx, `
		SELECT id, email, email_key, created_at FROM users WHERE email_key = $1 AND id <> $2`, key, a.ID)
	if err != nil {
		return err
	}
	other, err := pgx.CollectOneRow(rows, keyed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return err
	case user.EmailKey(other.Email) == key && other.Before(a):
		return nil
	default:
		// They exchange their keys, of which no two may be the same in between. If the
		// other one has a key of its own to come, its version says so.
		for _, set := range []struct{ key, id string }{{a.ID, a.ID}, {a.Key, other.ID}} {
			if _, err := tx.Exec(ctx, `
				UPDATE users SET email_key = $1, email_key_version = CASE WHEN email_key_version < $2 THEN email_key_version ELSE 0 END
				WHERE id = $3`, set.key, user.EmailKeyVersion, set.id); err != nil {
				return err
			}
		}
	}
	_, err = tx.Exec(ctx, `UPDATE users SET email_key = $1, email_key_version = $2 WHERE id = $3`, key, user.EmailKeyVersion, a.ID)
	return err
}

func keyed(row pgx.CollectableRow) (a user.Keyed, err error) {
	err = row.Scan(&a.ID, &a.Email, &a.Key, &a.CreatedAt)
	return a, err
}
