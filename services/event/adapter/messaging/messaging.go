// Package messaging lets the event service hear what becomes of bookings.
package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

// Consumer is the service's name among the consumers of a topic.
const Consumer = "event"

// Bookings handles the messages of the topic bookings. A message that nobody
// can understand is rejected; any other error is worth another try.
func Bookings(s *event.Service) broker.Handler {
	return func(ctx context.Context, m events.Message) error {
		err := s.HandleBooking(ctx, m)
		if errors.Is(err, event.ErrBadMessage) {
			return fmt.Errorf("%w: %w", broker.ErrReject, err)
		}
		return err
	}
}
