package auth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

var quiet = slog.New(slog.DiscardHandler)

// issuer signs tokens and serves its key set, as the user service does.
type issuer struct {
	*httptest.Server
	private jwk.Key
	down    atomic.Bool
	fetches atomic.Int32
	keys    jwk.Set
}

func newIssuer(t testing.TB, kid string) *issuer {
	t.Helper()
	i := &issuer{keys: jwk.NewSet()}
	i.private = i.addKey(t, kid)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		if i.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(i.keys)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) addKey(t testing.TB, kid string) jwk.Key {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	key, err := jwk.Import(priv)
	must(t, err)
	must(t, key.Set(jwk.KeyIDKey, kid))
	pub, err := key.PublicKey()
	must(t, err)
	must(t, i.keys.AddKey(pub))
	return key
}

// claims is what a good token says; a test changes one thing.
func claims() map[string]any {
	return map[string]any{
		"sub": "u1", "email": "a@example.com", "name": "Ada", "role": "customer",
		"iss": auth.Issuer, "aud": auth.Audience, "exp": time.Now().Add(time.Minute).Unix(),
	}
}

func sign(t testing.TB, key jwk.Key, claims, header map[string]any) string {
	t.Helper()
	tok := jwt.New()
	for k, v := range claims {
		must(t, tok.Set(k, v))
	}
	h := jws.NewHeaders()
	must(t, h.Set(jws.TypeKey, auth.TokenType))
	for k, v := range header {
		must(t, h.Set(k, v))
	}
	b, err := jwt.Sign(tok, jwt.WithKey(jwa.EdDSA(), key, jws.WithProtectedHeaders(h)))
	must(t, err)
	return string(b)
}

func TestVerifyReadsTheCaller(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	v := auth.NewVerifier(i.URL, quiet)
	got, err := v.Verify(t.Context(), sign(t, i.private, claims(), nil))
	want := identity.Caller{UserID: "u1", Email: "a@example.com", Name: "Ada", Role: identity.Customer}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	other := newIssuer(t, "k1") // the same key id, another key
	v := auth.NewVerifier(i.URL, quiet)
	good := sign(t, i.private, claims(), nil)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	with := func(name string, value any) map[string]any {
		c := claims()
		if value == nil {
			delete(c, name)
		} else {
			c[name] = value
		}
		return c
	}
	otherPublic, err := other.private.PublicKey()
	must(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	rs, err := jws.Sign([]byte(`{"sub":"u1"}`), jws.WithKey(jwa.RS256(), rsaKey))
	must(t, err)
	pub, _ := i.keys.Key(0)
	var raw ed25519.PublicKey
	must(t, jwk.Export(pub, &raw))
	hs, err := jwt.Sign(jwt.New(), jwt.WithKey(jwa.HS256(), []byte(raw)))
	must(t, err)

	for name, token := range map[string]string{
		"nothing":                       "",
		"garbage":                       "a.b.c",
		"alg none":                      b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"k1"}`)) + "." + parts[1] + ".",
		"alg RS256":                     string(rs),
		"alg HS256 with the public key": string(hs),
		"expired":                       sign(t, i.private, with("exp", time.Now().Add(-time.Minute).Unix()), nil),
		"no expiry":                     sign(t, i.private, with("exp", nil), nil),
		"another issuer":                sign(t, i.private, with("iss", "else"), nil),
		"another audience":              sign(t, i.private, with("aud", "else"), nil),
		"no subject":                    sign(t, i.private, with("sub", nil), nil),
		"no role":                       sign(t, i.private, with("role", nil), nil),
		"another typ":                   sign(t, i.private, claims(), map[string]any{"typ": "JWT"}),
		"a header it calls critical":    sign(t, i.private, claims(), map[string]any{"crit": []string{"x"}, "x": 1}),
		"a key id that is no text":      b64([]byte(`{"alg":"EdDSA","typ":"at+jwt","kid":7}`)) + "." + parts[1] + "." + parts[2],
		"a header that is no JSON":      b64([]byte(`{"alg":"EdDSA","typ":"at+jwt","kid":"k1"`)) + "." + parts[1] + "." + parts[2],
		"four parts":                    good + "." + parts[2],
		"not valid yet":                 sign(t, i.private, with("nbf", time.Now().Add(time.Minute).Unix()), nil),
		"issued in the future":          sign(t, i.private, with("iat", time.Now().Add(time.Minute).Unix()), nil),
		"another's key":                 sign(t, other.private, claims(), nil),
		"a key it brings along":         sign(t, other.private, claims(), map[string]any{"jwk": otherPublic}),
		"a key set it names":            sign(t, other.private, claims(), map[string]any{"jku": other.URL}),
		"changed claims":                parts[0] + "." + b64([]byte(`{"sub":"u2","iss":"boxoffice","aud":"boxoffice","exp":99999999999}`)) + "." + parts[2],
		"signature cut off":             parts[0] + "." + parts[1] + ".",
	} {
		if c, err := v.Verify(t.Context(), token); !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	if n := other.fetches.Load(); n != 0 {
		t.Errorf("a token made us fetch %d key sets of its choice", n)
	}
}

func TestTheLastGoodKeySetOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	v := auth.NewVerifier(i.URL, quiet)
	tok := sign(t, i.private, claims(), nil)
	if _, err := v.Verify(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	i.down.Store(true)
	if _, err := v.Verify(t.Context(), tok); err != nil {
		t.Errorf("with the issuer down: %v", err)
	}
}

func TestWithoutAnyKeySetNobodyIsCalledInvalid(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	i.down.Store(true)
	v := auth.NewVerifier(i.URL, quiet)
	if _, err := v.Verify(t.Context(), sign(t, i.private, claims(), nil)); !errors.Is(err, auth.ErrKeysUnavailable) {
		t.Errorf("error %v, want ErrKeysUnavailable", err)
	}
}

// A key set is taken from the URL that was configured and from nowhere else.
func TestTheKeySetIsNotFetchedElsewhere(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	elsewhere := httptest.NewServer(http.RedirectHandler(i.URL, http.StatusFound))
	defer elsewhere.Close()
	v := auth.NewVerifier(elsewhere.URL, quiet)
	if _, err := v.Verify(t.Context(), sign(t, i.private, claims(), nil)); !errors.Is(err, auth.ErrKeysUnavailable) {
		t.Errorf("error %v, want ErrKeysUnavailable", err)
	}
	if n := i.fetches.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
}

func TestUnknownKeyIDsFetchOnceInAWhile(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	v := auth.NewVerifier(i.URL, quiet)
	if _, err := v.Verify(t.Context(), sign(t, i.private, claims(), nil)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		bad := newIssuer(t, "made-up")
		if _, err := v.Verify(t.Context(), sign(t, bad.private, claims(), nil)); !errors.Is(err, auth.ErrInvalidToken) {
			t.Fatalf("error %v", err)
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("%d fetches within %v, want 1", n, auth.RefetchInterval)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "test", "")
	services := authtest.New(t)
	booking, notification := services.Token("booking", "event"), services.Token("notification", "event")
	g := &auth.Guard{
		Verify: func(_ context.Context, token string) (identity.Caller, error) {
			switch token {
			case "down":
				return identity.Caller{}, auth.ErrKeysUnavailable
			case "guest", "customer", "organizer", "admin":
				return identity.Caller{UserID: token, Role: identity.Role(token)}, nil
			}
			return identity.Caller{}, auth.ErrInvalidToken
		},
		VerifyService: services.Keys().Verifier("event"),
	}
	type out struct{ Body string }
	h := func(ctx context.Context, _ *struct{}) (*out, error) { return &out{auth.Caller(ctx).UserID}, nil }
	op := func(path string) huma.Operation {
		return huma.Operation{OperationID: path[1:], Method: http.MethodGet, Path: path}
	}
	huma.Register(api, g.User(api, op("/any")), h)
	huma.Register(api, g.User(api, op("/organizer"), identity.Organizer), h)
	huma.Register(api, g.User(api, op("/guests"), identity.Everybody...), h)
	huma.Register(api, g.Service(api, op("/internal"), "booking"), h)

	if got := api.OpenAPI().Paths["/internal"].Get.Description; got != "Only booking may call it." {
		t.Errorf("the document says %q", got)
	}
	for path, want := range map[string][]identity.Role{
		"/any":       {identity.Customer, identity.Organizer, identity.Admin},
		"/organizer": {identity.Organizer, identity.Admin},
		"/guests":    {identity.Guest, identity.Customer, identity.Organizer, identity.Admin},
	} {
		if got := api.OpenAPI().Paths[path].Get.Extensions[auth.RolesExtension]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s lists the roles %v, want %v", path, got, want)
		}
	}
	for _, c := range []struct {
		path, bearer, service string
		status                int
		code                  problem.Code
	}{
		{"/any", "", "", 401, problem.Unauthenticated},
		{"/any", "", booking, 401, problem.Unauthenticated},
		{"/any", "forged", "", 401, problem.InvalidToken},
		{"/any", "down", "", 503, problem.UpstreamUnavailable},
		{"/any", "customer", "", 200, ""},
		{"/any", "guest", "", 403, problem.Forbidden},
		{"/guests", "guest", "", 200, ""},
		{"/guests", "customer", "", 200, ""},
		{"/guests", "admin", "", 200, ""},
		{"/organizer", "guest", "", 403, problem.Forbidden},
		{"/organizer", "customer", "", 403, problem.Forbidden},
		{"/organizer", "organizer", "", 200, ""},
		{"/organizer", "admin", "", 200, ""},
		{"/internal", "", "", 401, problem.Unauthenticated},
		{"/internal", "admin", "", 401, problem.Unauthenticated},
		{"/internal", "", "guess", 401, problem.InvalidToken},
		{"/internal", "", services.Token("booking", "notification"), 401, problem.InvalidToken},
		{"/internal", "", notification, 403, problem.Forbidden},
		{"/internal", "", booking, 200, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		if c.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+c.bearer)
		}
		if c.service != "" {
			r.Header.Set("X-Service-Token", c.service)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		var p problem.Problem
		if w.Code != 200 {
			must(t, json.Unmarshal(w.Body.Bytes(), &p))
		}
		if w.Code != c.status || p.Code != c.code {
			t.Errorf("%s as %q/%q: %d %s, want %d %s", c.path, c.bearer, c.service, w.Code, p.Code, c.status, c.code)
		}
		scheme := ""
		switch {
		case c.status == 401 && c.path == "/internal":
			scheme = "X-Service-Token"
		case c.status == 401:
			scheme = "Bearer"
		}
		if got, _, _ := strings.Cut(w.Header().Get("WWW-Authenticate"), " "); got != scheme {
			t.Errorf("%s as %q/%q: the challenge is %q, want %q", c.path, c.bearer, c.service, got, scheme)
		}
	}
}

// Without an access token a request with the other header comes to the handler, as nobody.
func TestGuardLetsAnotherHeaderIn(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "test", "")
	g := &auth.Guard{Verify: func(_ context.Context, token string) (identity.Caller, error) {
		if token == "forged" {
			return identity.Caller{}, auth.ErrInvalidToken
		}
		return identity.Caller{UserID: token, Role: identity.Role(token)}, nil
	}}
	op := huma.Operation{OperationID: "linked", Method: http.MethodGet, Path: "/linked"}
	huma.Register(api, g.UserOr(api, op, httpkit.SchemeBookingKey, "Booking-Key", identity.Organizer),
		func(ctx context.Context, _ *struct{}) (*struct{ Body string }, error) {
			return &struct{ Body string }{"[" + auth.Caller(ctx).UserID + "]"}, nil
		})
	for _, c := range []struct {
		authorization, key string
		status             int
		caller             string
	}{
		{"", "", 401, ""},
		{"", "key", 200, "[]"},
		{"Basic x", "key", 200, "[]"}, // the gateway drops it where something may change
		{"Basic x", "", 401, ""},
		{"Bearer organizer", "", 200, "[organizer]"},
		{"Bearer organizer", "key", 200, "[organizer]"},
		{"Bearer customer", "key", 403, ""},
		{"Bearer forged", "key", 401, ""},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/linked", nil)
		r.Header.Set("Authorization", c.authorization)
		r.Header.Set("Booking-Key", c.key)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != c.status || c.status == 200 && strings.TrimSpace(w.Body.String()) != `"`+c.caller+`"` {
			t.Errorf("Authorization %q and Booking-Key %q: %d %s, want %d %s", c.authorization, c.key, w.Code, w.Body, c.status, c.caller)
		}
	}
}

// What may change something is asked of VerifyChange, by every method but those
// that only read.
func TestGuardAsksMoreOfChanges(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "test", "")
	as := func(name string) func(context.Context, string) (identity.Caller, error) {
		return func(context.Context, string) (identity.Caller, error) {
			return identity.Caller{UserID: name, Role: identity.Customer}, nil
		}
	}
	g := &auth.Guard{Verify: as("reader"), VerifyChange: as("changer")}
	type out struct{ Body string }
	for method, want := range map[string]string{"GET": "reader", "POST": "changer", "PUT": "changer", "PATCH": "changer", "DELETE": "changer"} {
		huma.Register(api, g.User(api, huma.Operation{OperationID: method, Method: method, Path: "/thing"}),
			func(ctx context.Context, _ *struct{}) (*out, error) { return &out{auth.Caller(ctx).UserID}, nil })
		r := httptest.NewRequestWithContext(t.Context(), method, "/thing", nil)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if got := strings.TrimSpace(w.Body.String()); got != `"`+want+`"` {
			t.Errorf("%s is verified as by %s, want %q", method, got, want)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
