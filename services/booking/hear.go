package booking

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// hearAtOnce is how many unhandled events are looked at together. It is large, so
// that those whose time has not come leave room for others.
const hearAtOnce = 500

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
// later, until ctx ends.
func (s *Service) Hear(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	later := map[string]nextTry{}
	for {
		s.hear(ctx, later)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.heard:
		}
	}
}

// nextTry is when to try an event again.
type nextTry struct {
	at    time.Time
	tries int
}

func (s *Service) hear(ctx context.Context, later map[string]nextTry) {
	events, err := s.PaymentEvents.Unhandled(ctx, hearAtOnce)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "payment events cannot be read", "error", err)
		}
		return
	}
	open := make(map[string]bool, len(events))
	for _, e := range events {
		open[e.ID] = true
	}
	maps.DeleteFunc(later, func(id string, _ nextTry) bool { return !open[id] }) // another process has handled it
	for _, e := range events {
		r := later[e.ID]
		if ctx.Err() != nil || s.Now().Before(r.at) {
			continue
		}
		if err := worker.Try(ctx, s.Log, "payment events", func() error { return s.handle(ctx, e) }, "event_id", e.ID, "booking_id", e.BookingID); err != nil {
			r.tries++
			later[e.ID] = nextTry{s.Now().Add(rests.After(r.tries)), r.tries} // monotonic, whatever the clock does
			s.Log.WarnContext(ctx, "payment event not handled yet", "event_id", e.ID, "type", e.Type,
				"booking_id", e.BookingID, "tries", r.tries, "error", err)
			continue
		}
		delete(later, e.ID)
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
