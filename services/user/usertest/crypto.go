package usertest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/user"
)

// TestHasher is the contract of user.Hasher.
func TestHasher(t *testing.T, open func(t *testing.T) user.Hasher) {
	run(t, open, []subtest[user.Hasher]{
		{"a hash matches its password alone", hasherMatches},
		{"a hash tells nothing of the password", hasherTellsNothing},
		{"the same password has another hash each time", hasherSalts},
		{"what is no hash is an error", hasherMalformed},
		{"an ended context ends it", hasherCancelled},
	})
}

const password = "a sparrow in the organ"

func hash(t *testing.T, h user.Hasher, password string) string {
	t.Helper()
	s, err := h.Hash(t.Context(), password)
	must(t, err)
	return s
}

func hasherMatches(t *testing.T, h user.Hasher) {
	for _, right := range []string{password, "паро́ль \U0001F39F", strings.Repeat("x", user.MaxPasswordBytes)} {
		hashed := hash(t, h, right)
		for candidate, want := range map[string]bool{
			right: true, right + " ": false, right[1:]: false, right[:len(right)-1]: false, "": false, strings.ToUpper(right): false,
		} {
			got, err := h.Matches(t.Context(), hashed, candidate)
			must(t, err)
			if got != want {
				t.Errorf("%.20q matches a hash of %.20q: %t", candidate, right, got)
			}
		}
	}
}

func hasherTellsNothing(t *testing.T, h user.Hasher) {
	long := strings.Repeat("x", 256)
	if a, b := hash(t, h, password), hash(t, h, long); strings.Contains(a, password) || len(a) != len(b) {
		t.Errorf("%q and %q tell of their passwords", a, b)
	}
}

func hasherSalts(t *testing.T, h user.Hasher) {
	if a, b := hash(t, h, password), hash(t, h, password); a == b {
		t.Errorf("%q twice", a)
	}
}

func hasherMalformed(t *testing.T, h user.Hasher) {
	good := hash(t, h, password)
	for _, bad := range []string{"", password, "$", good[:len(good)/2], "x" + good, good + "$", strings.Replace(good, "=", "=9999999", 2)} {
		if ok, err := h.Matches(t.Context(), bad, password); ok || err == nil {
			t.Errorf("%q: %t, %v", bad, ok, err)
		}
	}
}

func hasherCancelled(t *testing.T, h user.Hasher) {
	hashed, ctx := hash(t, h, password), cancelled(t)
	_, err := h.Hash(ctx, password)
	wantErr(t, err, context.Canceled)
	ok, err := h.Matches(ctx, hashed, password)
	wantErr(t, err, context.Canceled)
	if ok {
		t.Error("a password matches without being compared")
	}
}

// TestTokens is the contract of user.Tokens.
func TestTokens(t *testing.T, open func(t *testing.T) user.Tokens) {
	run(t, open, []subtest[user.Tokens]{
		{"a token says who the caller is", tokensSay},
		{"no two tokens are the same", tokensDiffer},
		{"any key of the set verifies", tokensKeys},
		{"an expired token is invalid", tokensExpired},
		{"a token of another key is invalid", tokensForeign},
		{"a malformed or altered token is invalid", tokensAltered},
	})
}

var caller = identity.Caller{UserID: "01890a5d-ac96-774b-bcce-b302099a8057", Email: "zoë@example.com", EmailVerified: true, Name: "Zoë \"周\"", Role: identity.Organizer, SessionID: "01890a5d-ac96-774b-bcce-b302099a8058"}

func sign(t *testing.T, s user.Tokens, k user.SigningKey) string {
	t.Helper()
	token, err := s.Sign(caller, k, at, at.Add(user.AccessTokenLife))
	must(t, err)
	return token
}

func tokensSay(t *testing.T, s user.Tokens) {
	k := newKey(at)
	got, err := s.Verify(sign(t, s, k), []user.SigningKey{k}, at.Add(user.AccessTokenLife-time.Second))
	must(t, err)
	diff(t, caller, got)
}

func tokensDiffer(t *testing.T, s user.Tokens) {
	k := newKey(at)
	if first, second := sign(t, s, k), sign(t, s, k); first == second {
		t.Error("the same token twice")
	}
}

func tokensKeys(t *testing.T, s user.Tokens) {
	keys := []user.SigningKey{newKey(at), newKey(at), newKey(at)}
	for _, k := range keys {
		_, err := s.Verify(sign(t, s, k), keys, at)
		must(t, err)
	}
}

func tokensExpired(t *testing.T, s user.Tokens) {
	k := newKey(at)
	// Clocks differ a little; a minute is more than that.
	_, err := s.Verify(sign(t, s, k), []user.SigningKey{k}, at.Add(user.AccessTokenLife+time.Minute))
	wantErr(t, err, user.ErrInvalidToken)
}

func tokensForeign(t *testing.T, s user.Tokens) {
	k, other := newKey(at), newKey(at)
	token := sign(t, s, k)
	impostor := k
	impostor.Private = other.Private // the same id
	for _, keys := range [][]user.SigningKey{nil, {other}, {impostor}} {
		_, err := s.Verify(token, keys, at)
		wantErr(t, err, user.ErrInvalidToken)
	}
}

func tokensAltered(t *testing.T, s user.Tokens) {
	k := newKey(at)
	token := sign(t, s, k)
	for i := 0; i < len(token); i += 7 {
		// Two characters on: the last one's unused bits do not count.
		c := byte('A')
		if token[i] == c {
			c = 'z'
		}
		altered := token[:i] + string(c) + token[i+1:]
		if _, err := s.Verify(altered, []user.SigningKey{k}, at); !errors.Is(err, user.ErrInvalidToken) {
			t.Fatalf("altered at %d: %v", i, err)
		}
	}
	for _, bad := range []string{"", ".", "..", token[:len(token)/2], token + "." + token, "Bearer " + token} {
		_, err := s.Verify(bad, []user.SigningKey{k}, at)
		wantErr(t, err, user.ErrInvalidToken)
	}
}
