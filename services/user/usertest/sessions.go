package usertest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
)

// TestSessions is the contract of user.Sessions. open returns an empty store.
func TestSessions(t *testing.T, open func(t *testing.T) user.Sessions) {
	run(t, open, []subtest[user.Sessions]{
		{"rotating returns the session", sessionsRotate},
		{"an unknown token is no grant", sessionsUnknown},
		{"an expired token is no grant", sessionsExpired},
		{"a used token revokes the session", sessionsReuse},
		{"a used token revokes the session even after its expiry", sessionsReuseExpired},
		{"of many with one token exactly one succeeds", sessionsRace},
		{"of many with one token the session is revoked", sessionsRaceRevokes},
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
	session := user.Session{ID: id(), UserID: id(), PasswordVersion: 7, StartedAt: inUTC(at)}
	must(t, s.Start(t.Context(), session, newToken(name, at.Add(time.Hour))))
	return session
}

func rotate(t *testing.T, s user.Sessions, old, next string) error {
	t.Helper()
	_, err := s.Rotate(t.Context(), user.HashToken(old), newToken(next, at.Add(time.Hour)), at)
	return err
}

func sessionsRotate(t *testing.T, s user.Sessions) {
	want := begin(t, s, "token 0")
	for i := range 5 {
		got, err := s.Rotate(t.Context(), user.HashToken(fmt.Sprint("token ", i)), newToken(fmt.Sprint("token ", i+1), at.Add(time.Hour)), at)
		must(t, err)
		diff(t, want, got)
	}
}

func sessionsUnknown(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	err := rotate(t, s, "b", "c")
	wantErr(t, err, user.ErrInvalidGrant)
	if errors.Is(err, user.ErrTokenReused) {
		t.Errorf("an unknown token counts as used: %v", err)
	}
	wantErr(t, rotate(t, s, "c", "d"), user.ErrInvalidGrant)
	must(t, rotate(t, s, "a", "e"))
}

func sessionsExpired(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	begin(t, s, "b")
	for _, now := range []time.Time{at.Add(time.Hour), at.Add(2 * time.Hour)} {
		_, err := s.Rotate(t.Context(), user.HashToken("a"), newToken("next", at.Add(9*time.Hour)), now)
		wantErr(t, err, user.ErrInvalidGrant)
	}
	_, err := s.Rotate(t.Context(), user.HashToken("b"), newToken("next", at.Add(9*time.Hour)), at.Add(time.Hour-time.Microsecond))
	must(t, err)
}

func sessionsReuse(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	must(t, rotate(t, s, "a", "b"))
	must(t, rotate(t, s, "b", "c"))
	err := rotate(t, s, "a", "d")
	wantErr(t, err, user.ErrTokenReused)
	wantErr(t, err, user.ErrInvalidGrant)
	for _, token := range []string{"c", "d", "b", "a"} {
		wantErr(t, rotate(t, s, token, "from "+token), user.ErrInvalidGrant)
	}
}

func sessionsReuseExpired(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	_, err := s.Rotate(t.Context(), user.HashToken("a"), newToken("b", at.Add(9*time.Hour)), at)
	must(t, err)
	_, err = s.Rotate(t.Context(), user.HashToken("a"), newToken("c", at.Add(9*time.Hour)), at.Add(2*time.Hour))
	wantErr(t, err, user.ErrTokenReused)
	wantErr(t, rotate(t, s, "b", "d"), user.ErrInvalidGrant)
}

func sessionsRace(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	won := race(t, user.ErrTokenReused, func(worker int) error {
		_, err := s.Rotate(t.Context(), user.HashToken("a"), newToken(fmt.Sprint("next ", worker), at.Add(time.Hour)), at)
		return err
	})
	if won != 1 {
		t.Errorf("%d of %d used up one token, want 1", won, workers)
	}
}

func sessionsRaceRevokes(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	race(t, user.ErrTokenReused, func(worker int) error {
		_, err := s.Rotate(t.Context(), user.HashToken("a"), newToken(fmt.Sprint("next ", worker), at.Add(time.Hour)), at)
		return err
	})
	for i := range workers {
		wantErr(t, rotate(t, s, fmt.Sprint("next ", i), fmt.Sprint("later ", i)), user.ErrInvalidGrant)
	}
}

func sessionsRevoke(t *testing.T, s user.Sessions) {
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

func sessionsRevokeUnknown(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	must(t, s.Revoke(t.Context(), user.HashToken("b"), at))
	must(t, rotate(t, s, "a", "c"))
}

func sessionsApart(t *testing.T, s user.Sessions) {
	userID := id()
	for _, name := range []string{"a", "b", "c"} {
		must(t, s.Start(t.Context(), user.Session{ID: id(), UserID: userID, StartedAt: at}, newToken(name, at.Add(time.Hour))))
	}
	must(t, s.Revoke(t.Context(), user.HashToken("a"), at))
	must(t, rotate(t, s, "b", "b2"))
	wantErr(t, rotate(t, s, "b", "b3"), user.ErrTokenReused)
	must(t, rotate(t, s, "c", "c2"))
}

func sessionsPrune(t *testing.T, s user.Sessions) {
	session := begin(t, s, "a")
	must(t, s.Prune(t.Context(), at.Add(time.Hour)))
	_, err := s.Rotate(t.Context(), user.HashToken("a"), newToken("b", at.Add(9*time.Hour)), at)
	wantErr(t, err, user.ErrInvalidGrant)
	// The session is gone, too: its id is free again.
	must(t, s.Start(t.Context(), session, newToken("c", at.Add(time.Hour))))
}

func sessionsPruneKeeps(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	must(t, rotate(t, s, "a", "b"))
	must(t, s.Prune(t.Context(), at.Add(time.Hour-time.Microsecond)))
	wantErr(t, rotate(t, s, "a", "c"), user.ErrTokenReused)
	wantErr(t, rotate(t, s, "b", "d"), user.ErrInvalidGrant)
}

func sessionsCancelled(t *testing.T, s user.Sessions) {
	begin(t, s, "a")
	ctx := cancelled(t)
	wantErr(t, s.Start(ctx, user.Session{ID: id(), UserID: id(), StartedAt: at}, newToken("x", at.Add(time.Hour))), ctx.Err())
	_, err := s.Rotate(ctx, user.HashToken("a"), newToken("b", at.Add(time.Hour)), at)
	wantErr(t, err, ctx.Err())
	wantErr(t, s.Revoke(ctx, user.HashToken("a"), at), ctx.Err())
	wantErr(t, s.Prune(ctx, at.Add(2*time.Hour)), ctx.Err())
	wantErr(t, rotate(t, s, "x", "y"), user.ErrInvalidGrant)
	must(t, rotate(t, s, "a", "c"))
}
