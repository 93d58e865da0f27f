package usertest_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/argon2"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// keys is a user.Keys of which some methods are replaced.
type keys struct {
	user.Keys
	add     func(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error)
	all     func(ctx context.Context) ([]user.SigningKey, error)
	forward func(ctx context.Context, latest, to time.Time) error
}

func (s keys) Add(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
	if s.add != nil {
		return s.add(ctx, key, unlessAfter)
	}
	return s.Keys.Add(ctx, key, unlessAfter)
}

func (s keys) BringForward(ctx context.Context, latest, to time.Time) error {
	if s.forward != nil {
		return s.forward(ctx, latest, to)
	}
	return s.Keys.BringForward(ctx, latest, to)
}

func (s keys) All(ctx context.Context) ([]user.SigningKey, error) {
	if s.all != nil {
		return s.all(ctx)
	}
	return s.Keys.All(ctx)
}

func TestKeysSuiteCatches(t *testing.T) {
	t.Parallel()
	never := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	mustCatch(t, func(t *testing.T) user.Keys { return store(t).Keys }, usertest.TestKeys, []broken[user.Keys]{
		{"looks before it adds", func(good user.Keys) user.Keys {
			looked := &atomic.Int64{}
			return keys{Keys: good, add: func(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
				stored, err := good.All(ctx)
				if err != nil {
					return key, err
				}
				looked.Add(1)
				for deadline := time.Now().Add(10 * time.Second); looked.Load() < 2 && time.Now().Before(deadline); {
					runtime.Gosched() // until another has looked, too
				}
				if n := len(stored); n > 0 && stored[n-1].SignsFrom.After(unlessAfter) {
					return stored[n-1], nil
				}
				return good.Add(ctx, key, never)
			}}
		}, "of many exactly one is stored and all are told of it"},
		{"always adds", func(good user.Keys) user.Keys {
			return keys{Keys: good, add: func(ctx context.Context, key user.SigningKey, _ time.Time) (user.SigningKey, error) {
				return good.Add(ctx, key, never)
			}}
		}, "a later key is returned in its place"},
		{"tells everybody of his own key", func(good user.Keys) user.Keys {
			return keys{Keys: good, add: func(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
				_, err := good.Add(ctx, key, unlessAfter)
				return key, err
			}}
		}, "a later key is returned in its place"},
		{"brings what is in time forward, too", func(good user.Keys) user.Keys {
			return keys{Keys: good, forward: func(ctx context.Context, latest, to time.Time) error {
				return good.BringForward(ctx, latest.Add(-time.Microsecond), to)
			}}
		}, "what signs too late is brought forward"},
		{"turns the order around", func(good user.Keys) user.Keys {
			return keys{Keys: good, all: func(ctx context.Context) ([]user.SigningKey, error) {
				stored, err := good.All(ctx)
				slices.Reverse(stored)
				return stored, err
			}}
		}, "keys come in the order of SignsFrom"},
	})
}

// hasher and tokens are made of functions.
type hasher struct {
	hash    func(ctx context.Context, password string) (string, error)
	matches func(ctx context.Context, hash, password string) (bool, error)
}

func (h hasher) Hash(ctx context.Context, password string) (string, error) {
	return h.hash(ctx, password)
}

func (h hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	return h.matches(ctx, hash, password)
}

func TestHasherSuiteCatches(t *testing.T) {
	t.Parallel()
	cut := func(password string) string { return password[:min(len(password), 72)] }
	mustCatch(t, func(*testing.T) user.Hasher { return argon2.New() }, usertest.TestHasher, []broken[user.Hasher]{
		{"cuts passwords as bcrypt does", func(good user.Hasher) user.Hasher {
			return hasher{
				func(ctx context.Context, password string) (string, error) { return good.Hash(ctx, cut(password)) },
				func(ctx context.Context, hash, password string) (bool, error) {
					return good.Matches(ctx, hash, cut(password))
				},
			}
		}, "a hash matches its password alone"},
		{"has one salt", func(good user.Hasher) user.Hasher {
			var mu sync.Mutex
			known := map[string]string{}
			return hasher{func(ctx context.Context, password string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if known[password] == "" {
					hash, err := good.Hash(ctx, password)
					if err != nil {
						return "", err
					}
					known[password] = hash
				}
				return known[password], ctx.Err()
			}, good.Matches}
		}, "the same password has another hash each time"},
		{"takes what is no hash for a mismatch", func(good user.Hasher) user.Hasher {
			return hasher{good.Hash, func(ctx context.Context, hash, password string) (bool, error) {
				ok, _ := good.Matches(ctx, hash, password)
				return ok, ctx.Err()
			}}
		}, "what is no hash is an error"},
	})
}

type tokens struct {
	user.Tokens
	verify func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error)
	signed func(token string, key user.SigningKey)
}

func (s tokens) Sign(c identity.Caller, key user.SigningKey, now, expires time.Time) (string, error) {
	token, err := s.Tokens.Sign(c, key, now, expires)
	if s.signed != nil {
		s.signed(token, key)
	}
	return token, err
}

func (s tokens) Verify(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
	return s.verify(token, keys, now)
}

func TestTokensSuiteCatches(t *testing.T) {
	t.Parallel()
	mustCatch(t, func(*testing.T) user.Tokens { return &jwt.Tokens{} }, usertest.TestTokens, []broken[user.Tokens]{
		{"forgets expiry of tokens", func(good user.Tokens) user.Tokens {
			return tokens{Tokens: good, verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
				c, err := good.Verify(token, keys, now)
				if err != nil {
					return good.Verify(token, keys, now.Add(-5*time.Minute))
				}
				return c, nil
			}}
		}, "an expired token is invalid"},
		{"takes the token's word for its key", func(good user.Tokens) user.Tokens {
			known := map[string]user.SigningKey{}
			return tokens{
				Tokens: good,
				signed: func(token string, key user.SigningKey) { known[token] = key },
				verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
					if k, ok := known[token]; ok {
						keys = []user.SigningKey{k}
					}
					return good.Verify(token, keys, now)
				},
			}
		}, "a token of another key is invalid"},
		{"forgets that the address is verified", func(good user.Tokens) user.Tokens {
			return tokens{Tokens: good, verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
				c, err := good.Verify(token, keys, now)
				c.EmailVerified = false
				return c, err
			}}
		}, "a token says who the caller is"},
		{"knows one key", func(good user.Tokens) user.Tokens {
			return tokens{Tokens: good, verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
				return good.Verify(token, keys[:min(1, len(keys))], now)
			}}
		}, "any key of the set verifies"},
	})
}
