package booking

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Statements is what the payment provider has on its books, to compare with
// ours. bookingtest.TestPayments holds every promise made here.
type Statements interface {
	// Statements returns a page of the charges that were begun at or after
	// since, to the second, and captured: each with what has been captured and
	// given back of it by now, once, in an order that stays. after is the next of
	// the page before, "" for the first page; next is "" on the last. A page has
	// at most limit, and may have fewer though it is not the last.
	Statements(ctx context.Context, since time.Time, after string, limit int) (page []Statement, next string, err error)
}

// Statement is a charge on the provider's books.
type Statement struct {
	BookingID string
	Reference string
	Captured  money.Amount
	Refunded  money.Amount
	At        time.Time // when it was begun
}

// PaymentEvents keeps what the payment provider tells of its own accord, so that
// it may be told that we know. bookingtest.TestPaymentEvents holds every promise
// made here.
type PaymentEvents interface {
	// Keep stores e, and reports whether it is the first with its ID: a repeat
	// changes nothing, whatever else it says. Of racing calls one is the first.
	Keep(ctx context.Context, e PaymentEvent) (fresh bool, err error)
	// Unhandled returns up to limit events that are not handled yet, in the order
	// they were kept.
	Unhandled(ctx context.Context, limit int) ([]PaymentEvent, error)
	// Handled notes that the event with this id needs no more doing. One that is
	// handled already stays as it is.
	Handled(ctx context.Context, id string, at time.Time) error
}

// PaymentEventsKept is how long an event that was handled is remembered: longer
// than any provider repeats one.
const PaymentEventsKept = 30 * 24 * time.Hour

// PaymentEvent is something that has become of a payment, as the provider says.
type PaymentEvent struct {
	ID        string // the provider's
	Type      string // the provider's
	BookingID string // "" where it is about none of ours
	KeptAt    time.Time
	HandledAt time.Time // zero until it is; not before KeptAt
}
