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
	//
	// If the key is not taken, Create calls admit with the Account of b's user, for
	// b's event, at b.CreatedAt, without b. A nil admit allows everything.
	//   - An error of admit is returned and nothing is stored.
	//   - A key that is taken comes before an error of admit.
	//   - The account has the unpaid tickets of the user and the event.
	//   - The account has the declined payments since the last paid booking.
	//   - The account has the bookings that are open.
	//   - The account has the bookings that the user has made, whatever became of them.
	//   - The account has the checkouts of the user that are open.
	//   - The account has the open bookings from the address.
	//   - The account has the unpaid tickets of the event from the address.
	//   - A booking without an address counts for none.
	//   - Of racing creations of a user each finds those before it in the account.
	//   - Of racing creations from an address each finds those before it in the account.
	//
	// admit does no I/O and may be called again. What it refuses to an account it refuses
	// to one with more usage.
	Create(ctx context.Context, b Booking, key Key, admit func(Account) error) error
	// ByKey returns the booking that the user made with key at most
	// KeyLifetime before now; ErrNotFound when there is none, ErrKeyReused
	// when its fingerprint is another.
	ByKey(ctx context.Context, userID string, key Key, now time.Time) (Booking, error)
	// Get returns the booking with this id, or ErrNotFound. If its row cannot be
	// read the error is ErrUnreadable.
	Get(ctx context.Context, id string) (Booking, error)
	// List returns up to q.Limit bookings of q.UserID, newest first, after
	// the booking q.After. It neither repeats nor skips while others are
	// added. One that cannot be read is Unreadable, and hides no other.
	List(ctx context.Context, q Query) ([]Booking, error)
	// OfEvent returns up to limit bookings of the event that are or were Confirmed, without
	// their timelines.
	//   - The bookings of an event that are or were confirmed are listed by their ids after
	//     the one with the id after.
	//   - Paging by the last id neither repeats nor skips what was there at the first page.
	//   - A booking of an event that cannot be read is Unreadable, and hides no other.
	OfEvent(ctx context.Context, eventID, after string, limit int) ([]Booking, error)
	// Update lets change edit the booking with this id and commits the
	// result with its Effects, Version one higher, together or not at all,
	// and returns it as stored. lease is the token that the caller drives the
	// booking by, "" while nobody drives it; where that is not the booking's,
	// it is ErrLeaseLost and change is not called. An error of change is
	// returned and nothing is stored; so is ErrKeyTaken, or ErrKeyReused, where
	// Effects has a key that is used already, as Create says. What the
	// timeline gets is in the audit log as well. A booking whose event is
	// cancelled does not become Confirmed, and gets no further attempt to pay, and no
	// more time for one: ErrEventCancelled. An
	// address is stored while its booking has unpaid tickets: KeptAddress takes its
	// place. No two changes of one booking overlap. change does no I/O and may be
	// called again.
	//
	//   - A booking of a cancelled event that AwaitsCustomer is due at its UpdatedAt.
	//
	// If Effects has Admit, it is called after change, with the Tries of the booking's
	// user at UpdatedAt.
	//   - An error of Admit is returned, and nothing is stored.
	//   - The tries have the declined payments of the user, those of the booking too.
	//   - The tries have the other bookings that are open, and attempts in them.
	//   - Of racing updates of a user's bookings each finds those before it in the tries.
	//
	// Admit does no I/O and may be called again.
	Update(ctx context.Context, id, lease string, change func(*Booking) error) (Booking, error)
	// Save stores after, which the holder of before's lease has made of before,
	// without reading first.
	//   - A save stores the result with its Effects as the version after before's,
	//     together or not at all, and returns it.
	//   - If the booking has another lease or version than before, nothing is stored: ErrLeaseLost.
	//   - Of racing saves of one version one succeeds.
	//   - A save frees the key. A key to use is for Update.
	//   - The audit log gets the new steps of the timeline.
	//   - A booking of a cancelled event does not become Confirmed: ErrEventCancelled.
	//   - An address is stored while its booking has unpaid tickets, as Update says.
	//   - A booking of a cancelled event that AwaitsCustomer is due at its UpdatedAt.
	Save(ctx context.Context, before, after Booking) (Booking, error)
	// Claim takes over up to limit bookings whose lease ended, or that were to
	// be begun with, at or before now, the longest ago first: it gives them
	// lease, counts one more of their Tries, and returns them. After these come
	// bookings of events that are cancelled, driven by nobody: those that are
	// Confirmed, and those that are Cancelled and have kept a fee since the
	// organizer cancelled the event (FeeKeptAt). Two callers at one time never get the same booking. A booking
	// that cannot be read is set aside, as StuckBookings says, and keeps no other
	// from being claimed.
	Claim(ctx context.Context, now time.Time, lease Lease, limit int) ([]Booking, error)
	// BringForward shortens, after the clock is set back, the leases and pauses
	// that a wrong clock stored. Callers choose times so late that a clock with an
	// error of up to 15 minutes does not store them.
	//   - A lease that ends later than leased ends at leased. Its driver keeps it.
	//   - If nobody drives a booking and it is due later than parked, it becomes due
	//     at parked.
	//   - A booking that waits for its customer until the Deadline of its payment
	//     keeps that time, unless it was updated later than stored.
	//   - Nothing else of a booking changes.
	BringForward(ctx context.Context, stored, leased, parked time.Time) error
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
	// Availability returns what is for sale at a moment after it was called, or
	// ErrEventNotFound. The answer may be others' too, and is not to be changed.
	Availability(ctx context.Context, eventID string) (Availability, error)
	// Reserve holds all of r.Items, or none, and returns them with the names
	// and prices that are from now on theirs, in the order asked. It is
	// idempotent by booking and attempt: a repeat gives the same answer,
	// whatever has become of the event. ErrSoldOut when there are too few,
	// ErrTooManyForBooking when the event sells fewer to one booking,
	// ErrNotOnSaleYet when the sale of a type has not begun,
	// ErrSalesClosed, ErrEventNotFound or ErrTicketTypeNotFound when they
	// cannot be sold, ErrReservationReleased when the attempt was closed.
	Reserve(ctx context.Context, r Reservation) (Reserved, error)
	// Release gives back what attempts up to this one hold, once, and closes
	// them: a Reserve that comes later is refused. It is idempotent, needs no
	// reservation to be there, and for an event that is not there it is
	// ErrEventNotFound.
	Release(ctx context.Context, eventID, bookingID string, attempt int) error
	// Return gives some items of the booking's attempt back for sale, all of
	// them or none, once for r.CancellationID, however often it is called. The
	// attempt keeps the rest, until Release gives that back; once it has,
	// nothing is left to give back, and it is no error. ErrReturnRefused when
	// the attempt has not so many left, or had other items under that id;
	// ErrEventNotFound for an event that is not there.
	Return(ctx context.Context, r Return) error
}

// Return is tickets to give back. Of its Items only type and quantity are read.
type Return struct {
	EventID, BookingID string
	Attempt            int
	CancellationID     string
	Items              []events.Item
}

// Availability is what an event has for sale at one moment.
type Availability struct {
	EventID string
	Types   []TicketType
	// MaxPerBooking is how many tickets the event sells to one booking; 0 where it
	// was not said.
	MaxPerBooking int
}

// TicketType is one kind of ticket.
type TicketType struct {
	ID        string
	Name      string
	Price     money.Amount
	Available int
	Sale      Sale // "" where it was not said
}

// Sale is whether the tickets of a type are sold now, as far as the clock and the
// organizer say: those of one that is OnSale may be sold out.
type Sale string

// The answers.
const (
	OnSale Sale = "on_sale"
	NotYet Sale = "not_yet"
	Closed Sale = "closed"
)

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
	// Limits returns which totals of a currency the provider charges, or
	// ErrCurrencyNotSupported. It asks nobody, and always answers the same.
	//   - Limits are multiples of their step.
	//   - Totals within the limits are charged.
	//   - Prepare refuses other totals with ErrAmountNotPayable.
	//   - Prepare refuses a currency that is not supported with
	//     ErrAmountNotPayable.
	//   - A single step can be given back.
	//   - The step divides that of fees, money.Step.
	Limits(currency string) (ChargeLimits, error)
	// Prepare makes ready for the charge and returns the provider's reference
	// to it, which is stored before Charge is called with it; "" where the
	// provider knows the charge by its booking. It moves no money, and nothing
	// that comes of it moves money without Charge. A repeat within the hour
	// returns the same reference. ErrPaymentDeclined when the provider would
	// never take such a means of payment, ErrAmountNotPayable when it never
	// charges such an amount.
	Prepare(ctx context.Context, c Charge) (reference string, err error)
	// Charge takes c.Amount for c.BookingID, and returns the provider's reference.
	// A booking has one charge, and attempts are tries of it: the caller numbers them
	// and stores each before it calls. ErrPaymentDeclined when the attempt fails.
	// ErrAmountNotPayable when the provider finds only now that it does not charge
	// such an amount: that ends the charge, as Settle does. Where the customer has
	// to act first it returns the Action, and the attempt waits.
	//   - A charge is captured under a reference.
	//   - A repeated attempt is captured once, under the same reference.
	//   - An attempt repeated long after is captured once.
	//   - A repeat of a declined attempt is declined, whatever its token.
	//   - A declined attempt is declined long after.
	//   - After a declined attempt another attempt can capture.
	//   - At most one attempt captures, and from then on every attempt answers so.
	//   - A new attempt replaces an attempt that waits for the customer: acting on
	//     that later captures nothing, or is the one capture.
	//   - A repeat of a replaced attempt is declined.
	//   - An attempt that arrives after a later one is the same charge.
	//   - A charge without an answer is unknown until Look or Settle finds it.
	Charge(ctx context.Context, c Charge) (Charged, error)
	// Look returns where a booking's charge stands. ErrPaymentClosed after Settle
	// has answered that there is no charge. ErrOutcomeUnknown while the provider
	// itself does not know: the caller looks again later. A caller takes an attempt
	// that the provider has not seen 30 s after it was stored for declined. Should
	// it arrive after all, it is the same charge.
	//   - Before the first attempt the charge is open.
	//   - What was captured is captured, by its attempt.
	//   - What was declined is declined, by the latest attempt.
	//   - What waits for the customer is told with its action.
	//   - Looking ends nothing: attempts and customers go on.
	//   - After Settle there is nothing to look at, but a capture.
	Look(ctx context.Context, c Unsettled) (Outcome, error)
	// Settle ends a charge: it is captured, or it never will be. A charge that has
	// no reference, where Prepare returns them, is none.
	//   - Settle says what was captured.
	//   - Settle says that the latest attempt was declined.
	//   - After Settle has said never, every attempt is refused: ErrPaymentClosed.
	//   - What waits for the customer is over: acting later moves no money.
	//   - Racing attempts and settlements agree.
	//   - Repeated calls return the same answer. Exception: if the provider captures
	//     later anyway, Settle reports captured.
	Settle(ctx context.Context, c Unsettled) (Settlement, error)
	// Refund gives r.Amount of a booking's charge back once for r.ID, however
	// often it is called, be it years later. ErrRefundRefused when the charge
	// has not that much left, or there is none, or the provider will not: it
	// has not been given back then, and a call with one more of r.Refusals asks
	// anew. What the provider has taken on itself to do counts as done.
	Refund(ctx context.Context, r RefundRequest) error
	// Provider is the provider's name, shown with the payment.
	Provider() string
}

// ChargeLimits are the totals that the provider charges in one currency, in
// minor units.
type ChargeLimits struct {
	Step    int64 // every total is a multiple of it
	Minimum int64
	Maximum int64
}

// Allow reports whether the provider charges this total.
func (l ChargeLimits) Allow(minor int64) bool {
	return minor >= l.Minimum && minor <= l.Maximum && minor%l.Step == 0
}

// Charge asks for money.
type Charge struct {
	BookingID string
	Attempt   int       // from 1; Prepare does not need it
	Since     time.Time // when the attempt was stored: it may have been asked for since then
	Reference string    // Prepare's; not known to Prepare itself
	Amount    money.Amount
	Token     string // the customer's means of payment; never logged, never stored by us
}

// Charged is the answer to a Charge.
type Charged struct {
	Reference string
	Action    *Action // what the customer has to do before the money moves; nil when it has
}

// Outcome is where a charge stands.
type Outcome struct {
	State     ChargeState
	Attempt   int          // the one that State is about; 0 when it is ChargeOpen
	Reference string       // when captured or waiting
	Amount    money.Amount // when captured
	Action    *Action      // when waiting
}

// ChargeState says how far a charge has come.
type ChargeState string

// A charge is open until the provider has seen an attempt, and again while it
// knows of a further one that it has not tried.
const (
	ChargeOpen     ChargeState = "open"
	ChargeAction   ChargeState = "action" // the customer has to act
	ChargeDeclined ChargeState = "declined"
	ChargeCaptured ChargeState = "captured"
)

// Unsettled names a charge whose outcome is not known.
type Unsettled struct {
	BookingID string
	Reference string // Prepare's
}

// Settlement is the outcome of a charge.
type Settlement struct {
	Captured  bool
	Reference string       // when captured
	Amount    money.Amount // when captured
	Declined  bool         // not captured, and the latest attempt was declined
}

// RefundRequest asks to give money back.
type RefundRequest struct {
	ID        string // the idempotency key
	BookingID string
	Reference string // of the charge
	Amount    money.Amount
	Since     time.Time // when the refund was decided: it may have been asked for since then
	Refusals  int       // how often it was refused before
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
