package html

import (
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	onceFor  = time.Minute
	onceMost = 4096
)

// once does something once, if a form is sent twice before the browser has read the
// first answer. It remembers successes for a minute. What another process does it does
// not know; there the browser's script alone prevents the second.
type once[T any] struct {
	flights singleflight.Group

	mu    sync.Mutex
	known map[string]remembered[T]
}

type remembered[T any] struct {
	value T
	until time.Time
}

// do returns what another call with this key returned, or else what act returns.
func (o *once[T]) do(key string, now time.Time, act func() (T, error)) (T, error) {
	result, err, _ := o.flights.Do(key, func() (any, error) {
		if value, ok := o.find(key, now); ok {
			return value, nil
		}
		value, err := act()
		if err == nil {
			o.keep(key, value, now)
		}
		return value, err
	})
	value, _ := result.(T)
	return value, err
}

func (o *once[T]) find(key string, now time.Time) (T, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r, ok := o.known[key]
	return r.value, ok && now.Before(r.until)
}

func (o *once[T]) keep(key string, value T, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.known) >= onceMost {
		for k, r := range o.known {
			if !now.Before(r.until) {
				delete(o.known, k)
			}
		}
	}
	if len(o.known) >= onceMost {
		return
	}
	if o.known == nil {
		o.known = map[string]remembered[T]{}
	}
	o.known[key] = remembered[T]{value, now.Add(onceFor)}
}
