package web

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// BookingStatus says how far a booking is.
type BookingStatus string

// The states of a booking.
const (
	Pending          BookingStatus = "PENDING"
	Confirmed        BookingStatus = "CONFIRMED"
	Failed           BookingStatus = "FAILED"
	Cancelling       BookingStatus = "CANCELLING"
	BookingCancelled BookingStatus = "CANCELLED"
)

// Booking is a booking as its buyer sees it.
type Booking struct {
	ID      string
	EventID string
	Status  BookingStatus
	// Reason says why a booking failed, as "checkout_expired", or is empty.
	Reason        string
	Buyer         Buyer
	Event         BookedEvent
	Items         []Item
	Total         money.Amount
	Payment       Payment
	Cancellations []Cancellation
	Refunds       []Refund
	CreatedAt     time.Time
}

// Buyer is who made a booking. Phone and Locale may be empty.
type Buyer struct{ Name, Email, Phone, Locale string }

// BookedEvent is an event as it was booked. Until the tickets are held, it has only zero values.
type BookedEvent struct {
	Title              string
	Zone               *time.Location // never nil
	StartsAt, EndsAt   time.Time
	DoorsAt            time.Time // zero: with the start
	Venue              Venue
	CancellationPolicy CancellationPolicy
	Transfers          bool
}

// Item is a number of tickets of one type.
type Item struct {
	TicketTypeID, Name string
	Quantity           int
	UnitPrice          money.Amount
}

// PaymentStatus says how far a payment is, as the platform's API does:
// awaiting, pending, requires_action, captured, declined, not_charged,
// partially_refunded, refunded or not_required.
type PaymentStatus string

// Payment is the payment of a booking.
type Payment struct {
	Provider string
	Status   PaymentStatus
	// ExpiresAt is when an unpaid checkout ends, or zero.
	ExpiresAt time.Time
	// Action is what the buyer has to do before the payment goes on, or nil.
	Action *Action
}

// Action is a step that a payment provider asks of a buyer, as 3-D Secure.
type Action struct {
	// Type is the provider's: "authenticate" of the sandbox, "redirect_to_url" or
	// "use_stripe_sdk" of Stripe.
	Type string
	// URL is where to send the buyer. A path is one of the platform's API.
	URL string
	// ClientSecret is for the provider's script.
	ClientSecret string
}

// Cancellation is the return of tickets of a booking.
type Cancellation struct {
	ID   string
	All  bool
	Done bool
	At   time.Time
	// Price is what was paid for the tickets, Fee the part of it that was kept.
	Items      []Item
	Price, Fee money.Amount
}

// Refund is money on its way back to a buyer.
type Refund struct {
	ID     string
	Status string // pending, refunded or due
	Amount money.Amount
}

// TicketStatus says whether a ticket admits.
type TicketStatus string

// The states of a ticket.
const (
	Held            TicketStatus = "HELD"
	Valid           TicketStatus = "VALID"
	TicketCancelled TicketStatus = "CANCELLED"
)

// Ticket is one seat of a booking.
type Ticket struct {
	ID           string
	Number       int
	TicketTypeID string
	Name         string // the ticket type's
	Status       TicketStatus
	Holder       Holder
	Issue        int
	Code         string // empty until the booking is confirmed
}

// Holder is the person a ticket is for. Both may be empty.
type Holder struct{ Name, Email string }

// Quantity is how many tickets of a type somebody wants.
type Quantity struct {
	TicketTypeID string
	Quantity     int
}

// PaymentsConfig says who takes the money.
type PaymentsConfig struct {
	Provider       string // "sandbox" or "stripe"
	PublishableKey string // for Stripe's script, else empty
}

// DocumentKind is a document that the platform draws for a booking.
type DocumentKind string

// The documents. Those of one ticket need its id.
const (
	TicketsPDF DocumentKind = "tickets.pdf"
	Calendar   DocumentKind = "calendar.ics"
	TicketPDF  DocumentKind = "pdf"    // of one ticket
	TicketPNG  DocumentKind = "qr.png" // of one ticket
	TicketSVG  DocumentKind = "qr.svg" // of one ticket
)
