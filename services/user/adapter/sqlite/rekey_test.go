package sqlite

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// TestOldKeysAreReplaced: a file from before version 1 of the keys finds its
// accounts by the rules of now.
func TestOldKeysAreReplaced(t *testing.T) {
	t.Parallel()
	usertest.TestRekey(t, func(t *testing.T, accounts []usertest.OldAccount) usertest.Rekeying {
		t.Helper()
		path := filepath.Join(t.TempDir(), "user.db")
		old := fstest.MapFS{}
		for _, name := range []string{"00001_init.sql", "00002_session_secret.sql"} {
			data, err := fs.ReadFile(migrations, "migrations/"+name)
			if err != nil {
				t.Fatal(err)
			}
			old[name] = &fstest.MapFile{Data: data}
		}
		db, err := sqlitedb.Open(t.Context(), path, old)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *sql.Tx) error {
			for _, a := range accounts {
				if _, err := tx.ExecContext(t.Context(), `INSERT INTO users VALUES (?, ?, ?, '', '', '', '', 1, ?, 0)`,
					a.ID, a.Email, a.Key, sqlitedb.Time(a.CreatedAt)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		for _, a := range accounts {
			if a.Version == 0 {
				continue
			}
			if err := s.db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE users SET email_key_version = ? WHERE id = ?`, a.Version, a.ID)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return s.Users
	})
}

func TestRequestsOfOldKeysEnd(t *testing.T) {
	t.Parallel()
	usertest.TestOldRequests(t, func(t *testing.T) (usertest.AccountMailsUnderTest, func() error) {
		t.Helper()
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "user.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return usertest.AccountMailsUnderTest{AccountMails: s.AccountMails, Users: s.Users, Outbox: s.Outbox()}, func() error {
			return s.db.Write(t.Context(), func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), `UPDATE account_mail_requests SET email_key = 'old ' || email_key`)
				return err
			})
		}
	})
}
