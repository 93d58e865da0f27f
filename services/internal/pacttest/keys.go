//go:build pact

package pacttest

import (
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
)

// Keys adds the key set of the user service, by which every other verifies
// access tokens: all of them with the same verifier.
func (p *Pact) Keys(t *testing.T) {
	t.Helper()
	const path, kid = "/.well-known/jwks.json", "01970000-0000-7000-8000-0000000000aa"
	// Always the same, so that the pact is.
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("pact", ed25519.SeedSize/4)))
	public := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	p.Exchange(t, "there is a signing key", "a request for the keys that verify access tokens",
		Request{Method: http.MethodGet, Path: path},
		Answer{Status: 200, Header: Header{"Content-Type": Is("application/json")}, Body: Body{"keys": Each(Body{
			"kty": "OKP", "crv": "Ed25519", "kid": Like(kid), "x": Text(public, "^[A-Za-z0-9_-]{43}$"),
		})}},
		func(t *testing.T, base string) {
			key, err := jwk.Import(private)
			if err != nil {
				t.Fatal(err)
			}
			if err := key.Set(jwk.KeyIDKey, kid); err != nil {
				t.Fatal(err)
			}
			token, err := (&Issuer{key: key}).token("customer")
			if err != nil {
				t.Fatal(err)
			}
			got, err := auth.NewVerifier(base+path, slog.New(slog.DiscardHandler)).Verify(t.Context(), token)
			if want := Callers["customer"]; err != nil || got != want {
				t.Errorf("the token is of %+v (%v), want %+v", got, err, want)
			}
		})
}
