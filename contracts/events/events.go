// Package events is what the services tell each other: CloudEvents 1.0 with
// JSON data, on two topics.
package events

import (
	"encoding/json"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Topics.
const (
	TopicBookings = "bookings"
	TopicEvents   = "events"
)

// Types of message. The version is part of the name: a change that an old
// consumer cannot read is a new type.
const (
	TypeBookingConfirmed = "booking.confirmed.v1"
	TypeBookingCancelled = "booking.cancelled.v1"
	TypeBookingFailed    = "booking.failed.v1"
	TypeEventCancelled   = "event.cancelled.v1"
)

// SpecVersion is the CloudEvents version spoken.
const SpecVersion = "1.0"

// Message is a CloudEvent in structured JSON form. ID is stable over every
// redelivery: a consumer that has seen it has nothing left to do.
type Message struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"` // the service that published it: "booking"
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"` // what it is about: a booking's id
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	TraceParent     string          `json:"traceparent,omitempty"` // W3C Trace Context of the request behind it
	Data            json.RawMessage `json:"data"`
}

// Booking is the data of every booking.*.v1 message: the booking as it stood
// when it entered the state that the type names. Version grows with every
// change of the booking; order of delivery is not promised, so a consumer
// ignores what is older than what it knows.
type Booking struct {
	BookingID  string       `json:"booking_id"`
	Version    int64        `json:"version"`
	Attempt    int          `json:"attempt"` // the reservation attempt that holds its tickets
	UserID     string       `json:"user_id"`
	UserEmail  string       `json:"user_email"`
	UserName   string       `json:"user_name"`
	Status     string       `json:"status"` // CONFIRMED, CANCELLED, FAILED
	Event      Event        `json:"event"`
	Items      []Item       `json:"items"`
	Total      money.Amount `json:"total"`
	Refunded   money.Amount `json:"refunded"`         // so far; zero in a confirmation
	Reason     string       `json:"reason,omitempty"` // why it failed or was cancelled: a problem code
	OccurredAt time.Time    `json:"occurred_at"`

	// Acknowledged says that the customer had been answered "pending", and so
	// waits to hear how it ended.
	Acknowledged bool `json:"acknowledged"`
}

// Event is the part of an event that a booking keeps: a snapshot of the moment
// it was booked.
type Event struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	StartsAt time.Time `json:"starts_at"`
	TimeZone string    `json:"time_zone" doc:"IANA name" example:"Europe/Berlin"`
	Venue    Venue     `json:"venue"`
}

// Venue is where an event takes place.
type Venue struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	City    string `json:"city"`
	Country string `json:"country"`
}

// Item is some tickets of one type, at the price they were booked for.
type Item struct {
	TicketTypeID string       `json:"ticket_type_id"`
	Name         string       `json:"name"`
	Quantity     int          `json:"quantity"`
	UnitPrice    money.Amount `json:"unit_price"`
}
