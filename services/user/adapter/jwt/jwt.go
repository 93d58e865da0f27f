// Package jwt makes access tokens as RFC 9068 describes them: JWTs, signed with
// EdDSA.
package jwt

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Tokens is a user.Tokens.
type Tokens struct{}

var _ user.Tokens = Tokens{}

// Sign implements user.Tokens.
func (Tokens) Sign(c identity.Caller, key user.SigningKey, now, expires time.Time) (string, error) {
	t, err := jwt.NewBuilder().
		Issuer(auth.Issuer).Audience([]string{auth.Audience}).
		Subject(c.UserID).Claim("email", c.Email).Claim("name", c.Name).Claim("role", string(c.Role)).Claim("sid", c.SessionID).
		IssuedAt(now).Expiration(expires).JwtID(uuid.NewString()).
		Build()
	if err != nil {
		return "", err
	}
	h := jws.NewHeaders()
	if err := h.Set(jws.TypeKey, auth.TokenType); err != nil {
		return "", err
	}
	if err := h.Set(jws.KeyIDKey, key.ID); err != nil {
		return "", err
	}
	b, err := jwt.Sign(t, jwt.WithKey(jwa.EdDSA(), key.Private, jws.WithProtectedHeaders(h)))
	return string(b), err
}

// Verify implements user.Tokens as the other services verify: its errors are
// auth's too.
func (Tokens) Verify(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		key, err := jwk.Import(k.Public())
		if err != nil {
			return identity.Caller{}, err
		}
		if err := key.Set(jwk.KeyIDKey, k.ID); err != nil {
			return identity.Caller{}, err
		}
		if err := set.AddKey(key); err != nil {
			return identity.Caller{}, err
		}
	}
	c, err := auth.Parse(token, set, func() time.Time { return now })
	if err != nil {
		return identity.Caller{}, fmt.Errorf("%w: %w", user.ErrInvalidToken, err)
	}
	return c, nil
}
