// Package messaging lets the event service hear what becomes of bookings.
package messaging

import (
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

// Consumer is the service's name among the consumers of a topic.
const Consumer = "event"

// Bookings returns the handler of the topic bookings.
func Bookings(s *event.Service) broker.Handler {
	return broker.Handling(s.HandleBooking, event.ErrBadMessage, event.ErrUnknownType)
}
