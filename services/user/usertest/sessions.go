package usertest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/user"
)

// SessionsUnderTest is a user.Sessions with the users whose sessions it stores.
type SessionsUnderTest struct {
	user.Sessions
	Users user.Users
}

// TestSessions is the contract of user.Sessions. open returns an empty store.
func TestSessions(t *testing.T, open func(t *testing.T) SessionsUnderTest) {
	run(t, open, []subtest[SessionsUnderTest]{
		{"any token of a session leads to it", sessionsByToken},
		{"an unknown token leads nowhere", sessionsByUnknownToken},
		{"a session leads to its user as stored now", sessionsAccount},
		{"an unknown session leads to nobody", sessionsAccountUnknown},
		{"a revoked session leads to nobody", sessionsAccountRevoked},
		{"a session of an older password leads to nobody", sessionsAccountPassword},
		{"a session whose user is gone leads to nobody", sessionsAccountGone},
		{"an unknown token is no grant", sessionsUnknown},
		{"an expired token is no grant", sessionsExpired},
		{"a repeat changes nothing while the successor is unused", sessionsRepeat},
		{"of many repeats at once all succeed", sessionsRace},
		{"a repeat after the successor's use revokes the session", sessionsReuse},
		{"a repeat after the successor's use revokes the session even after its expiry", sessionsReuseExpired},
		{"another successor revokes the session", sessionsOtherSuccessor},
		{"of many with successors of their own exactly one succeeds", sessionsRaceOthers},
		{"a repeat with an expired token is no grant and the session goes on", sessionsRepeatExpired},
		{"a repeat in a revoked session is no grant", sessionsRepeatRevoked},
		{"revoke ends the session of any of its tokens", sessionsRevoke},
		{"revoking what is unknown is no error", sessionsRevokeUnknown},
		{"the end of one session is no other's", sessionsApart},
		{"prune forgets what has expired", sessionsPrune},
		{"prune keeps used tokens until they expire", sessionsPruneKeeps},
		{"an ended context changes nothing", sessionsCancelled},
	})
}

// begin starts a session whose first token is called name.
func begin(t *testing.T, s user.Sessions, name string) user.Session {
	t.Helper()
	session := user.Session{ID: id(), UserID: id(), PasswordVersion: 7, Secret: []byte{0, 255, 7}, StartedAt: inUTC(at)}
	must(t, s.Start(t.Context(), session, newToken(name, at.Add(time.Hour))))
	return session
}

func rotate(t *testing.T, s user.Sessions, old, next string) error {
	t.Helper()
	return s.Rotate(t.Context(), user.HashToken(old), newToken(next, at.Add(time.Hour)), at)
}

func sessionsByToken(t *testing.T, s SessionsUnderTest) {
	want := begin(t, s, "a")
	begin(t, s, "another")
	must(t, rotate(t, s, "a", "b"))
	must(t, s.Revoke(t.Context(), user.HashToken("b"), at))
	for _, token := range []string{"a", "b"} {
		got, err := s.ByToken(t.Context(), user.HashToken(token))
		must(t, err)
		diff(t, want, got)
	}
}

func sessionsByUnknownToken(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	_, err := s.ByToken(t.Context(), user.HashToken("b"))
	wantErr(t, err, user.ErrInvalidGrant)
}

// logIn stores a user and starts a session whose first token is called name.
func logIn(t *testing.T, s SessionsUnderTest, name string) (user.User, user.Session) {
	t.Helper()
	u := newUser(name + "@example.com")
	must(t, s.Users.Create(t.Context(), u))
	session := user.Session{ID: id(), UserID: u.ID, PasswordVersion: u.PasswordVersion, Secret: []byte{1}, StartedAt: at}
	must(t, s.Start(t.Context(), session, newToken(name, at.Add(time.Hour))))
	return u, session
}

func sessionsAccount(t *testing.T, s SessionsUnderTest) {
	u, session := logIn(t, s, "a")
	logIn(t, s, "another")
	got, err := s.Account(t.Context(), session.ID)
	must(t, err)
	diff(t, stored(u), got)
	u, err = s.Users.Update(t.Context(), u.ID, func(u *user.User) error {
		u.Name, u.Role = "Grace", identity.Customer
		return nil
	})
	must(t, err)
	must(t, rotate(t, s, "a", "b"))
	got, err = s.Account(t.Context(), session.ID)
	must(t, err)
	diff(t, u, got)
}

func sessionsAccountUnknown(t *testing.T, s SessionsUnderTest) {
	u, _ := logIn(t, s, "a")
	for _, unknown := range []string{id(), "", u.ID, "\x00", "\xff"} {
		_, err := s.Account(t.Context(), unknown)
		wantErr(t, err, user.ErrInvalidToken)
	}
}

func sessionsAccountRevoked(t *testing.T, s SessionsUnderTest) {
	_, a := logIn(t, s, "a")
	_, b := logIn(t, s, "b")
	_, c := logIn(t, s, "c")
	must(t, s.Revoke(t.Context(), user.HashToken("a"), at))
	must(t, rotate(t, s, "b", "b2"))
	must(t, rotate(t, s, "b2", "b3"))
	wantErr(t, rotate(t, s, "b", "b2"), user.ErrTokenReused)
	for _, session := range []user.Session{a, b} {
		_, err := s.Account(t.Context(), session.ID)
		wantErr(t, err, user.ErrInvalidToken)
	}
	_, err := s.Account(t.Context(), c.ID)
	must(t, err)
}

func sessionsAccountPassword(t *testing.T, s SessionsUnderTest) {
	u, session := logIn(t, s, "a")
	_, err := s.Users.Update(t.Context(), u.ID, func(u *user.User) error { u.PasswordVersion++; return nil })
	must(t, err)
	_, err = s.Account(t.Context(), session.ID)
	wantErr(t, err, user.ErrInvalidToken)
}

func sessionsAccountGone(t *testing.T, s SessionsUnderTest) {
	session := begin(t, s, "a") // of a user who is not stored
	_, err := s.Account(t.Context(), session.ID)
	wantErr(t, err, user.ErrInvalidToken)
}

func sessionsUnknown(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	err := rotate(t, s, "b", "c")
	wantErr(t, err, user.ErrInvalidGrant)
	if errors.Is(err, user.ErrTokenReused) {
		t.Errorf("an unknown token counts as used: %v", err)
	}
	wantErr(t, rotate(t, s, "c", "d"), user.ErrInvalidGrant)
	must(t, rotate(t, s, "a", "e"))
}

func sessionsExpired(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	begin(t, s, "b")
	for _, now := range []time.Time{at.Add(time.Hour), at.Add(2 * time.Hour)} {
		wantErr(t, s.Rotate(t.Context(), user.HashToken("a"), newToken("next", at.Add(9*time.Hour)), now), user.ErrInvalidGrant)
	}
	must(t, s.Rotate(t.Context(), user.HashToken("b"), newToken("next", at.Add(9*time.Hour)), at.Add(time.Hour-time.Microsecond)))
}

func sessionsRepeat(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "token 0")
	for i := range 5 {
		for range 3 {
			must(t, rotate(t, s, fmt.Sprint("token ", i), fmt.Sprint("token ", i+1)))
		}
	}
	// What the successor expires at is not moved by a repeat.
	must(t, s.Rotate(t.Context(), user.HashToken("token 4"), newToken("token 5", at.Add(9*time.Hour)), at))
	wantErr(t, s.Rotate(t.Context(), user.HashToken("token 5"), newToken("token 6", at.Add(9*time.Hour)), at.Add(time.Hour)), user.ErrInvalidGrant)
}

func sessionsRace(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	won := race(t, nil, func(int) error {
		return s.Rotate(t.Context(), user.HashToken("a"), newToken("b", at.Add(time.Hour)), at)
	})
	if won != workers {
		t.Errorf("%d of %d were given the successor, want all", won, workers)
	}
	must(t, rotate(t, s, "b", "c"))
}

func sessionsReuse(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	must(t, rotate(t, s, "a", "b"))
	must(t, rotate(t, s, "b", "c"))
	err := rotate(t, s, "a", "b")
	wantErr(t, err, user.ErrTokenReused)
	wantErr(t, err, user.ErrInvalidGrant)
	for _, token := range []string{"c", "b", "a"} {
		wantErr(t, rotate(t, s, token, "from "+token), user.ErrInvalidGrant)
	}
}

func sessionsReuseExpired(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	must(t, s.Rotate(t.Context(), user.HashToken("a"), newToken("b", at.Add(9*time.Hour)), at))
	must(t, s.Rotate(t.Context(), user.HashToken("b"), newToken("c", at.Add(9*time.Hour)), at))
	wantErr(t, s.Rotate(t.Context(), user.HashToken("a"), newToken("b", at.Add(9*time.Hour)), at.Add(2*time.Hour)), user.ErrTokenReused)
	wantErr(t, rotate(t, s, "c", "d"), user.ErrInvalidGrant)
}

func sessionsOtherSuccessor(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	begin(t, s, "of another session")
	must(t, rotate(t, s, "a", "b"))
	wantErr(t, rotate(t, s, "a", "of another session"), user.ErrTokenReused)
	wantErr(t, rotate(t, s, "b", "c"), user.ErrInvalidGrant)
}

func sessionsRaceOthers(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	won := race(t, user.ErrTokenReused, func(worker int) error {
		return s.Rotate(t.Context(), user.HashToken("a"), newToken(fmt.Sprint("next ", worker), at.Add(time.Hour)), at)
	})
	if won != 1 {
		t.Errorf("%d of %d used up one token, want 1", won, workers)
	}
	for i := range workers {
		wantErr(t, rotate(t, s, fmt.Sprint("next ", i), fmt.Sprint("later ", i)), user.ErrInvalidGrant)
	}
}

func sessionsRepeatExpired(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	b := newToken("b", at.Add(9*time.Hour))
	must(t, s.Rotate(t.Context(), user.HashToken("a"), b, at))
	wantErr(t, s.Rotate(t.Context(), user.HashToken("a"), b, at.Add(time.Hour)), user.ErrInvalidGrant)
	must(t, rotate(t, s, "b", "c"))
}

func sessionsRepeatRevoked(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	must(t, rotate(t, s, "a", "b"))
	must(t, s.Revoke(t.Context(), user.HashToken("a"), at))
	wantErr(t, rotate(t, s, "a", "b"), user.ErrInvalidGrant)
}

func sessionsRevoke(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	must(t, rotate(t, s, "a", "b"))
	for range 2 {
		must(t, s.Revoke(t.Context(), user.HashToken("b"), at))
		wantErr(t, rotate(t, s, "b", "c"), user.ErrInvalidGrant)
	}
	begin(t, s, "x")
	must(t, rotate(t, s, "x", "y"))
	must(t, s.Revoke(t.Context(), user.HashToken("x"), at))
	wantErr(t, rotate(t, s, "y", "z"), user.ErrInvalidGrant)
}

func sessionsRevokeUnknown(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	must(t, s.Revoke(t.Context(), user.HashToken("b"), at))
	must(t, rotate(t, s, "a", "c"))
}

func sessionsApart(t *testing.T, s SessionsUnderTest) {
	userID := id()
	for _, name := range []string{"a", "b", "c"} {
		must(t, s.Start(t.Context(), user.Session{ID: id(), UserID: userID, Secret: []byte{1}, StartedAt: at}, newToken(name, at.Add(time.Hour))))
	}
	must(t, s.Revoke(t.Context(), user.HashToken("a"), at))
	must(t, rotate(t, s, "b", "b2"))
	must(t, rotate(t, s, "b2", "b3"))
	wantErr(t, rotate(t, s, "b", "b2"), user.ErrTokenReused)
	must(t, rotate(t, s, "c", "c2"))
}

func sessionsPrune(t *testing.T, s SessionsUnderTest) {
	session := begin(t, s, "a")
	must(t, s.Prune(t.Context(), at.Add(time.Hour)))
	wantErr(t, s.Rotate(t.Context(), user.HashToken("a"), newToken("b", at.Add(9*time.Hour)), at), user.ErrInvalidGrant)
	// The session is gone, too: its id is free again.
	must(t, s.Start(t.Context(), session, newToken("c", at.Add(time.Hour))))
}

func sessionsPruneKeeps(t *testing.T, s SessionsUnderTest) {
	begin(t, s, "a")
	must(t, rotate(t, s, "a", "b"))
	must(t, rotate(t, s, "b", "c"))
	must(t, s.Prune(t.Context(), at.Add(time.Hour-time.Microsecond)))
	wantErr(t, rotate(t, s, "a", "b"), user.ErrTokenReused)
	wantErr(t, rotate(t, s, "c", "d"), user.ErrInvalidGrant)
}

func sessionsCancelled(t *testing.T, s SessionsUnderTest) {
	_, session := logIn(t, s, "a")
	ctx := cancelled(t)
	wantErr(t, s.Start(ctx, user.Session{ID: id(), UserID: id(), Secret: []byte{1}, StartedAt: at}, newToken("x", at.Add(time.Hour))), ctx.Err())
	_, err := s.ByToken(ctx, user.HashToken("a"))
	wantErr(t, err, ctx.Err())
	_, err = s.Account(ctx, session.ID)
	wantErr(t, err, ctx.Err())
	wantErr(t, s.Rotate(ctx, user.HashToken("a"), newToken("b", at.Add(time.Hour)), at), ctx.Err())
	wantErr(t, s.Revoke(ctx, user.HashToken("a"), at), ctx.Err())
	wantErr(t, s.Prune(ctx, at.Add(2*time.Hour)), ctx.Err())
	wantErr(t, rotate(t, s, "x", "y"), user.ErrInvalidGrant)
	must(t, rotate(t, s, "a", "c"))
}
