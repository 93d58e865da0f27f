package jwt_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

func TestTokensContract(t *testing.T) {
	t.Parallel()
	usertest.TestTokens(t, func(*testing.T) user.Tokens { return &jwt.Tokens{} })
}

// What stands in a token is a contract with everybody who verifies it.
func TestTokenIsAsRFC9068Says(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_900_000_000, 0)
	token, err := new(jwt.Tokens).Sign(identity.Caller{UserID: "u", Email: "e@example.com", Name: "N", Role: identity.Customer, SessionID: "s"},
		user.SigningKey{ID: "k", Private: private}, now, now.Add(user.AccessTokenLife))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q has %d parts", token, len(parts))
	}
	decode := func(s string) (m map[string]any) {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if d := cmp.Diff(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "k"}, decode(parts[0])); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	claims := decode(parts[1])
	if jti, _ := claims["jti"].(string); len(jti) != 36 {
		t.Errorf("jti is %v", claims["jti"])
	}
	delete(claims, "jti")
	if d := cmp.Diff(map[string]any{
		"sub": "u", "email": "e@example.com", "email_verified": false, "name": "N", "role": "customer", "sid": "s", "iss": "boxoffice", "aud": []any{"boxoffice"},
		"iat": 1_900_000_000.0, "exp": 1_900_000_900.0,
	}, claims); d != "" {
		t.Errorf("claims (-want +got):\n%s", d)
	}
}

// FuzzVerify: no text makes a caller of anybody but whom a token was signed for.
func FuzzVerify(f *testing.F) {
	key := user.SigningKey{ID: "k", Private: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	now := time.Unix(1_900_000_000, 0)
	caller := identity.Caller{UserID: "u", Role: identity.Customer}
	good, err := new(jwt.Tokens).Sign(caller, key, now, now.Add(time.Minute))
	if err != nil {
		f.Fatal(err)
	}
	head, rest, _ := strings.Cut(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for _, seed := range []string{
		good, "", "..", head + "." + rest + ".x", b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"k"}`)) + "." + rest,
		b64([]byte(`{"alg":"HS256","typ":"at+jwt","kid":"k"}`)) + "." + rest, b64([]byte(`{"alg":"EdDSA","kid":"k"}`)) + "." + rest,
		`{"payload":"","signatures":[]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := new(jwt.Tokens).Verify(token, []user.SigningKey{key}, now)
		if err == nil && c != caller {
			t.Errorf("%q makes a caller of %+v", token, c)
		}
		if err != nil && !errors.Is(err, user.ErrInvalidToken) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
