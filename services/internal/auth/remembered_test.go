package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
)

// A token that was found good is refused when it has expired, when its key does not
// count any more, and when anything of it is changed.
func TestRememberedTokensAreRefusedInTime(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token, now := sign(t, i.private, claims(), nil), time.Now()
	var p auth.Parser
	listed := func(id string) (any, bool) { return i.keys.LookupKeyID(id) }
	none := func(string) (any, bool) { return nil, false }
	for range 2 {
		if c, err := p.Parse(token, listed, now); err != nil || c.UserID != "u1" {
			t.Fatalf("%+v, %v, want that of u1", c, err)
		}
	}
	unasked := func(string) (any, bool) { return nil, true }
	if c, err := p.Parse(token, unasked, now); err != nil || c.UserID != "u1" {
		t.Fatalf("it is verified again: %+v, %v", c, err)
	}
	for name, ask := range map[string]func() error{
		"expired":         func() error { _, err := p.Parse(token, listed, now.Add(2*time.Minute)); return err },
		"a withdrawn key": func() error { _, err := p.Parse(token, none, now); return err },
		"changed":         func() error { _, err := p.Parse(token[:len(token)-4]+"AAAA", listed, now); return err },
	} {
		if err := ask(); !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%s: %v, want %v", name, err, auth.ErrInvalidToken)
		}
	}
}
