// Package messaging drives the service from the broker.
package messaging

import (
	"context"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Handler returns the handler of the topic bookings. A message that can never
// be read is rejected, so that it becomes a dead letter at once.
func Handler(svc *notification.Service) broker.Handler { return rejecting(svc.Handle) }

// UsersHandler returns the handler of the topic users, as Handler does.
func UsersHandler(svc *notification.Service) broker.Handler { return rejecting(svc.HandleUser) }

func rejecting(handle broker.Handler) broker.Handler {
	return func(ctx context.Context, m events.Message) error {
		err := handle(ctx, m)
		if errors.Is(err, notification.ErrMalformed) {
			return fmt.Errorf("%w: %w", broker.ErrReject, err)
		}
		return err
	}
}
