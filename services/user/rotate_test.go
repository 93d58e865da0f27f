package user_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
)

func (s service) published(t *testing.T) []string {
	t.Helper()
	keys, err := s.PublishedKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// At every instant of a rotation, the set of now verifies every token that is
// good, and the set of 30 s ago verifies the token that is signed now.
func TestRotationLeavesNoTokenUnverifiable(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	old := s.published(t)[0]
	next, err := s.RotateKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type token struct {
		text    string
		expires time.Time
	}
	var tokens, guests []token
	verifyAll := func(set []user.SigningKey) {
		t.Helper()
		for _, token := range tokens {
			if !s.clock.Before(token.expires) {
				continue
			}
			if _, err := s.Tokens.Verify(token.text, set, *s.clock); err != nil {
				t.Fatalf("a token that is good until %v is refused at %v: %v", token.expires, s.clock, err)
			}
		}
	}
	var sets [][]user.SigningKey
	const step = 10 * time.Second
	refresh := s.login(t).RefreshToken
	for range 20 * time.Minute / step {
		s.pass(step)
		set, err := s.PublishedKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
		g, err := s.Refresh(t.Context(), refresh)
		if err != nil {
			t.Fatal(err)
		}
		refresh = g.RefreshToken
		tokens = append(tokens, token{g.AccessToken, s.clock.Add(g.ExpiresIn)})
		ago := sets[max(0, len(sets)-1-int(30*time.Second/step))]
		if c, err := s.Tokens.Verify(g.AccessToken, ago, *s.clock); err != nil || c.UserID != u.ID {
			t.Fatalf("who fetched the set 30 s ago refuses a new token: %v", err)
		}
		verifyAll(set)
		guest, err := s.AdmitGuest(t.Context(), user.Guest{Name: "G", Email: "g@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, token{guest.AccessToken, s.clock.Add(guest.ExpiresIn)})
	}
	for tokens = guests; s.clock.Before(tokens[int(user.KeyDelay/step)].expires); s.pass(time.Minute) {
		set, err := s.PublishedKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		verifyAll(set)
	}
	s.pass(2 * time.Minute) // clocks differ
	if ids := s.published(t); !slices.Equal(ids, []string{next.ID}) {
		t.Errorf("after the last old token has expired, %v are published, not %s alone", ids, next.ID)
	}
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, err := s.Keys.All(t.Context())
	if err != nil || len(keys) != 1 || keys[0].ID == old {
		t.Errorf("%d keys are stored, %v", len(keys), err)
	}
}

func TestRotatingTwiceIsRotatingOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	a, err := s.RotateKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.RotateKeys(t.Context())
	if err != nil || b.ID != a.ID || len(s.published(t)) != 2 {
		t.Errorf("%s then %s, %v", a.ID, b.ID, err)
	}
	s.pass(user.KeyDelay)
	if c, err := s.RotateKeys(t.Context()); err != nil || c.ID == a.ID {
		t.Errorf("%s again after it signs, %v", c.ID, err)
	}
}

// A key that was made while the clock was ahead blocks no rotation, and is replaced as
// every other.
func TestKeysAreRotatedAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	for name, rotated := range map[string]bool{"by the first start": false, "by a rotation": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const ahead = 10 * 365 * 24 * time.Hour
			s := newService(t)
			s.registered(t)
			keys, err := s.Keys.All(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			old := keys[0].ID
			if rotated {
				s.pass(ahead)
				wrong, err := s.RotateKeys(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				old = wrong.ID
			}
			s.pass(-ahead)
			next, err := s.RotateKeys(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if wait := next.SignsFrom.Sub(*s.clock); wait != user.KeyDelay {
				t.Errorf("the new key signs in %s, want %s", wait, user.KeyDelay)
			}
			s.pass(user.KeyDelay)
			if _, err := s.Verify(t.Context(), s.login(t).AccessToken); err != nil {
				t.Errorf("a token of the new key: %v", err)
			}
			s.pass(3 * time.Hour)
			if ids := s.published(t); slices.Contains(ids, old) || !slices.Contains(ids, next.ID) {
				t.Errorf("%v are published, want %s and not %s any more", ids, next.ID, old)
			}
		})
	}
}

// A restart finds the key of before: tokens outlive it.
func TestKeysOutliveARestart(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	g := s.login(t)
	again, err := user.New(t.Context(), s.Options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Verify(t.Context(), g.AccessToken); err != nil {
		t.Error(err)
	}
	if ids := s.published(t); len(ids) != 1 {
		t.Errorf("%d keys after a restart", len(ids))
	}
}
