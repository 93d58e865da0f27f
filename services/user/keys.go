package user

import (
	"crypto/ed25519"
	"time"
)

const (
	// KeyDelay is how long a new key is published before it signs. Verifiers
	// fetch the key set again at most every 30 s when they meet a key that they
	// do not know, so by then each of them may know it.
	KeyDelay = time.Minute
	// keyGrace is how much longer than its last token a key stays published:
	// clocks differ, and a token is signed a moment after its key is chosen.
	keyGrace = time.Minute
)

// SigningKey signs access tokens.
type SigningKey struct {
	ID      string // the JWK's kid, a UUIDv7
	Private ed25519.PrivateKey
	// SignsFrom is when the key takes over from the one before it.
	SignsFrom time.Time
	CreatedAt time.Time
}

// Public returns the key that verifies what this one signs.
func (k SigningKey) Public() ed25519.PublicKey {
	return k.Private.Public().(ed25519.PublicKey)
}

// signing returns the key that signs at now: the one that took over last. The
// first signs also before its time, as a clock that was set back sees it. keys
// are in the order of SignsFrom.
func signing(keys []SigningKey, now time.Time) (SigningKey, bool) {
	if len(keys) == 0 {
		return SigningKey{}, false
	}
	i := len(keys) - 1
	for i > 0 && keys[i].SignsFrom.After(now) {
		i--
	}
	return keys[i], true
}

// retired reports whether the key at i is of no more use: the next has taken
// over, and the last token of this one has expired. keys are in the order of
// SignsFrom.
func retired(keys []SigningKey, i int, now time.Time) bool {
	return i+1 < len(keys) && !keys[i+1].SignsFrom.Add(max(AccessTokenLife, GuestTokenLife)+keyGrace).After(now)
}

// published returns the keys that verifiers must know at now.
func published(keys []SigningKey, now time.Time) []SigningKey {
	var out []SigningKey
	for i, k := range keys {
		if !retired(keys, i, now) {
			out = append(out, k)
		}
	}
	return out
}
