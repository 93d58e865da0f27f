package user

import (
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
// is good for one use, which makes the next.
type Session struct {
	ID     string // UUIDv7
	UserID string
	// PasswordVersion is the user's at the login. See User.PasswordVersion.
	PasswordVersion int64
	StartedAt       time.Time
}

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

// newRefreshToken returns a token for the client, and what is stored of it.
func newRefreshToken(now time.Time) (string, RefreshToken) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	return token, RefreshToken{Hash: HashToken(token), ExpiresAt: now.Add(RefreshTokenLife)}
}

// Grant is what a login gives.
type Grant struct {
	AccessToken  string
	ExpiresIn    time.Duration
	RefreshToken string
}
