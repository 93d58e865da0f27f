// Package jwt makes access tokens as RFC 9068 describes them: JWTs, signed with
// EdDSA.
package jwt

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Tokens is a user.Tokens. Its zero value is ready.
type Tokens struct{ parser auth.Parser }

var _ user.Tokens = (*Tokens)(nil)

// Sign implements user.Tokens.
func (*Tokens) Sign(c identity.Caller, key user.SigningKey, now, expires time.Time) (string, error) {
	t, err := jwt.NewBuilder().
		Issuer(auth.Issuer).Audience([]string{auth.Audience}).
		Subject(c.UserID).Claim("email", c.Email).Claim("email_verified", c.EmailVerified).Claim("name", c.Name).Claim("role", string(c.Role)).Claim("sid", c.SessionID).
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
func (t *Tokens) Verify(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
	c, err := t.parser.Parse(token, func(id string) (any, bool) {
		i := slices.IndexFunc(keys, func(k user.SigningKey) bool { return k.ID == id })
		if i < 0 {
			return nil, false
		}
		return keys[i].Public(), true
	}, now)
	if err != nil {
		return identity.Caller{}, fmt.Errorf("%w: %w", user.ErrInvalidToken, err)
	}
	return c, nil
}
