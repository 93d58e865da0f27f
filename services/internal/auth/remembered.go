package auth

import (
	"sync"
	"time"
)

// remembered are the tokens that were found good, and what came of each, until they
// expire: a signature is dear to verify, and most tokens are shown again.
type remembered[T any] struct {
	mu   sync.RWMutex
	good map[string]goodToken[T]
}

type goodToken[T any] struct {
	of      T
	expires time.Time
}

func (r *remembered[T]) lookup(token string, now time.Time) (of T, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	found, ok := r.good[token]
	if !ok || !now.Before(found.expires) {
		return of, false
	}
	return found.of, true
}

// add remembers token. There are at most so many.
func (r *remembered[T]) add(token string, of T, expires time.Time, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.good == nil || len(r.good) >= most {
		r.good = map[string]goodToken[T]{}
	}
	r.good[token] = goodToken[T]{of, expires}
}
