package eventapi

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// together lets those who ask for the same event at the same time share an
// answer: while a request is on its way, all who come wait for the next, which
// begins when that one has its answer, or when it takes too long. So nobody gets
// an answer to what was asked before he came, a rush on one event is one request
// at a time, and one that is stuck holds up few. BenchmarkAvailability has what that
// saves.
type together struct {
	fetch func(ctx context.Context, eventID string) (booking.Availability, error)

	mu     sync.Mutex
	events map[string]*asking
}

const (
	// tooLong is how long the next request waits for the one before it.
	tooLong = 100 * time.Millisecond
	// answerTime is how long a request may take: less than those wait who make
	// bookings, so that its end, not theirs, tells the circuit breaker of it.
	answerTime = 2 * time.Second
)

// asking is what is asked of one event.
type asking struct {
	running int
	next    *ask // has not begun; nil while nobody waits for it
}

// ask is one request, and those who wait for its answer.
type ask struct {
	ctx     context.Context // ends when nobody waits any more
	cancel  context.CancelFunc
	waiting int
	begin   *time.Timer // begins it after tooLong

	done   chan struct{} // closed when there is an answer
	answer booking.Availability
	err    error
}

func newTogether(fetch func(ctx context.Context, eventID string) (booking.Availability, error)) *together {
	return &together{fetch: fetch, events: map[string]*asking{}}
}

// get answers with what fetch returns that began after the call of get. The
// caller's ctx ends his waiting, and the request when nobody else waits for it.
func (t *together) get(ctx context.Context, eventID string) (booking.Availability, error) {
	if err := ctx.Err(); err != nil {
		return booking.Availability{}, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, err)
	}
	a := t.join(ctx, eventID)
	defer t.leave(eventID, a)
	select {
	case <-a.done:
		return a.answer, a.err
	case <-ctx.Done():
		return booking.Availability{}, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, ctx.Err())
	}
}

// join returns a request that has not begun, or has just now.
func (t *together) join(ctx context.Context, eventID string) *ask {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.events[eventID]
	if e == nil {
		e = &asking{}
		t.events[eventID] = e
	}
	a := e.next
	if a == nil {
		a = &ask{done: make(chan struct{})}
		a.ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
		e.next = a
		if e.running == 0 {
			t.start(eventID, e)
		} else {
			a.begin = time.AfterFunc(tooLong, func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				if e.next == a {
					t.start(eventID, e)
				}
			})
		}
	}
	a.waiting++
	return a
}

// leave forgets a request for which nobody waits.
func (t *together) leave(eventID string, a *ask) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	a.cancel()
	if e := t.events[eventID]; e != nil && e.next == a {
		a.begin.Stop()
		e.next = nil
	}
}

// start begins e's next request; t is locked.
func (t *together) start(eventID string, e *asking) {
	a := e.next
	e.next = nil
	e.running++
	if a.begin != nil {
		a.begin.Stop()
	}
	go func() {
		ctx, cancel := context.WithTimeout(a.ctx, answerTime)
		defer cancel()
		a.err = worker.Try(ctx, slog.Default(), "availability", func() (err error) {
			a.answer, err = t.fetch(ctx, eventID)
			return err
		}, "event_id", eventID)
		close(a.done)
		t.mu.Lock()
		defer t.mu.Unlock()
		switch e.running--; {
		case e.next != nil:
			t.start(eventID, e)
		case e.running == 0:
			delete(t.events, eventID)
		}
	}()
}
