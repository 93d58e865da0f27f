package booking

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// hearAtOnce is how many unhandled events are looked at together. It is large, so
// that those whose time has not come leave room for others.
const hearAtOnce = 500

// handleAtOnce is how many events are acted on at one time.
const handleAtOnce = 8

// hearWithin is how long an event may take.
const hearWithin = 20 * time.Second

// KeepPaymentEvent stores what the provider tells. Only when it has returned nil
// may the provider forget it; what is to be done about it Hear does.
func (s *Service) KeepPaymentEvent(ctx context.Context, e PaymentEvent) error {
	e.KeptAt = s.now()
	if e.BookingID == "" {
		e.HandledAt = e.KeptAt // about none of ours
	}
	if _, err := s.PaymentEvents.Keep(ctx, e); err != nil {
		return err
	}
	select {
	case s.heard <- struct{}{}:
	default:
	}
	return nil
}

// Hear acts on the events that were kept, at once or, what cannot be now, again
// later, until ctx ends. One that takes long holds up no other.
func (s *Service) Hear(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	h := hearing{later: map[string]nextTry{}, busy: map[string]bool{}, slots: make(chan struct{}, handleAtOnce)}
	defer h.workers.Wait()
	for {
		s.hear(ctx, &h)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.heard:
		}
	}
}

// hearing is the events that are acted on now, and those that will be again later, by
// their ids.
type hearing struct {
	mu    sync.Mutex
	busy  map[string]bool
	later map[string]nextTry

	slots   chan struct{}
	workers sync.WaitGroup
}

// nextTry is when to try an event again.
type nextTry struct {
	at    time.Time
	tries int
}

// forget forgets the events that are not open any more: another process has handled them.
func (h *hearing) forget(open []PaymentEvent) {
	ids := make(map[string]bool, len(open))
	for _, e := range open {
		ids[e.ID] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.later, func(id string, _ nextTry) bool { return !ids[id] && !h.busy[id] })
}

// begin reports whether to act on the event now.
func (h *hearing) begin(id string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[id] || now.Before(h.later[id].at) {
		return false
	}
	h.busy[id] = true
	return true
}

// end returns how often the event was tried in vain.
func (h *hearing) end(id string, err error, now time.Time) (tries int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.busy, id)
	if err == nil {
		delete(h.later, id)
		return 0
	}
	tries = h.later[id].tries + 1
	h.later[id] = nextTry{now.Add(rests.After(tries)), tries} // monotonic, whatever the clock does
	return tries
}

func (s *Service) hear(ctx context.Context, h *hearing) {
	events, err := s.PaymentEvents.Unhandled(ctx, hearAtOnce)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "payment events cannot be read", "error", err)
		}
		return
	}
	h.forget(events)
	for _, e := range events {
		if ctx.Err() != nil || !h.begin(e.ID, s.Now()) {
			continue
		}
		h.slots <- struct{}{} // for hearWithin at most
		h.workers.Go(func() {
			err := worker.Try(ctx, s.Log, "payment events", func() error { return s.handle(ctx, e) }, "event_id", e.ID, "booking_id", e.BookingID)
			if tries := h.end(e.ID, err, s.Now()); err != nil {
				s.Log.WarnContext(ctx, "payment event not handled yet", "event_id", e.ID, "type", e.Type,
					"booking_id", e.BookingID, "tries", tries, "error", err)
			}
			<-h.slots
		})
	}
}

// handle acts on one event, and notes that it has. Acting twice does no harm.
func (s *Service) handle(ctx context.Context, e PaymentEvent) error {
	ctx, cancel := context.WithTimeout(ctx, hearWithin)
	defer cancel()
	// One that speaks of a booking nobody knows is of another shop on the same
	// account.
	if err := s.PaymentHeard(ctx, e.BookingID); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return s.PaymentEvents.Handled(ctx, e.ID, s.now())
}
