// Package messaging lets the booking service hear what becomes of events.
package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

// Consumer is the service's name among the consumers of a topic.
const Consumer = "booking"

// Events handles the messages of the topic events. A message that nobody can
// understand is rejected; any other error is worth another try.
func Events(s *booking.Service) broker.Handler {
	return func(ctx context.Context, m events.Message) error {
		err := s.HandleEvent(ctx, m)
		if errors.Is(err, booking.ErrMalformed) {
			return fmt.Errorf("%w: %w", broker.ErrReject, err)
		}
		return err
	}
}
