//go:build integration

package postgres_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/postgres"
)

// TestEverythingGoesByIndexes: a login costs the same however many accounts
// there are.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	var recorder plantest.Recorder
	url := pgtest.New(t, postgres.Migrate)
	s, err := postgres.Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute, Tracer: &recorder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	now := time.Now()
	early := now.Add(-200000 * time.Second) // no token has expired
	next := user.RefreshToken{Hash: user.HashToken("next"), ExpiresAt: now}
	list := func() error { _, err := s.Sessions.List(t.Context(), "u1", early, "", 20); return err }
	fill(t, url, now)
	for _, c := range []struct {
		what, index string
		ask         func() error
	}{
		{"Get", "users_pkey", func() error { _, err := s.Users.Get(t.Context(), "u1"); return err }},
		{"ByEmail", "users_email_key", func() error { _, err := s.Users.ByEmail(t.Context(), "u1@example.com"); return err }},
		{"Update", "users_pkey", func() error {
			_, err := s.Users.Update(t.Context(), "u1", func(*user.User) error { return nil })
			return err
		}},
		{"Rekey", "users_by_email_key_version", func() error { _, err := s.Users.Rekey(t.Context()); return err }},
		{"Account", "sessions_pkey", func() error { _, err := s.Sessions.Account(t.Context(), "s1"); return err }},
		{"ByToken", "refresh_tokens_pkey", func() error { _, err := s.Sessions.ByToken(t.Context(), user.HashToken("u1")); return err }},
		{"Rotate", "refresh_tokens_pkey", func() error { return s.Sessions.Rotate(t.Context(), user.HashToken("u1"), next, early) }},
		{"Rotate again", "refresh_tokens_pkey", func() error { return s.Sessions.Rotate(t.Context(), user.HashToken("u1"), next, early) }},
		{"List", "sessions_by_password", list},
		{"End", "sessions_pkey", func() error { return s.Sessions.End(t.Context(), "u1", "s1", now) }},
		{"Revoke", "refresh_tokens_pkey", func() error { return s.Sessions.Revoke(t.Context(), user.HashToken("u1"), now) }},
		{"Guests.Prune", "guests_by_age", func() error { return s.Guests.Prune(t.Context(), now.Add(-99000*time.Second)) }},
		{"Prune", "refresh_tokens_expiry", func() error { return s.Sessions.Prune(t.Context(), now.Add(-99000*time.Second)) }},
	} {
		plantest.ByIndex(t, c.what, recorder.Plan(t, url, c.ask), c.index)
	}
	// A page costs what it has, however many sessions there are, and were.
	plan := recorder.Plan(t, url, list)
	if _, found, _ := strings.Cut(plan, "sessions_by_password"); !strings.Contains(found, "password_version =") || strings.Contains(plan, "Sort") {
		t.Errorf("List reads sessions that it does not return:\n%s", plan)
	}
}

// fill adds 100,000 users, each with a session.
func fill(t *testing.T, url string, now time.Time) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{
		`INSERT INTO users SELECT 'u' || n, 'u' || n || '@example.com', 'u' || n || '@example.com', '', '', '', '', 1, $1, $1, ` + strconv.Itoa(user.EmailKeyVersion) + `, '', NULL FROM generate_series(1, 100000) n`,
		`INSERT INTO sessions SELECT 's' || n, 'u' || n, 1, $1 FROM generate_series(1, 100000) n`,
		`INSERT INTO refresh_tokens SELECT sha256(convert_to('u' || n, 'UTF8')), 's' || n, $1::timestamptz - n * interval '1 second' FROM generate_series(1, 100000) n`,
		`INSERT INTO guests SELECT 'g' || n, '', '', '', '', $1::timestamptz - n * interval '1 second' FROM generate_series(1, 100000) n`,
	} {
		if _, err := conn.Exec(t.Context(), sql, now); err != nil {
			t.Fatal(err)
		}
	}
}
