package booking

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// HandleEvent has the effect of an event.* message, exactly once for each
// message id: of a cancelled event no booking is confirmed any more, and those
// that are will be cancelled and refunded in full, one by one, by recovery. A
// message that nobody can understand is ErrMalformed.
func (s *Service) HandleEvent(ctx context.Context, m events.Message) error {
	if m.Type != events.TypeEventCancelled {
		return fmt.Errorf("%w: type %q", ErrMalformed, m.Type)
	}
	var e events.EventCancelled
	if err := json.Unmarshal(m.Data, &e); err != nil {
		return fmt.Errorf("%w: the data is no cancelled event", ErrMalformed)
	}
	id, err := uuid.Parse(e.Event.ID)
	if err != nil || m.ID == "" {
		return fmt.Errorf("%w: the ids are none", ErrMalformed)
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = m.Time
	}
	if err := s.CancelledEvents.RecordCancelled(ctx, m.ID, CancelledEvent{
		EventID: id.String(), Title: e.Event.Title, By: e.By, Note: e.Note, OccurredAt: e.OccurredAt, RecordedAt: s.now(),
	}); err != nil {
		return err
	}
	s.wakeUp()
	return nil
}
