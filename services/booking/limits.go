package booking

import (
	"fmt"
	"time"
)

const (
	// freeDeclines is how many payments of a user may be declined in a row before
	// the next one has to wait.
	freeDeclines = 2
	// maxDeclinePause bounds the pause after a declined payment. It is 1 s after the
	// first that is not free, and doubles with each one more.
	maxDeclinePause = 5 * time.Minute
)

// DeclinesKept is for how long a declined payment counts.
const DeclinesKept = time.Hour

// Account is what counts for the limits of a user, at one moment.
type Account struct {
	// Tickets is the sum of UnpaidTickets over the user's bookings of one event.
	Tickets int
	// Declined is how many bookings of the user have been declined within
	// DeclinesKept, of those made after the user's last booking that is Confirmed
	// and paid.
	Declined int
	// Open is how many other bookings of the user, made within DeclinesKept, are
	// Pending.
	Open int
	// LastTry is when the last of Declined was declined, or the last of Open made;
	// zero when there are none.
	LastTry time.Time
}

// pause is how long a payment has to wait after LastTry. Open bookings count as
// if they will be declined, so that racing requests get no more tries.
func (a Account) pause() time.Duration {
	if a.Declined <= freeDeclines {
		return 0
	}
	return min(time.Second<<min(a.Declined+a.Open-freeDeclines-1, 10), maxDeclinePause)
}

// PausedError is ErrPaymentsPaused, with the time to wait.
type PausedError struct{ Wait time.Duration }

func (e *PausedError) Error() string { return fmt.Sprintf("%v: wait %v", ErrPaymentsPaused, e.Wait) }

// Unwrap returns ErrPaymentsPaused.
func (e *PausedError) Unwrap() error { return ErrPaymentsPaused }

// admit returns whether the limits of its user allow b: ErrTooManyTickets, or a
// *PausedError for a booking that costs something.
func (s *Service) admit(b *Booking) func(Account) error {
	return func(a Account) error {
		if a.Tickets+b.UnpaidTickets() > s.TicketsPerAccount {
			return ErrTooManyTickets
		}
		pause := a.pause()
		if pause == 0 || b.free() {
			return nil
		}
		if wait := a.LastTry.Add(pause).Sub(b.CreatedAt); wait > 0 {
			return &PausedError{Wait: wait}
		}
		return nil
	}
}
