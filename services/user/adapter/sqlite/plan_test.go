package sqlite_test

import (
	"context"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
	"github.com/openboxoffice/boxoffice/services/user"
)

// TestEverythingGoesByIndexes: among 100,000 accounts, a login costs what it
// costs among few.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "user.db")
	s := openAt(t, path)
	now := time.UnixMicro(1_000_000_000)
	token, next := user.HashToken("t"), user.RefreshToken{Hash: user.HashToken("next"), ExpiresAt: now.Add(time.Hour)}
	plantest.Fill(t, path,
		`INSERT INTO users SELECT 'u' || n, 'u' || n || '@example.com', 'u' || n || '@example.com', '', '', '', '', 1, 0, 0, `+strconv.Itoa(user.EmailKeyVersion)+`, '', NULL, NULL FROM `+plantest.N,
		`INSERT INTO sessions (id, user_id, password_version, started_at) SELECT 's' || n, 'u' || n, 1, 0 FROM `+plantest.N,
		`INSERT INTO refresh_tokens (hash, session_id, expires_at) SELECT CAST('h' || n AS BLOB), 's' || n, 2000000000 + n FROM `+plantest.N,
		`INSERT INTO account_mails SELECT 'm' || n, 'verification', 'u' || n, '', 'k' || n, 1, x'00', 0, 2000000000 + n, NULL, '', 0, n FROM `+plantest.N,
		`INSERT INTO guests SELECT 'g' || n, '', '', '', '', 2000000000 + n FROM `+plantest.N,
		`UPDATE refresh_tokens SET hash = x'`+hex.EncodeToString(token[:])+`' WHERE session_id = 's1000'`)
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Get", "sqlite_autoindex_users_1", func(ctx context.Context) error { _, err := s.Users.Get(ctx, "u1"); return err }},
		{"ByEmail", "sqlite_autoindex_users_2", func(ctx context.Context) error { _, err := s.Users.ByEmail(ctx, "u1@example.com"); return err }},
		{"Update", "sqlite_autoindex_users_1", func(ctx context.Context) error {
			_, err := s.Users.Update(ctx, "u1", func(*user.User) error { return nil })
			return err
		}},
		{"Rekey", "users_by_email_key_version", func(ctx context.Context) error { _, err := s.Users.Rekey(ctx); return err }},
		{"Account", "sqlite_autoindex_sessions_1", func(ctx context.Context) error { _, err := s.Sessions.Account(ctx, "s1"); return err }},
		{"ByToken", "t", func(ctx context.Context) error { _, err := s.Sessions.ByToken(ctx, token); return err }},
		{"Rotate", "t", func(ctx context.Context) error { return s.Sessions.Rotate(ctx, token, next, now) }},
		{"Rotate again", "n", func(ctx context.Context) error { return s.Sessions.Rotate(ctx, token, next, now) }},
		{"List", "sessions_by_password (user_id=? AND password_version=? AND id<?)", func(ctx context.Context) error {
			_, err := s.Sessions.List(ctx, "u1", now, "", 20)
			return err
		}},
		{"End", "sqlite_autoindex_sessions_1", func(ctx context.Context) error { return s.Sessions.End(ctx, "u1", "s1", now) }},
		{"Guests.Prune", "guests_by_age", func(ctx context.Context) error { return s.Guests.Prune(ctx, now) }},
		{"AccountMails.WorkOff", "account_mails_by_user", func(ctx context.Context) error {
			if err := s.AccountMails.Request(ctx, user.MailRequest{Purpose: user.Verification, Email: "u1@example.com", At: now}); err != nil {
				return err
			}
			_, err := s.AccountMails.WorkOff(ctx, user.Span{After: now}, 10, func(user.MailRequest, user.User, int) (*user.AccountMail, events.Message, error) {
				return nil, events.Message{}, nil
			})
			return err
		}},
		{"AccountMails.Try", "account_mails_by_user", func(ctx context.Context) error {
			_, err := s.AccountMails.Try(ctx, "u1", user.Verification)
			return err
		}},
		{"AccountMails.Use", "sqlite_autoindex_account_mails_1", func(ctx context.Context) error {
			_, err := s.AccountMails.Use(ctx, "m1", now, user.Span{After: now}, func(user.AccountMail, *user.User, int) (*user.AccountMail, events.Message, error) {
				return nil, events.Message{}, nil
			})
			return err
		}},
		{"AccountMails.Prune", "account_mails_expiry", func(ctx context.Context) error { return s.AccountMails.Prune(ctx, now) }},
		{"Revoke", "sqlite_autoindex_sessions_1", func(ctx context.Context) error { return s.Sessions.Revoke(ctx, token, now) }},
	} {
		plantest.ByIndex(t, path, c.what, c.index, c.ask)
	}
}
