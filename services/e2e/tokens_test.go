package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

type grant struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Refresh string `json:"refresh_token"`
}

// claims decodes a JWT, without verifying it.
func claims(t testing.TB, token string) (head, payload map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	for i, out := range []*map[string]any{&head, &payload} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatal(err)
		}
	}
	return head, payload
}

func TestToken(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, organizer)
	var g grant
	res := p.token(t, a, "grant_type", "password", "username", strings.ToUpper(a.email), "password", a.password).want(t, http.StatusOK)
	res.into(t, &g)
	if g.Type != "Bearer" || g.Expires != 900 || g.Refresh == "" || g.Access == "" {
		t.Errorf("granted: type %q, expires in %d", g.Type, g.Expires)
	}
	if cc := res.header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
		t.Errorf("Cache-Control %q", cc)
	}
	head, payload := claims(t, g.Access)
	if head["alg"] != "EdDSA" || head["kid"] == "" {
		t.Errorf("the token's header: %v", head)
	}
	for claim, want := range map[string]any{"sub": a.id, "email": a.email, "name": a.name, "role": organizer} {
		if payload[claim] != want {
			t.Errorf("claim %s is %v, want %v", claim, payload[claim], want)
		}
	}
	if payload["iss"] == nil || payload["aud"] == nil {
		t.Errorf("the claims lack iss or aud: %v", payload)
	}
	iat, _ := payload["iat"].(float64)
	if exp, _ := payload["exp"].(float64); exp-iat != 900 {
		t.Errorf("the token lives %v s", exp-iat)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	wrong := p.token(t, a, "grant_type", "password", "username", a.email, "password", "wrong password")
	wrong.oauthError(t, http.StatusBadRequest, "invalid_grant")
	unknown := p.token(t, a, "grant_type", "password", "username", newAccount(customer).email, "password", "wrong password")
	unknown.oauthError(t, http.StatusBadRequest, "invalid_grant")
	if string(wrong.body) != string(unknown.body) {
		t.Errorf("a wrong password and an unknown email are told apart: %s, %s", wrong.body, unknown.body)
	}
	p.token(t, a, "grant_type", "refresh_token", "refresh_token", "made-up").oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.token(t, a, "grant_type", "client_credentials").oauthError(t, http.StatusBadRequest, "unsupported_grant_type")
	p.token(t, a).oauthError(t, http.StatusBadRequest, "invalid_request")
	p.token(t, a, "grant_type", "password", "username", a.email).oauthError(t, http.StatusBadRequest, "invalid_request")
	p.token(t, a, "grant_type", "refresh_token").oauthError(t, http.StatusBadRequest, "invalid_request")
	p.token(t, a, "grant_type", "password", "grant_type", "password", "username", a.email, "password", a.password).
		oauthError(t, http.StatusBadRequest, "invalid_request") // a parameter stands twice
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	refresh := func(token string) *answer {
		return p.token(t, a, "grant_type", "refresh_token", "refresh_token", token)
	}
	var second, again, third grant
	refresh(a.refresh).want(t, http.StatusOK).into(t, &second)
	// Its answer was lost, or another window had the same token: nobody is
	// logged out.
	refresh(a.refresh).want(t, http.StatusOK).into(t, &again)
	if again.Refresh != second.Refresh {
		t.Error("a repeat was given another refresh token")
	}
	refresh(second.Refresh).want(t, http.StatusOK).into(t, &third)
	if second.Refresh == a.refresh || third.Refresh == second.Refresh {
		t.Error("the refresh token was not rotated")
	}
	p.get(t, gateway, "/users/me", nil, header("Authorization", "Bearer "+third.Access))

	// Who uses the first again has stolen it, or was stolen from.
	refresh(a.refresh).oauthError(t, http.StatusBadRequest, "invalid_grant")
	refresh(third.Refresh).oauthError(t, http.StatusBadRequest, "invalid_grant")
	// Another login is another family.
	if err := p.login(a); err != nil {
		t.Fatal(err)
	}
	refresh(a.refresh).want(t, http.StatusOK)
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	revoke := func(pairs ...string) *answer {
		return p.call(t, http.MethodPost, gateway, "/token/revoke", header("X-Forwarded-For", a.address), form(pairs...))
	}
	revoke("token", "made-up").want(t, http.StatusOK)
	revoke("token", a.refresh, "token_type_hint", "refresh_token").want(t, http.StatusOK)
	revoke("token", a.refresh).want(t, http.StatusOK)
	p.token(t, a, "grant_type", "refresh_token", "refresh_token", a.refresh).oauthError(t, http.StatusBadRequest, "invalid_grant")
	revoke().oauthError(t, http.StatusBadRequest, "invalid_request")
}

func TestKeySet(t *testing.T) {
	t.Parallel()
	p := shared(t)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	p.get(t, gateway, "/.well-known/jwks.json", &set)
	if len(set.Keys) == 0 {
		t.Fatal("no keys")
	}
	for _, k := range set.Keys {
		if k["kty"] != "OKP" || k["crv"] != "Ed25519" || k["kid"] == "" || k["x"] == "" {
			t.Errorf("a key that is none of Ed25519: %v", k["kid"])
		}
		if _, private := k["d"]; private {
			t.Error("the key set has a private key")
		}
	}
}

// Throttled is whoever fails too often, by where they come from: never the
// owner of the account that they try.
func TestThrottling(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	owner := p.register(t, customer)
	guess := func(from, email string) *answer {
		return p.call(t, http.MethodPost, gateway, "/token", header("X-Forwarded-For", from),
			form("grant_type", "password", "username", email, "password", "a wild guess"))
	}
	untilThrottled := func(t *testing.T, try func() *answer) {
		t.Helper()
		for range 300 {
			if res := try(); res.status == http.StatusTooManyRequests {
				if after := res.header.Get("Retry-After"); after == "" || after[0] < '1' || after[0] > '9' {
					t.Errorf("429 with Retry-After %q", after)
				}
				if _, err := res.oauth(); err != nil {
					t.Error(err)
				}
				return
			} else if res.status != http.StatusBadRequest {
				t.Fatalf("a guess: %d %s", res.status, res.body)
			}
		}
		t.Error("300 guesses, and no end to them")
	}
	t.Run("by account and address", func(t *testing.T) {
		thief := nextAddress()
		untilThrottled(t, func() *answer { return guess(thief, owner.email) })
		// Right or wrong makes no difference there now.
		p.call(t, http.MethodPost, gateway, "/token", header("X-Forwarded-For", thief),
			form("grant_type", "password", "username", owner.email, "password", owner.password)).want(t, http.StatusTooManyRequests)
		if err := p.login(owner); err != nil {
			t.Errorf("the owner is locked out: %v", err)
		}
	})
	// Many people may share an address, in a school for example. Wrong passwords
	// slow it down, but the right one still logs in from there.
	t.Run("by address", func(t *testing.T) {
		school := nextAddress()
		for range 60 {
			guess(school, newAccount(customer).email).oauthError(t, http.StatusBadRequest, "invalid_grant")
		}
		p.call(t, http.MethodPost, gateway, "/token", header("X-Forwarded-For", school),
			form("grant_type", "password", "username", owner.email, "password", owner.password)).want(t, http.StatusOK)
		if err := p.login(owner); err != nil {
			t.Errorf("others are locked out: %v", err)
		}
	})
}

// A client that is neither a trusted proxy nor the web service cannot choose its
// address by a header.
func TestForgedAddressesOfStrangers(t *testing.T) {
	t.Parallel()
	p := start(t, options{noProxies: true})
	for name, value := range map[string]string{"X-Forwarded-For": "%s", "Client-Address": "%s", "X-Real-Ip": "%s", "Forwarded": "for=%s"} {
		a := p.register(t, customer)
		throttled := false
		for range 300 {
			res := p.call(t, http.MethodPost, gateway, "/token", header(name, fmt.Sprintf(value, nextAddress())),
				form("grant_type", "password", "username", a.email, "password", "a wild guess"))
			if throttled = res.status == http.StatusTooManyRequests; throttled {
				break
			}
		}
		if !throttled {
			t.Errorf("300 guesses from one address, which said by %s that it was another each time", name)
		}
	}
}

func TestHundredRegistrationsFromOneAddress(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	from := header("X-Forwarded-For", nextAddress())
	for range 100 {
		a := newAccount(customer)
		p.call(t, http.MethodPost, gateway, "/users", from,
			body(obj{"email": a.email, "password": a.password, "name": a.name})).want(t, http.StatusCreated)
	}
}

func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	paths := map[service]string{gateway: "/users/me", bookings: "/bookings", notifications: "/notifications"}
	for s, path := range paths {
		p.call(t, http.MethodGet, s, path).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		p.call(t, http.MethodGet, s, path, header("Authorization", "Basic YTpi")).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		for name, token := range forgeries(t, p, a) {
			res := p.call(t, http.MethodGet, s, path, header("Authorization", "Bearer "+token))
			if res.refused(t, http.StatusUnauthorized, problem.InvalidToken); t.Failed() {
				t.Fatalf("%s let %s pass", s, name)
			}
			if res.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: 401 without WWW-Authenticate", s)
			}
		}
	}
}
