//go:build pact

package pacttest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
)

// Issuer signs the access tokens that a provider is verified with, in place of
// the user service.
type Issuer struct {
	URL string // of its key set
	key jwk.Key
}

// NewIssuer returns an issuer with a key of its own.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	key, err := jwk.Import(private)
	must(err)
	must(key.Set(jwk.KeyIDKey, "pact"))
	public, err := key.PublicKey()
	must(err)
	keys := jwk.NewSet()
	must(keys.AddKey(public))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(keys)
	}))
	t.Cleanup(server.Close)
	return &Issuer{URL: server.URL, key: key}
}

// sign returns h behind the exchange of names for tokens; see Callers.
func (i *Issuer) sign(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			token, err := i.token(name)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
		}
		h.ServeHTTP(w, r)
	})
}

func (i *Issuer) token(name string) (string, error) {
	c, known := Callers[name]
	if !known {
		return name, nil // which is no token, and is refused as such
	}
	t, err := jwt.NewBuilder().
		Issuer(auth.Issuer).Audience([]string{auth.Audience}).
		Subject(c.UserID).Claim("email", c.Email).Claim("name", c.Name).Claim("role", string(c.Role)).
		Expiration(time.Now().Add(time.Minute)).
		Build()
	if err != nil {
		return "", err
	}
	h := jws.NewHeaders()
	if err := h.Set(jws.TypeKey, auth.TokenType); err != nil {
		return "", err
	}
	b, err := jwt.Sign(t, jwt.WithKey(jwa.EdDSA(), i.key, jws.WithProtectedHeaders(h)))
	return string(b), err
}
