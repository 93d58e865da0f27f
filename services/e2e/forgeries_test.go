package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
)

// forgeries are tokens that nobody may be let in with, by what is wrong with
// them, made of a's token.
func forgeries(t testing.TB, p *platform, a *account) map[string]string {
	t.Helper()
	var set struct {
		Keys []struct {
			X   string `json:"x"`
			Kid string `json:"kid"`
		} `json:"keys"`
	}
	p.get(t, gateway, "/.well-known/jwks.json", &set)
	public, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil {
		t.Fatal(err)
	}
	mine, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	head, payload := claims(t, a.token)
	with := func(m map[string]any, pairs ...any) map[string]any {
		m = maps.Clone(m)
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	signed := func(head, payload map[string]any, sign func([]byte) []byte) string {
		unsigned := encoded(t, head) + "." + encoded(t, payload)
		return unsigned + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(unsigned)))
	}
	byMe := func(b []byte) []byte { return ed25519.Sign(secret, b) }
	byHMAC := func(b []byte) []byte {
		mac := hmac.New(sha256.New, public)
		mac.Write(b)
		return mac.Sum(nil)
	}
	nothing := func([]byte) []byte { return nil }
	jwk := obj{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(mine), "kid": "mine"}

	parts := strings.Split(a.token, ".")
	admin := with(payload, "role", "admin")
	return map[string]string{
		"nothing like a token":           "abc",
		"three dots":                     "...",
		"alg none":                       signed(with(head, "alg", "none"), admin, nothing),
		"alg None":                       signed(with(head, "alg", "None"), admin, nothing),
		"alg none, signature kept":       encoded(t, with(head, "alg", "none")) + "." + parts[1] + "." + parts[2],
		"no signature":                   parts[0] + "." + parts[1] + ".",
		"another role, same signature":   parts[0] + "." + encoded(t, admin) + "." + parts[2],
		"the public key as HMAC secret":  signed(with(head, "alg", "HS256"), admin, byHMAC),
		"a key of its own":               signed(head, admin, byMe),
		"a key of its own, own kid":      signed(with(head, "kid", "mine"), admin, byMe),
		"a key of its own in jwk":        signed(with(head, "kid", "mine", "jwk", jwk), admin, byMe),
		"a key set of its own in jku":    signed(with(head, "kid", "mine", "jku", "http://127.0.0.1:1/jwks.json"), admin, byMe),
		"no kid":                         signed(with(head, "kid", nil), admin, byMe),
		"expired":                        signed(head, with(payload, "exp", time.Now().Add(-time.Hour).Unix()), byMe),
		"a payload that is no JSON":      parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte("{")) + "." + parts[2],
		"a payload of the wrong types":   signed(head, obj{"sub": 7, "exp": "soon", "role": []int{1}}, byMe),
		"a refresh token":                a.refresh,
		"a megabyte, nearly":             strings.Repeat("a", 20_000),
		"the signature cut by one bytes": a.token[:len(a.token)-2],
	}
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes.TrimSpace(b))
}
