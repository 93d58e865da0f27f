package httppush

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// breaker leaves a consumer alone that does not answer, for a pause that
// doubles each time until it does.
type breaker struct {
	mu      sync.Mutex
	silence error // why it is open; nil while it is closed
	pause   time.Duration
	until   time.Time
	probing bool
}

// open returns why the consumer is to be left alone; nil while it is not.
func (b *breaker) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.silence
}

// probe reports whether the consumer may be tried, which is once after each
// pause. Whoever is told so calls probed.
func (b *breaker) probe() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing || time.Now().Before(b.until) {
		return false
	}
	b.probing = true
	return true
}

func (b *breaker) probed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
}

// called takes in what became of a call within ctx. Those that fail while the
// consumer is left alone began before, and say nothing new.
func (b *breaker) called(ctx context.Context, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch now := time.Now(); {
	case err != nil && ctx.Err() != nil: // the caller gave up
	case answered(err):
		b.silence, b.pause, b.until = nil, 0, time.Time{}
	case !now.Before(b.until):
		b.silence, b.pause = err, min(max(2*b.pause, firstPause), maxPause)
		b.until = now.Add(b.pause)
	}
}

// answered reports whether the consumer said anything at all, be it that it is
// overloaded: that takes no time.
func answered(err error) bool {
	var none *url.Error
	return !errors.As(err, &none) && !errors.Is(err, context.DeadlineExceeded)
}
