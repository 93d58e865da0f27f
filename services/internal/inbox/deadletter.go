package inbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// DeadLetterFunc stores the dead letters of one topic in s: it is what a
// consumer gives as broker.Subscription.DeadLetter. A message that came
// without an id gets one for its dead letter, so that an admin can see it.
func DeadLetterFunc(s Store, topic string, now func() time.Time) func(ctx context.Context, m events.Message, reason string) error {
	return func(ctx context.Context, m events.Message, reason string) error {
		id := m.ID
		if id == "" {
			v7, err := uuid.NewV7()
			if err != nil {
				return err
			}
			id = v7.String()
		}
		return s.PutDeadLetter(ctx, DeadLetter{ID: id, Topic: topic, Message: m, Reason: reason, FailedAt: now()})
	}
}
