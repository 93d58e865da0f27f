//go:build integration

package postgres

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// TestOldKeysAreReplaced: a database from before version 1 of the keys finds its
// accounts by the rules of now, also where several processes start at once.
func TestOldKeysAreReplaced(t *testing.T) {
	t.Parallel()
	usertest.TestRekey(t, func(t *testing.T, accounts []usertest.OldAccount) usertest.Rekeying {
		t.Helper()
		url := pgtest.New(t, first)
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range accounts {
			if _, err := conn.Exec(t.Context(), `INSERT INTO users VALUES ($1, $2, $3, '', '', '', '', 1, $4, $4)`,
				a.ID, a.Email, a.Key, a.CreatedAt); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		for _, a := range accounts {
			if a.Version == 0 {
				continue
			}
			if err := s.db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE users SET email_key_version = $1 WHERE id = $2`, a.Version, a.ID)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return together{s.Users}
	})
}

// together makes keys anew as several processes at once do.
type together struct{ *Users }

func (u together) Rekey(ctx context.Context) ([]string, error) {
	var beside []string
	failed := make(chan error)
	go func() {
		var err error
		beside, err = u.Users.Rekey(ctx)
		failed <- err
	}()
	left, err := u.Users.Rekey(ctx)
	err = errors.Join(err, <-failed)
	left = append(left, beside...) // each knows of those that it left, or found
	slices.Sort(left)
	return slices.Compact(left), err
}

func TestRequestsOfOldKeysEnd(t *testing.T) {
	t.Parallel()
	usertest.TestOldRequests(t, func(t *testing.T) (usertest.AccountMailsUnderTest, func() error) {
		t.Helper()
		s, err := Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, Migrate), Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return usertest.AccountMailsUnderTest{AccountMails: s.AccountMails, Users: s.Users, Outbox: s.Outbox()}, func() error {
			return s.db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE account_mail_requests SET email_key = 'old ' || email_key`)
				return err
			})
		}
	})
}
