package booking

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Store keeps bookings. bookingtest.TestStore holds every promise made here.
type Store interface {
	// Create stores b with its timeline and lease, and the record of key when
	// key.Value is not empty, together or not at all. When the user has used
	// the key within KeyLifetime nothing is stored: ErrKeyTaken for the same
	// fingerprint, ErrKeyReused for another. Of racing calls with one key
	// exactly one succeeds. An older record of the key is replaced.
	Create(ctx context.Context, b Booking, key Key) error
	// ByKey returns the booking that the user made with key at most
	// KeyLifetime before now; ErrNotFound when there is none, ErrKeyReused
	// when its fingerprint is another.
	ByKey(ctx context.Context, userID string, key Key, now time.Time) (Booking, error)
	// Get returns the booking with this id, or ErrNotFound.
	Get(ctx context.Context, id string) (Booking, error)
	// List returns up to q.Limit bookings of q.UserID, newest first, after
	// the booking q.After. It neither repeats nor skips while others are
	// added.
	List(ctx context.Context, q Query) ([]Booking, error)
	// Update lets change edit the booking with this id and commits the
	// result with its Effects, Version one higher, together or not at all,
	// and returns it as stored. lease is the token that the caller drives the
	// booking by, "" while nobody drives it; where that is not the booking's,
	// it is ErrLeaseLost and change is not called. An error of change is
	// returned and nothing is stored. No two changes of one booking overlap.
	// change does no I/O and may be called again.
	Update(ctx context.Context, id, lease string, change func(*Booking) error) (Booking, error)
	// Claim takes over up to limit bookings that are Pending or Cancelling
	// and whose lease ended at or before now, longest ended first: it gives
	// them lease, counts one more of their Tries, and returns them. Two
	// callers at one time never get the same booking.
	Claim(ctx context.Context, now time.Time, lease Lease, limit int) ([]Booking, error)
}

// Query is a page of one user's bookings.
type Query struct {
	UserID string
	After  string // the id of the last booking of the page before; "" for the first page
	Limit  int
}

// Catalog is the event service: it has the events and holds the tickets.
// bookingtest.TestCatalog holds every promise made here. Every call may also
// return ErrOutcomeUnknown: then it may have had its effect, or have it later.
type Catalog interface {
	// Availability returns what is for sale, or ErrEventNotFound.
	Availability(ctx context.Context, eventID string) (Availability, error)
	// Reserve holds all of r.Items, or none, and returns them with the names
	// and prices that are from now on theirs, in the order asked. It is
	// idempotent by booking and attempt: a repeat gives the same answer,
	// whatever has become of the event. ErrSoldOut when there are too few,
	// ErrSalesClosed, ErrEventNotFound or ErrTicketTypeNotFound when they
	// cannot be sold, ErrReservationReleased when the attempt was closed.
	Reserve(ctx context.Context, r Reservation) (Reserved, error)
	// Release gives back what attempts up to this one hold, once, and closes
	// them: a Reserve that comes later is refused. It is idempotent, needs no
	// reservation to be there, and for an event that is not there it is
	// ErrEventNotFound.
	Release(ctx context.Context, eventID, bookingID string, attempt int) error
}

// Availability is what an event has for sale at one moment.
type Availability struct {
	EventID   string
	SalesOpen bool // false when nothing is sold any more, though tickets are left
	Types     []TicketType
}

// TicketType is one kind of ticket.
type TicketType struct {
	ID        string
	Name      string
	Price     money.Amount
	Available int
}

// Reservation asks for tickets. Of its Items only type and quantity are read.
type Reservation struct {
	BookingID string
	Attempt   int
	EventID   string
	Items     []events.Item
}

// Reserved is what a reservation holds, at the price it is held for.
type Reserved struct {
	Event events.Event
	Items []events.Item
	Total money.Amount
}

// Payments is the payment provider. bookingtest.TestPayments holds every
// promise made here. Every call may also return ErrOutcomeUnknown.
type Payments interface {
	// Charge takes c.Amount once for c.BookingID, however often it is called,
	// and returns the provider's reference. ErrPaymentDeclined when it is not
	// to be had, then and at every repeat; ErrPaymentClosed after Settle has
	// answered that there is no charge.
	Charge(ctx context.Context, c Charge) (reference string, err error)
	// Settle decides a charge whose outcome is not known: it is captured, or
	// it never will be, and a Charge that comes later is refused. Every later
	// Settle answers the same.
	Settle(ctx context.Context, bookingID string) (Settlement, error)
	// Refund gives r.Amount of a booking's charge back once for r.ID, however
	// often it is called. ErrRefundRefused when the charge has not that much
	// left, or there is none.
	Refund(ctx context.Context, r RefundRequest) error
	// Provider is the provider's name, shown with the payment.
	Provider() string
}

// Charge asks for money.
type Charge struct {
	BookingID string
	Amount    money.Amount
	Token     string // the customer's means of payment; never logged, never stored by us
}

// Settlement is the outcome of a charge.
type Settlement struct {
	Captured  bool
	Reference string       // when captured
	Amount    money.Amount // when captured
	Declined  bool         // not captured because it was declined
}

// RefundRequest asks to give money back.
type RefundRequest struct {
	ID        string // the idempotency key
	BookingID string
	Amount    money.Amount
}

// Ledger shows what a provider that keeps its books with us has moved. Only
// the sandbox does.
type Ledger interface {
	// Entries returns the charges and refunds of one booking, oldest first;
	// of all bookings when bookingID is "". At most limit, after the entry
	// with the number after.
	Entries(ctx context.Context, bookingID string, after int64, limit int) ([]LedgerEntry, error)
}

// LedgerEntry is money moved.
type LedgerEntry struct {
	Number    int64
	BookingID string
	Kind      string // "charge" or "refund"
	Amount    money.Amount
	Reference string
	At        time.Time
}
