package user

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// How long the tokens live.
const (
	AccessTokenLife  = 15 * time.Minute
	RefreshTokenLife = 30 * 24 * time.Hour
)

// Session is one login and the family of refresh tokens that came of it: each
// is good for one use, which makes the next. A use may be repeated until the
// next is used: its answer may have been lost, or two windows share the session.
type Session struct {
	ID     string // UUIDv7
	UserID string
	// PasswordVersion is the user's at the login. See User.PasswordVersion.
	PasswordVersion int64
	// Secret makes the successors of the session's tokens. Whoever has an old
	// token and not the database cannot.
	Secret    []byte
	StartedAt time.Time
}

// ActiveSession is a session as its user sees it.
type ActiveSession struct {
	ID        string
	StartedAt time.Time
	ExpiresAt time.Time // unless it is used before
}

// UsedAt is when the session was last used for new tokens.
func (s ActiveSession) UsedAt() time.Time { return s.ExpiresAt.Add(-RefreshTokenLife) }

// TokenHash is the SHA-256 of a refresh token. That is all that is stored: who
// reads the database cannot log in with it. The token has 256 random bits, so
// there is nothing that a slow hash would protect.
type TokenHash [sha256.Size]byte

// RefreshToken is a refresh token as it is stored.
type RefreshToken struct {
	Hash      TokenHash
	ExpiresAt time.Time
}

// HashToken returns what is stored of a refresh token.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// refreshToken returns the token made of these bytes for the client, and what
// is stored of it.
func refreshToken(secret []byte, now time.Time) (string, RefreshToken) {
	token := base64.RawURLEncoding.EncodeToString(secret)
	return token, RefreshToken{Hash: HashToken(token), ExpiresAt: now.Add(RefreshTokenLife)}
}

// random returns 256 random bits.
func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

// successor returns the bytes of the token that comes after token: the same for
// every use of it.
func (s Session) successor(token string) []byte {
	mac := hmac.New(sha256.New, s.Secret)
	mac.Write([]byte(token))
	return mac.Sum(nil)
}

// Grant is what a login gives.
type Grant struct {
	AccessToken  string
	ExpiresIn    time.Duration
	RefreshToken string
}
