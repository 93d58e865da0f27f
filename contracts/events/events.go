// Package events is what the services tell each other: CloudEvents 1.0 with
// JSON data, on three topics.
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
	TopicUsers    = "users"
)

// Types of message. The version is part of the name: a change that an old
// consumer cannot read is a new type, which that consumer ignores.
const (
	TypeBookingConfirmed = "booking.confirmed.v1"
	TypeBookingCancelled = "booking.cancelled.v1"
	TypeBookingFailed    = "booking.failed.v1"
	// TypeBookingItemsCancelled says that some of a booking's tickets were
	// cancelled, and the rest stands.
	TypeBookingItemsCancelled = "booking.items_cancelled.v1"
	// TypeBookingTicketsChanged says that tickets of a booking are no longer valid,
	// because they are being given back, or have another holder and issue. Only what
	// Tickets says is new.
	TypeBookingTicketsChanged = "booking.tickets_changed.v1"
	// TypeBookingResendRequested asks for the mail with a booking's tickets once more. The
	// message's id is that of the request.
	TypeBookingResendRequested = "booking.resend_requested.v1"
	// TypeBookingLinksRequested asks for a mail with the links to the bookings of a guest,
	// of which this is the one that was made last. The message's id is that of the mail.
	TypeBookingLinksRequested = "booking.links_requested.v1"
	TypeEventCancelled        = "event.cancelled.v1"
	// TypeAccountMail asks for a mail to a user about their account.
	TypeAccountMail = "user.account_mail.v1"
)

// Types are all of them.
var Types = []string{
	TypeBookingConfirmed, TypeBookingCancelled, TypeBookingFailed, TypeBookingItemsCancelled, TypeBookingTicketsChanged,
	TypeBookingResendRequested, TypeBookingLinksRequested, TypeEventCancelled, TypeAccountMail,
}

// SpecVersion is the CloudEvents version spoken.
const SpecVersion = "1.0"

// Message is a CloudEvent in structured JSON form. ID is stable over every
// redelivery: a consumer that has seen it has nothing left to do.
type Message struct {
	SpecVersion     string          `json:"specversion" enum:"1.0"`
	ID              string          `json:"id" minLength:"1" maxLength:"200" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Source          string          `json:"source" minLength:"1" maxLength:"200" doc:"The service that published it" example:"booking"`
	Type            string          `json:"type" minLength:"1" maxLength:"200" example:"booking.confirmed.v1"`
	Subject         string          `json:"subject,omitempty" maxLength:"200" doc:"What it is about: a booking's id" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype" example:"application/json"`
	TraceParent     string          `json:"traceparent,omitempty" maxLength:"200" example:"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" doc:"W3C Trace Context of the request behind it"`
	Data            json.RawMessage `json:"data"`
}

// Booking is the data of every booking.*.v1 message: the booking as it stood
// when it entered the state that the type names. Version grows with every
// change of the booking; order of delivery is not promised, so a consumer
// ignores what is older than what it knows.
type Booking struct {
	BookingID   string       `json:"booking_id" format:"uuid"`
	Version     int64        `json:"version" minimum:"1" example:"5" doc:"Grows with every change of the booking; what is older than what is known is to be ignored"`
	Attempt     int          `json:"attempt" minimum:"1" doc:"The reservation attempt that holds its tickets"`
	UserID      string       `json:"user_id" format:"uuid"`
	UserEmail   string       `json:"user_email" example:"ada@example.com"`
	UserName    string       `json:"user_name" example:"Ada Lovelace"`
	Contact     *Contact     `json:"contact,omitempty" doc:"There if a guest has corrected the booking: then user_email and user_name count, whatever the user service has"`
	LinkVersion int          `json:"link_version" doc:"Of the links of its buyer: a mail is sent a link of this version or none"`
	Status      string       `json:"status" enum:"CONFIRMED,CANCELLING,CANCELLED,FAILED"`
	Event       Event        `json:"event"`
	Items       []Item       `json:"items" nullable:"false"`
	Tickets     []Ticket     `json:"tickets" nullable:"false" doc:"All that it has ever had, those that were given back included. The list of the highest version counts"`
	Total       money.Amount `json:"total"`
	Refunded    money.Amount `json:"refunded" doc:"What is given back with what this message tells; zero in a confirmation"`
	Reason      string       `json:"reason,omitempty" doc:"Why it failed or was cancelled: a problem code" example:"payment_declined"`
	OccurredAt  time.Time    `json:"occurred_at"`

	RefundDue bool `json:"refund_due,omitempty" doc:"Of a failed booking: the payment provider has refused the refund, and it has yet to be made"`

	Acknowledged bool `json:"acknowledged" doc:"The customer had been answered pending, and so waits to hear how it ended"`

	Cancellation *Cancellation `json:"cancellation,omitempty" doc:"What was cancelled; in a cancellation alone"`
	Note         string        `json:"note,omitempty" maxLength:"500" doc:"What the organizer says about the event's cancellation" example:"The singer is ill."`

	PassedOn *PassedOn `json:"passed_on,omitempty" doc:"The ticket that has another holder since; in a message about changed tickets alone"`
}

// PassedOn is a ticket that has another holder: To, in place of From.
type PassedOn struct {
	TicketID string `json:"ticket_id" format:"uuid"`
	Number   int    `json:"number" minimum:"1" example:"1" doc:"Its place in the booking"`
	Issue    int    `json:"issue" minimum:"2" maximum:"255" example:"2" doc:"The new holder's"`
	To       Holder `json:"to"`
	From     Holder `json:"from"`
}

// Holder is the person that a ticket is for.
type Holder struct {
	Name  string `json:"name" example:"Grace Hopper"`
	Email string `json:"email,omitempty" doc:"Absent where the ticket's mails go to the buyer alone" example:"grace@example.com"`
}

// Contact is how a guest wants to hear of one booking. For an absent field the user
// service's value counts.
type Contact struct {
	Phone  *string `json:"phone,omitempty" doc:"E.164; empty for no SMS" example:"+4915112345678"`
	Locale *string `json:"locale,omitempty" doc:"The language in which we write, a BCP 47 tag; empty where the guest has not said" example:"de-AT"`
}

// Total is the price of the items together, or an error where they do not add
// up: of two currencies, or over 64 bits. Of no items it is nothing, in no
// currency.
func Total(items []Item) (total money.Amount, err error) {
	for i, item := range items {
		price, err := item.UnitPrice.Times(item.Quantity)
		if err != nil {
			return money.Amount{}, err
		}
		if i > 0 {
			if price, err = total.Plus(price); err != nil {
				return money.Amount{}, err
			}
		}
		total = price
	}
	return total, nil
}

// Cancellation is tickets given back, and the money that went with them:
// Price − Fee = Refund.
type Cancellation struct {
	ID     string       `json:"id" format:"uuid"`
	Items  []Item       `json:"items" nullable:"false"`
	Price  money.Amount `json:"price" doc:"What the tickets had cost"`
	Fee    money.Amount `json:"fee" doc:"What is kept of it, by the event's cancellation policy"`
	Refund money.Amount `json:"refund" doc:"What is given back of it"`
	// RefundedBefore is part of the price, too, if the fee that was kept first
	// is given back: Price − Fee = RefundedBefore + Refund.
	RefundedBefore *money.Amount `json:"refunded_before,omitempty" doc:"What had been given back of it before: the fee that was kept then is given back now, for the event had been cancelled"`
	// RefundDue says that the refund has not been made, and somebody has to
	// see to it.
	RefundDue bool `json:"refund_due,omitempty" doc:"The payment provider has refused the refund, and it has yet to be made"`
}

// Ticket is one seat of a booking.
type Ticket struct {
	ID           string `json:"id" format:"uuid"`
	Number       int    `json:"number" minimum:"1" example:"1" doc:"Its place in the booking, which stays its own"`
	TicketTypeID string `json:"ticket_type_id" format:"uuid"`
	Status       string `json:"status" enum:"HELD,VALID,CANCELLED" example:"VALID"`
	Issue        int    `json:"issue" minimum:"1" maximum:"255" example:"1" doc:"Grows with each new holder; what was issued before is not valid any more"`
	HolderName   string `json:"holder_name" example:"Ada Lovelace"`
}

// EventCancelled is the data of an event.cancelled.v1 message. Every booking of
// the event is to be cancelled and refunded in full.
type EventCancelled struct {
	Event      Event     `json:"event"`
	Version    int64     `json:"version" minimum:"1" example:"3" doc:"The event's; grows with every edit"`
	By         string    `json:"by" format:"uuid" doc:"The user who cancelled it"`
	Note       string    `json:"note,omitempty" maxLength:"500" doc:"What the organizer says about it" example:"The singer is ill."`
	OccurredAt time.Time `json:"occurred_at"`
}

// AccountMail is the data of a user.account_mail.v1 message. What the mail says, its
// link included, its sender asks the user service for when it sends.
type AccountMail struct {
	MailID     string    `json:"mail_id" format:"uuid"`
	UserID     string    `json:"user_id" format:"uuid"`
	Purpose    string    `json:"purpose" enum:"verification,password_reset,email_change,email_changed,phone_change"`
	OccurredAt time.Time `json:"occurred_at"`
}

// Event is the part of an event that a booking keeps: a snapshot of the moment
// it was booked.
type Event struct {
	ID          string    `json:"id" format:"uuid"`
	OrganizerID string    `json:"organizer_id,omitempty" format:"uuid" doc:"The user who created it; absent where an earlier release took the snapshot"`
	Title       string    `json:"title" example:"Night of Strings"`
	StartsAt    time.Time `json:"starts_at"`
	EndsAt      time.Time `json:"ends_at,omitzero" doc:"Absent where an earlier release took the snapshot"`
	DoorsAt     time.Time `json:"doors_at,omitzero" doc:"When people are let in; absent where that is when it starts"`
	TimeZone    string    `json:"time_zone" doc:"IANA name" example:"Europe/Berlin"`
	Venue       Venue     `json:"venue"`

	CancellationPolicy CancellationPolicy `json:"cancellation_policy"`
	// NoTransfers is the opposite of what organizers say, so that snapshots without
	// it allow transfers.
	NoTransfers bool `json:"no_transfers,omitempty" doc:"Its tickets cannot be passed on: their holders stay"`
}

// Doors returns when people are let in: DoorsAt, or when the event starts.
func (e Event) Doors() time.Time {
	if e.DoorsAt.IsZero() {
		return e.StartsAt
	}
	return e.DoorsAt
}

// CancellationPolicy is what it costs a customer to cancel tickets: nothing
// until FreeHours before the event starts, and after that a part of their
// price. The zero value is that it is always free.
type CancellationPolicy struct {
	FreeHours      int `json:"free_hours" minimum:"0" maximum:"8760" example:"48" doc:"Cancelling is free until so many hours before the event starts"`
	FeeBasisPoints int `json:"fee_basis_points" minimum:"0" maximum:"10000" example:"1000" doc:"What is kept of the price after that, in hundredths of a percent. It is rounded once per cancellation, half up. In currencies with three decimals it is then rounded down to 0.01, and in MGA to 1"`
}

// Venue is where an event takes place.
type Venue struct {
	Name    string `json:"name" example:"Philharmonie"`
	Address string `json:"address" example:"Herbert-von-Karajan-Str. 1"`
	City    string `json:"city" example:"Berlin"`
	Country string `json:"country" example:"DE"`
}

// Item is some tickets of one type, at the price they were booked for.
type Item struct {
	TicketTypeID string       `json:"ticket_type_id" format:"uuid"`
	Name         string       `json:"name" example:"Standard"`
	Quantity     int          `json:"quantity" example:"2"`
	UnitPrice    money.Amount `json:"unit_price"`
	// Position may be 0: earlier releases did not keep it.
	Position int `json:"position,omitempty" minimum:"1" maximum:"20" example:"1" doc:"The place of the ticket type in its event's list when the tickets were reserved, from 1"`
}
