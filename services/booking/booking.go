package booking

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// Status is where a booking stands.
type Status string

// A booking begins Pending and ends Confirmed, Failed or Cancelled. Pending and
// Cancelling are worked on by exactly one driver at a time.
const (
	Pending    Status = "PENDING"
	Confirmed  Status = "CONFIRMED"
	Failed     Status = "FAILED"
	Cancelling Status = "CANCELLING"
	Cancelled  Status = "CANCELLED"
)

// MaxTickets is how many tickets one booking may hold.
const MaxTickets = 20

// Booking is one customer's tickets for one event. Times have microseconds.
type Booking struct {
	ID        string
	UserID    string
	UserEmail string
	UserName  string
	EventID   string

	// Event is the event as it was booked; zero until tickets were reserved.
	Event events.Event
	// Items are the tickets. Until they are reserved, Name and UnitPrice are
	// those that were on sale; the reservation's count.
	Items []events.Item
	Total money.Amount

	Status  Status
	Payment Payment
	// Refund is the money on its way back, if any. It is stored before the
	// provider is called.
	Refund *Refund
	// Reason says why it failed, or is about to.
	Reason problem.Code

	// Attempt numbers the reservation: a booking whose reservation was closed
	// reserves again under the next.
	Attempt int
	// Acknowledged says that the customer was told of a booking whose
	// outcome is not known yet, and so must find its idempotency key standing.
	Acknowledged bool

	Timeline  []Step
	Version   int64 // grows with every change
	CreatedAt time.Time
	UpdatedAt time.Time

	// Lease says who drives the booking; zero when nobody does.
	Lease Lease
	// Tries counts how often recovery has taken it up in its present status.
	Tries int

	// Effects is what a change commits together with the booking. It is not
	// part of it, and always zero in what a Store returns.
	Effects Effects
}

// Tickets returns how many tickets the booking is for.
func (b *Booking) Tickets() int {
	n := 0
	for _, it := range b.Items {
		n += it.Quantity
	}
	return n
}

// Payment is what the customer paid, or tried to.
type Payment struct {
	Provider  string
	Reference string // the provider's, once captured
	Status    PaymentStatus
}

// PaymentStatus is where a payment stands.
type PaymentStatus string

// A payment is Open until its outcome is known. A free booking's is NotRequired.
const (
	PaymentOpen        PaymentStatus = "pending"
	PaymentCaptured    PaymentStatus = "captured"
	PaymentDeclined    PaymentStatus = "declined"
	PaymentNever       PaymentStatus = "not_charged"
	PaymentRefunded    PaymentStatus = "refunded"
	PaymentNotRequired PaymentStatus = "not_required"
)

// Refund is money given back. Its ID is the provider's idempotency key.
type Refund struct {
	ID     string
	Amount money.Amount
	Done   bool
}

// Step is one line of a booking's timeline.
type Step struct {
	At     time.Time
	Step   string
	Detail string
}

// Lease is the right to drive a booking: whoever holds the token may change it,
// and act for it outside, until the time given. Then anybody may take it over.
type Lease struct {
	Token string
	Until time.Time
}

// Effects are committed in one transaction with the change of a booking, or not
// at all.
type Effects struct {
	Messages []events.Message // for the outbox
	FreeKey  bool             // forget the idempotency key: the request may be tried anew
}

// Key is an idempotency key: of one caller, for one request.
type Key struct {
	Value       string // "" for none
	Fingerprint string // of the validated request
}

// KeyLifetime is how long an idempotency key is remembered.
const KeyLifetime = 24 * time.Hour

func (b *Booking) note(at time.Time, step, detail string) {
	b.Timeline = append(b.Timeline, Step{At: at, Step: step, Detail: detail})
}

// refunded marks the refund, if there is one, as done: a booking ends only then.
func (b *Booking) refunded() {
	if b.Refund != nil {
		b.Refund.Done = true
	}
}
