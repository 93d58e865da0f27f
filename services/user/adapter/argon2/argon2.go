// Package argon2 hashes passwords with argon2id.
package argon2

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/openboxoffice/boxoffice/services/user"
)

// The parameters that OWASP recommends: 19 MiB, two passes, one lane.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	lanes   = 1
	saltLen = 16 // bytes
	hashLen = 32 // bytes
)

// The most that a stored hash may ask for, so that a row that was tampered with
// cannot take all memory or time.
const (
	maxMemory = 256 * 1024 // KiB
	maxPasses = 16
)

// AtOnce is how many passwords are hashed at the same time. More would gain
// nothing but memory taken: a flood of logins waits in line instead.
const AtOnce = 2

// Hasher is a user.Hasher. Its hashes are PHC strings, which carry their
// parameters.
type Hasher struct{ slots chan struct{} }

var _ user.Hasher = (*Hasher)(nil)

// New returns a Hasher that works on AtOnce passwords at a time.
func New() *Hasher { return &Hasher{slots: make(chan struct{}, AtOnce)} }

// Hash implements user.Hasher.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	sum, err := h.sum(ctx, password, params{memory, passes, lanes, salt, hashLen})
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, memory, passes, lanes, b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// Matches implements user.Hasher. It compares in constant time.
func (h *Hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	p, want, err := parse(hash)
	if err != nil {
		return false, err
	}
	got, err := h.sum(ctx, password, p)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

type params struct {
	memory, passes uint32
	lanes          uint8
	salt           []byte
	length         uint32
}

// sum waits for a slot, as long as ctx lasts.
func (h *Hasher) sum(ctx context.Context, password string, p params) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	sum := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.lanes, p.length)
	// Its 19 MiB are garbage now, several times what else the service has. They
	// would lie there until as much again was taken, and count as in use for the
	// collections to come.
	runtime.GC()
	return sum, nil
}

// errMalformed does not show the hash: it would be logged.
var errMalformed = errors.New("argon2: not a hash that this package makes")

func parse(hash string) (params, []byte, error) {
	var p params
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, errMalformed
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); err != nil {
		return p, nil, errMalformed
	}
	salt, errSalt := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	want, errSum := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(salt) < 8 || len(want) < 16 || len(want) > 64 ||
		p.memory < 8 || p.memory > maxMemory || p.passes < 1 || p.passes > maxPasses || p.lanes < 1 {
		return p, nil, errMalformed
	}
	p.salt, p.length = salt, uint32(len(want))
	return p, want, nil
}
