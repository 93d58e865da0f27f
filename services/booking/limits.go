package booking

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// freeDeclines is how many declined payments in a row cause no pause.
const freeDeclines = 2

// declinePauses follow declined payments, the first after the first that is not
// free.
var declinePauses = retry.Pauses{First: time.Second, Limit: 5 * time.Minute}

// DeclinesKept is for how long a declined payment counts.
const DeclinesKept = time.Hour

// maxCheckouts is how many checkouts a user may have at a time that are not paid. Together
// they have no more tickets of an event than one booking.
const maxCheckouts = 3

// AddressKept is for how long a Confirmed booking, with free tickets, keeps the
// Address that it was made from and counts for it.
const AddressKept = 24 * time.Hour

// MadeKept is for how long a booking counts as one that its user has made, whatever has
// become of it.
const MadeKept = time.Hour

// NotAhead returns from when on what counts for the limits at a time does not: a clock that
// was ahead has stored it.
func NotAhead(at time.Time) time.Time { return at.Add(clocksDiffer) }

// MadeBefore returns between which ids the bookings are that count, as ones that its
// user has made, when b is made. Those whose ids are a little later were made by a process
// with another clock.
func (b *Booking) MadeBefore() (from, to string) {
	id, err := uuid.Parse(b.ID)
	if err != nil {
		return "", ""
	}
	at := madeAt(id)
	return firstID(at.Add(-MadeKept)), firstID(NotAhead(at))
}

// Account is what a user, and the address that they book from, use of their limits at one
// moment. Rows with a time of NotAhead or later do not count where a time is compared.
type Account struct {
	// Tickets is the sum of UnpaidTickets over the user's bookings of one event.
	Tickets int
	Tries
	// Made is how many bookings the user has made within MadeKept, as their ids say,
	// and FirstMade the id of the first of them; "" for none.
	Made      int
	FirstMade string
	// Checkouts is how many bookings of the user are Pending and a Checkout, and
	// CheckoutTickets the sum of their tickets of one event.
	Checkouts       int
	CheckoutTickets int
	// AddressOpen is how many bookings from the address of the new one are
	// Pending, whosever they are.
	AddressOpen int
	// AddressTickets is the sum of UnpaidTickets over the bookings of the event
	// from that address, whosever they are. Those that are Confirmed count for
	// AddressKept after they were made.
	AddressTickets int
}

// Tries are the payments of a user that count for the pause after declined ones.
type Tries struct {
	// Declined is how many payments of the user have been declined, those of bookings
	// that were changed within DeclinesKept, and made after the user's last booking that is Confirmed
	// and paid.
	Declined int
	// Open is how many other bookings of the user, made within DeclinesKept, are
	// Pending.
	Open int
	// LastTry is when the last of Declined was declined, or the last of Open made, or
	// the last attempt to pay for a checkout among them begun; zero when there are none.
	LastTry time.Time
}

// paused returns a *PausedError for as long as a payment has to wait after LastTry. Open
// bookings count as if they will be declined, so that racing requests get no more tries.
func (t Tries) paused(now time.Time) error {
	if t.Declined <= freeDeclines {
		return nil
	}
	pause := declinePauses.After(t.Declined + t.Open - freeDeclines)
	// A clock that was set back does not make the pause longer.
	if wait := min(t.LastTry.Add(pause).Sub(now), pause); wait > 0 {
		return &PausedError{Reason: ErrPaymentsPaused, Wait: wait}
	}
	return nil
}

// PausedError is ErrPaymentsPaused, ErrTooManyBookings or ErrTooManyAtOnce, with the time to wait.
type PausedError struct {
	Reason error
	Wait   time.Duration
}

func (e *PausedError) Error() string { return fmt.Sprintf("%v: wait %v", e.Reason, e.Wait) }

// Unwrap returns the reason.
func (e *PausedError) Unwrap() error { return e.Reason }

// TooManyTicketsError is ErrTooManyTickets in numbers.
type TooManyTicketsError struct {
	Who   string // is limited
	Limit int
	// Left is how many more tickets they may have.
	Left int
}

func (e *TooManyTicketsError) Error() string {
	return fmt.Sprintf("%s may have %d free and unpaid tickets of an event; %d more can be booked now", e.Who, e.Limit, e.Left)
}

// Unwrap returns ErrTooManyTickets.
func (e *TooManyTicketsError) Unwrap() error { return ErrTooManyTickets }

// untilForgotten is how long after b was made the booking first counts.
func (b *Booking) untilForgotten(first string) time.Duration {
	from, errFirst := uuid.Parse(first)
	now, err := uuid.Parse(b.ID)
	if errFirst != nil || err != nil {
		return MadeKept
	}
	return min(max(madeAt(from).Add(MadeKept).Sub(madeAt(now)), time.Second), MadeKept)
}

// admit returns whether the limits of its user and address allow b: a
// *TooManyTicketsError, ErrTooManyCheckouts, or a *PausedError. More usage is allowed no
// more.
func (s *Service) admit(b *Booking) func(Account) error {
	return func(a Account) error {
		if a.Made >= s.BookingsPerAccount {
			return &PausedError{Reason: ErrTooManyBookings, Wait: b.untilForgotten(a.FirstMade)}
		}
		if a.Tickets+b.UnpaidTickets() > s.TicketsPerAccount {
			return &TooManyTicketsError{Who: "An account", Limit: s.TicketsPerAccount, Left: max(s.TicketsPerAccount-a.Tickets, 0)}
		}
		if a.AddressTickets+b.UnpaidTickets() > s.TicketsPerAddress {
			return &TooManyTicketsError{Who: "All accounts and guests at one network address together", Limit: s.TicketsPerAddress, Left: max(s.TicketsPerAddress-a.AddressTickets, 0)}
		}
		if a.AddressOpen >= s.CheckoutsPerAddress {
			return ErrTooManyCheckouts
		}
		if b.Checkout != nil && (a.Checkouts >= maxCheckouts || a.CheckoutTickets+b.TicketCount() > MaxTickets) {
			return fmt.Errorf("%w: the account has %d, with %d tickets of the event", ErrTooManyCheckouts, a.Checkouts, a.CheckoutTickets)
		}
		if b.free() {
			return nil
		}
		return a.paused(b.CreatedAt)
	}
}
