package booking

import (
	"slices"
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
	// Guest says that it was made without an account, and no account has claimed it.
	Guest bool
	// Contact is there if a guest has corrected the booking. See Correct.
	Contact *events.Contact
	// LinkVersion grows when the links of its buyer end. See LinkKeys.
	LinkVersion int
	EventID     string
	// Address is a keyed hash of the client address that the booking was made
	// from; "" where it is not known, or not counted any more. See KeptAddress.
	Address string

	// Event is the event as it was booked; zero until tickets were reserved.
	Event events.Event
	// Items are the tickets. Until they are reserved, Name and UnitPrice are
	// those that were on sale; the reservation's count.
	Items []events.Item
	Total money.Amount

	Status  Status
	Payment Payment
	// Refunds are the money given back, or on its way, in the order it was
	// decided. Each is stored before the provider is called.
	Refunds []Refund
	// Cancellations are the tickets given back, in the order it was asked for.
	// At most one of them is not done, the last.
	Cancellations []Cancellation
	// Holders are those of tickets that were named or passed on. The buyer holds the others.
	Holders []TicketHolder
	// Resends are when its mail was last asked for again. See Resend.
	Resends []time.Time
	// Reason says why it failed or was cancelled, or is about to.
	Reason problem.Code

	// Attempt numbers the reservation: a booking whose reservation was closed
	// reserves again under the next.
	Attempt int
	// Acknowledged says that the customer was told of a booking whose
	// outcome is not known yet, and so must find its idempotency key standing.
	Acknowledged bool
	// Owed says that the customer was answered that a payment is pending, and so waits
	// to hear how it ended.
	Owed bool
	// Checkout is the time that the customer takes to pay; nil for a booking whose
	// request paid for it, too.
	Checkout *Checkout

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

	// Unreadable is ErrUnreadable for a row of a list that cannot be read, and nil
	// for all others. The booking has its ID alone then.
	Unreadable error
}

// UnpaidTickets returns how many of its tickets nobody has paid for: all of them
// while it is Pending, and those that are free when it is Confirmed. A booking that
// failed, or is cancelled, has none.
func (b *Booking) UnpaidTickets() (n int) {
	for _, it := range b.Items {
		if b.Status == Pending || b.Status == Confirmed && it.UnitPrice.IsZero() {
			n += it.Quantity
		}
	}
	return n
}

// Declines returns how many payments of it were declined.
func (b *Booking) Declines() (n int) {
	if b.Checkout == nil {
		if b.Reason == problem.PaymentDeclined {
			n = 1
		}
		return n
	}
	for _, a := range b.Checkout.Attempts {
		if a.Outcome == PaymentDeclined {
			n++
		}
	}
	return n
}

// KeptAddress returns Address while it is counted: while the booking has
// UnpaidTickets. Every change stores it in the place of Address.
func (b *Booking) KeptAddress() string {
	if b.UnpaidTickets() == 0 {
		return ""
	}
	return b.Address
}

// free reports whether all of its tickets are.
func (b *Booking) free() bool {
	return !slices.ContainsFunc(b.Items, func(it events.Item) bool { return !it.UnitPrice.IsZero() })
}

// Checkout is what a customer does between hold and payment.
type Checkout struct {
	ExpiresAt  time.Time // until then the tickets are held
	Extensions int
	// Attempts are the tries of the booking's one charge. The first has the number 1
	// at the provider. A free booking has none.
	Attempts []Attempt
}

// Attempt is a try of a charge. It is stored before the provider hears of it.
type Attempt struct {
	At  time.Time // when it was stored
	Key string    // of the request that asked for it
	// Told says that its request was answered, though the outcome was not known.
	Told bool
	// Outcome is PaymentOpen until it is known.
	Outcome PaymentStatus
}

// Latest returns the attempt that was made last, or nil.
func (c *Checkout) Latest() *Attempt {
	if c == nil || len(c.Attempts) == 0 {
		return nil
	}
	return &c.Attempts[len(c.Attempts)-1]
}

// clone returns a copy that shares nothing with c.
func (c *Checkout) clone() *Checkout {
	if c == nil {
		return nil
	}
	d := *c
	d.Attempts = slices.Clone(c.Attempts)
	return &d
}

// Payment is what the customer paid, or tried to.
type Payment struct {
	Provider  string
	Reference string // the provider's, from the moment that it must not be lost
	Status    PaymentStatus
	Captured  money.Amount // what was paid; zero until captured
	// Action is what the customer has to do before the money moves, nil when there
	// is nothing, and Deadline until when to do that or, in a checkout, to pay.
	Action   *Action
	Deadline time.Time
}

// Action is what a customer has to do for a payment, 3-D Secure for instance:
// either at URL, or on the seller's own page with the provider's library, which
// ClientSecret lets into this one payment. It is told to the customer alone.
type Action struct {
	Type         string // the provider's
	URL          string
	ClientSecret string
}

// PaymentStatus is where a payment stands.
type PaymentStatus string

// A payment is Open until its outcome is known, or until the customer acts. In a
// checkout it is Awaiting while there is no attempt to wait for. It
// is Refunded when nothing of it is kept. A free booking's is NotRequired.
const (
	PaymentAwaiting    PaymentStatus = "awaiting"
	PaymentOpen        PaymentStatus = "pending"
	PaymentAction      PaymentStatus = "requires_action"
	PaymentCaptured    PaymentStatus = "captured"
	PaymentDeclined    PaymentStatus = "declined"
	PaymentNever       PaymentStatus = "not_charged"
	PaymentPartly      PaymentStatus = "partially_refunded"
	PaymentRefunded    PaymentStatus = "refunded"
	PaymentNotRequired PaymentStatus = "not_required"
)

// Refund is money given back. Its ID is the provider's idempotency key.
type Refund struct {
	ID       string
	Amount   money.Amount
	Status   RefundStatus
	Decided  time.Time // when it was
	Refusals int       // how often the provider has refused it
}

// RefundStatus is how far a refund has come.
type RefundStatus string

// A refund is Pending until the provider has taken it. After too many refusals
// it is Due: the operator has to see to it, and it is tried again now and then.
const (
	RefundPending RefundStatus = "pending"
	RefundDone    RefundStatus = "refunded"
	RefundDue     RefundStatus = "due"
)

// Cancellation is tickets given back: all that the booking had, or some of
// them. Price − Fee goes back to the customer.
type Cancellation struct {
	ID    string
	Items []events.Item
	// Tickets are the numbers of its tickets, of each item in turn; nil where an earlier
	// release has made it.
	Tickets  []int
	Price    money.Amount
	Fee      money.Amount
	RefundID string // of the Refund; "" where nothing goes back
	// FeeRefundID is of the Refund of a fee that was kept first: the event had
	// been called off by then. Fee is zero from then on, and FeeTold whether the
	// customer was told. "" for none.
	FeeRefundID string
	FeeTold     bool
	All         bool
	Done        bool
	At          time.Time
	By          string // the user's id, or byLink
	Key         string // of the request that asked for it; "" for none
}

// Step is one line of a booking's timeline. Each is in the audit log as well.
type Step struct {
	At     time.Time
	Step   string
	Detail string
	By     string // the user's id, byLink, or the name of the worker
}

// Lease is the right to drive a booking: whoever holds the token may change it,
// and act for it outside, until the time given. Then anybody may take it over.
// Without a token nobody drives it, and at that time somebody is to begin.
type Lease struct {
	Token string
	Until time.Time // zero when there is nothing to do
}

// Effects are committed in one transaction with the change of a booking, or not
// at all.
type Effects struct {
	Messages []events.Message // for the outbox
	FreeKey  bool             // forget the booking's idempotency keys: the request may be tried anew
	// Key is the idempotency key of the request behind the change, used by the
	// user KeyUser at the booking's UpdatedAt, after FreeKey has had its effect.
	Key     Key
	KeyUser string
	// Admit decides whether the change is allowed; nil for yes. It is for Store.Update.
	Admit func(Tries) error
}

// Key is an idempotency key: of one caller, for one request.
type Key struct {
	Value       string // "" for none
	Fingerprint string // of the validated request
}

// KeyLifetime is how long an idempotency key is remembered.
const KeyLifetime = 24 * time.Hour

// Clone returns a copy that shares nothing with b that a change may edit in place.
func (b *Booking) Clone() Booking {
	c := *b
	c.Items, c.Timeline = slices.Clone(b.Items), slices.Clone(b.Timeline)
	c.Refunds, c.Cancellations = slices.Clone(b.Refunds), slices.Clone(b.Cancellations)
	c.Holders = slices.Clone(b.Holders)
	c.Checkout = b.Checkout.clone()
	return c
}

func (b *Booking) note(at time.Time, by, step, detail string) {
	b.Timeline = append(b.Timeline, Step{At: at, Step: step, Detail: detail, By: by})
}

// idle are the steps of requests that may come in any number: they bring the booking no further.
var idle = []string{stepCorrected, stepLinksEnded, stepResend, stepAttempt, stepUnavailable}

// noteOnce notes an idle step, unless it is among the idle ones that the timeline ends
// with. Otherwise the timeline would grow with each request.
func (b *Booking) noteOnce(at time.Time, by, step, detail string) {
	for _, s := range slices.Backward(b.Timeline) {
		if s.Step == step {
			return
		}
		if !slices.Contains(idle, s.Step) {
			break
		}
	}
	b.note(at, by, step, detail)
}

// endsWith reports whether the last step of the timeline is this one.
func (b *Booking) endsWith(step string) bool {
	n := len(b.Timeline)
	return n > 0 && b.Timeline[n-1].Step == step
}

// NeedsEvent reports whether a change of before to after is for events that take place:
// it makes the booking Confirmed, begins an attempt to pay, or gives more time for one.
func NeedsEvent(before, after *Booking) bool {
	if a, b := after.Checkout, before.Checkout; a != nil && b != nil && (len(a.Attempts) > len(b.Attempts) || a.Extensions > b.Extensions) {
		return true
	}
	return after.Status == Confirmed && before.Status != Confirmed
}

// AwaitsCustomer reports whether nobody drives the booking until the Deadline of its
// payment: its customer has to act, or to pay.
func (b *Booking) AwaitsCustomer() bool {
	return b.Status == Pending && b.Lease.Token == "" && !b.Lease.Until.IsZero() && b.Lease.Until.Equal(b.Payment.Deadline)
}

// Refund returns the refund with this id, or nil.
func (b *Booking) Refund(id string) *Refund {
	for i := range b.Refunds {
		if b.Refunds[i].ID == id {
			return &b.Refunds[i]
		}
	}
	return nil
}

// Open returns the cancellation that is being worked on, or nil.
func (b *Booking) Open() *Cancellation {
	if n := len(b.Cancellations); n > 0 && !b.Cancellations[n-1].Done {
		return &b.Cancellations[n-1]
	}
	return nil
}

// Refunded is how much has gone back to the customer.
func (b *Booking) Refunded() money.Amount {
	sum := money.Amount{Currency: b.Payment.Captured.Currency}
	for _, r := range b.Refunds {
		if r.Status == RefundDone {
			sum.AmountMinor += r.Amount.AmountMinor // never more than was captured
		}
	}
	return sum
}

// FeeKeptAt is when a fee was kept last; zero for a booking that has kept none.
func (b *Booking) FeeKeptAt() (at time.Time) {
	for _, c := range b.Cancellations {
		if !c.Fee.IsZero() && c.At.After(at) {
			at = c.At
		}
	}
	return at
}

// RefundsDue counts the refunds that somebody has to see to.
func (b *Booking) RefundsDue() int {
	n := 0
	for _, r := range b.Refunds {
		if r.Status == RefundDue {
			n++
		}
	}
	return n
}

// refunded sets the payment's status by what has gone back.
func (b *Booking) refunded() {
	switch back := b.Refunded(); {
	case back.IsZero():
	case back == b.Payment.Captured:
		b.Payment.Status = PaymentRefunded
	default:
		b.Payment.Status = PaymentPartly
	}
}
