package usertest

import (
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
)

// UserSessionsUnderTest is a user.UserSessions with what stores its sessions.
type UserSessionsUnderTest struct {
	user.UserSessions
	Sessions user.Sessions
	Users    user.Users
}

// TestUserSessions is the contract of user.UserSessions. open returns an empty
// store.
func TestUserSessions(t *testing.T, open func(t *testing.T) UserSessionsUnderTest) {
	run(t, open, []subtest[UserSessionsUnderTest]{
		{"a session is listed whole", userSessionsWhole},
		{"those that began last come first", userSessionsOrder},
		{"a session that is over is not listed", userSessionsOver},
		{"page after page neither repeats nor skips", userSessionsPages},
		{"an ended session's tokens are no good", userSessionsEnd},
		{"what is unknown or another's is not found and goes on", userSessionsNotFound},
		{"ending a session again changes nothing", userSessionsEndAgain},
		{"an ended context changes nothing", userSessionsCancelled},
	})
}

// owner stores a user.
func owner(t *testing.T, s UserSessionsUnderTest, email string) user.User {
	t.Helper()
	u := newUser(email)
	must(t, s.Users.Create(t.Context(), u))
	return u
}

// another starts a session of u whose first token is called name.
func another(t *testing.T, s UserSessionsUnderTest, u user.User, name string) user.Session {
	t.Helper()
	session := user.Session{ID: id(), UserID: u.ID, PasswordVersion: u.PasswordVersion, Secret: []byte{1}, StartedAt: at}
	must(t, s.Sessions.Start(t.Context(), session, newToken(name, at.Add(time.Hour))))
	return session
}

// listed returns the ids of u's sessions.
func listed(t *testing.T, s UserSessionsUnderTest, u user.User, now time.Time) []string {
	t.Helper()
	sessions, err := s.List(t.Context(), u.ID, now, "", 100)
	must(t, err)
	ids := make([]string, len(sessions))
	for i, session := range sessions {
		ids[i] = session.ID
	}
	return ids
}

func userSessionsWhole(t *testing.T, s UserSessionsUnderTest) {
	u := owner(t, s, "a@example.com")
	session := another(t, s, u, "a")
	want := user.ActiveSession{ID: session.ID, StartedAt: inUTC(at), ExpiresAt: inUTC(at.Add(time.Hour))}
	for _, next := range []user.RefreshToken{newToken("b", at.Add(2*time.Hour)), newToken("c", at.Add(3*time.Hour))} {
		got, err := s.List(t.Context(), u.ID, at, "", 100)
		must(t, err)
		diff(t, []user.ActiveSession{want}, got)
		old := map[user.TokenHash]string{user.HashToken("b"): "a", user.HashToken("c"): "b"}[next.Hash]
		must(t, s.Sessions.Rotate(t.Context(), user.HashToken(old), next, at))
		want.ExpiresAt = inUTC(next.ExpiresAt)
	}
}

func userSessionsOrder(t *testing.T, s UserSessionsUnderTest) {
	u, other := owner(t, s, "a@example.com"), owner(t, s, "b@example.com")
	var want []string
	for _, name := range []string{"a", "b", "c"} {
		want = append(want, another(t, s, u, name).ID)
		another(t, s, other, "other "+name)
	}
	slices.Reverse(want)
	diff(t, want, listed(t, s, u, at))
}

func userSessionsOver(t *testing.T, s UserSessionsUnderTest) {
	u := owner(t, s, "a@example.com")
	another(t, s, u, "revoked")
	must(t, s.Sessions.Revoke(t.Context(), user.HashToken("revoked"), at))
	ended := another(t, s, u, "ended")
	must(t, s.End(t.Context(), u.ID, ended.ID, at))
	old := user.Session{ID: id(), UserID: u.ID, PasswordVersion: u.PasswordVersion - 1, Secret: []byte{1}, StartedAt: at}
	must(t, s.Sessions.Start(t.Context(), old, newToken("old", at.Add(time.Hour))))
	good := another(t, s, u, "good")
	diff(t, []string{good.ID}, listed(t, s, u, at.Add(time.Hour-time.Microsecond)))
	diff(t, []string{}, listed(t, s, u, at.Add(time.Hour)))
}

func userSessionsPages(t *testing.T, s UserSessionsUnderTest) {
	u := owner(t, s, "a@example.com")
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		want = append(want, another(t, s, u, name).ID)
	}
	slices.Reverse(want)
	var got []string
	for after := ""; len(got) <= len(want); {
		page, err := s.List(t.Context(), u.ID, at, after, 2)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, session := range page {
			got = append(got, session.ID)
		}
		after = got[len(got)-1]
		another(t, s, u, "later than "+after)
		must(t, s.End(t.Context(), u.ID, after, at)) // what the next page begins after
	}
	diff(t, want, got)
}

func userSessionsEnd(t *testing.T, s UserSessionsUnderTest) {
	u := owner(t, s, "a@example.com")
	session := another(t, s, u, "a")
	another(t, s, u, "x")
	must(t, rotate(t, s.Sessions, "a", "b"))
	must(t, s.End(t.Context(), u.ID, session.ID, at))
	_, err := s.Sessions.Account(t.Context(), session.ID)
	wantErr(t, err, user.ErrInvalidToken)
	for _, token := range []string{"b", "a"} {
		wantErr(t, rotate(t, s.Sessions, token, "from "+token), user.ErrInvalidGrant)
	}
	must(t, rotate(t, s.Sessions, "x", "y"))
}

func userSessionsNotFound(t *testing.T, s UserSessionsUnderTest) {
	u, other := owner(t, s, "a@example.com"), owner(t, s, "b@example.com")
	session := another(t, s, other, "a")
	for _, sessionID := range []string{session.ID, id(), "", "\x00", "\xff"} {
		wantErr(t, s.End(t.Context(), u.ID, sessionID, at), user.ErrSessionNotFound)
	}
	diff(t, []string{session.ID}, listed(t, s, other, at))
	must(t, rotate(t, s.Sessions, "a", "b"))
}

func userSessionsEndAgain(t *testing.T, s UserSessionsUnderTest) {
	u := owner(t, s, "a@example.com")
	session := another(t, s, u, "a")
	for range 3 {
		must(t, s.End(t.Context(), u.ID, session.ID, at))
	}
	diff(t, []string{}, listed(t, s, u, at))
}

func userSessionsCancelled(t *testing.T, s UserSessionsUnderTest) {
	u := owner(t, s, "a@example.com")
	session := another(t, s, u, "a")
	ctx := cancelled(t)
	_, err := s.List(ctx, u.ID, at, "", 100)
	wantErr(t, err, ctx.Err())
	wantErr(t, s.End(ctx, u.ID, session.ID, at), ctx.Err())
	diff(t, []string{session.ID}, listed(t, s, u, at))
}
