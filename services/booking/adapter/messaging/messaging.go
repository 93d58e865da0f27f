// Package messaging lets the booking service hear what becomes of events.
package messaging

import (
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

// Consumer is the service's name among the consumers of a topic.
const Consumer = "booking"

// Events returns the handler of the topic events.
func Events(s *booking.Service) broker.Handler {
	return broker.Handling(s.HandleEvent, booking.ErrMalformed, booking.ErrUnknownType)
}
