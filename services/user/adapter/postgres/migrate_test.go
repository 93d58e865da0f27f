//go:build integration

package postgres

import (
	"bytes"
	"context"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/user"
)

// first makes a database as the first version of this service did.
func first(ctx context.Context, url string) error {
	const name = "00001_init.sql"
	sql, err := fs.ReadFile(migrations(), name)
	if err != nil {
		return err
	}
	return postgresdb.Migrate(ctx, url, fstest.MapFS{name: {Data: sql}})
}

// rows are what the first version stored, with the refresh tokens "first" and
// "second". They stay as they are.
const rows = `
INSERT INTO users (id, email, email_key, name, phone, role, password_hash, password_version, created_at, updated_at)
VALUES ('u1', 'Zoë@Example.com', 'zoë@example.com', 'Zoë', '+4915112345678', 'organizer', '$argon2id$', 2,
	'2030-01-01 10:00:00.000001Z', '2030-01-02 10:00:00Z');
INSERT INTO sessions (id, user_id, password_version, started_at)
VALUES ('s1', 'u1', 2, '2030-01-01 10:00:00Z'), ('s2', 'u1', 2, '2030-01-01 10:00:00Z');
INSERT INTO refresh_tokens (hash, session_id, expires_at)
VALUES (sha256('first'), 's1', '2030-02-01 10:00:00Z'), (sha256('second'), 's2', '2030-02-01 10:00:00Z');
INSERT INTO signing_keys (id, private, signs_from, created_at) VALUES ('k1', '\x0102', '2030-01-01 10:00:00Z', '2030-01-01 09:00:00Z');
`

// TestWhatTheFirstVersionStoredIsStillRead: every migration after the first
// keeps what is there.
func TestWhatTheFirstVersionStoredIsStillRead(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, first)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	day := func(n int) time.Time { return time.Date(2030, 1, n, 10, 0, 0, 0, time.UTC) }
	check := func(what string, want, got any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	u, err := s.Users.ByEmail(t.Context(), "zoë@example.com")
	check("the user", user.User{
		ID: "u1", Email: "Zoë@Example.com", Name: "Zoë", Phone: "+4915112345678", Role: identity.Organizer,
		PasswordHash: "$argon2id$", PasswordVersion: 2, CreatedAt: day(1).Add(time.Microsecond), UpdatedAt: day(2),
	}, u, err)
	session, err := s.Sessions.ByToken(t.Context(), user.HashToken("first"))
	if len(session.Secret) != 32 {
		t.Errorf("the session's secret has %d bytes, want 32", len(session.Secret))
	}
	check("the session", user.Session{ID: "s1", UserID: "u1", PasswordVersion: 2, Secret: session.Secret, StartedAt: day(1)}, session, err)
	other, err := s.Sessions.ByToken(t.Context(), user.HashToken("second"))
	if err != nil || bytes.Equal(other.Secret, session.Secret) {
		t.Errorf("two sessions have one secret, error %v", err)
	}
	keys, err := s.Keys.All(t.Context())
	check("the keys", []user.SigningKey{{ID: "k1", Private: []byte{1, 2}, SignsFrom: day(1), CreatedAt: day(1).Add(-time.Hour)}}, keys, err)
}
