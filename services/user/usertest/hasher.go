package usertest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"

	"github.com/openboxoffice/boxoffice/services/user"
)

// QuickHasher is a user.Hasher for tests that log in: it passes the suite, and is
// as quick to try passwords with as a real one must not be.
type QuickHasher struct{}

var _ user.Hasher = QuickHasher{}

// ofQuick is what Hash makes: a salt and a sum.
var ofQuick = regexp.MustCompile(`^quick\$salt=([A-Z2-7]{26})\$sum=[0-9a-f]{64}$`)

// Hash implements user.Hasher.
func (QuickHasher) Hash(ctx context.Context, password string) (string, error) {
	return quickHash(rand.Text(), password), ctx.Err()
}

// Matches implements user.Hasher.
func (QuickHasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	parts := ofQuick.FindStringSubmatch(hash)
	if parts == nil {
		return false, errors.New("it is not one of our hashes")
	}
	return quickHash(parts[1], password) == hash, nil
}

func quickHash(salt, password string) string {
	return fmt.Sprintf("quick$salt=%s$sum=%x", salt, sha256.Sum256([]byte(salt+password)))
}
