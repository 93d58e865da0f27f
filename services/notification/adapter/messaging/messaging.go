// Package messaging drives the service from the broker.
package messaging

import (
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Handler returns the handler of the topic bookings.
func Handler(svc *notification.Service) broker.Handler {
	return broker.Handling(svc.Handle, notification.ErrMalformed, notification.ErrUnknownType)
}

// UsersHandler returns the handler of the topic users.
func UsersHandler(svc *notification.Service) broker.Handler {
	return broker.Handling(svc.HandleUser, notification.ErrMalformed, notification.ErrUnknownType)
}
