package event

import (
	"fmt"
	"slices"
	"time"
)

// CreationPeriod is the time for which a limit says how many events an organizer
// creates.
const CreationPeriod = 24 * time.Hour

// TooManyEventsError is ErrTooManyEvents, with the time to wait.
type TooManyEventsError struct{ Wait time.Duration }

func (e *TooManyEventsError) Error() string {
	return fmt.Sprintf("%v: wait %v", ErrTooManyEvents, e.Wait)
}

// Unwrap returns ErrTooManyEvents.
func (e *TooManyEventsError) Unwrap() error { return ErrTooManyEvents }

// Recent are those of the times that are within a CreationPeriod of at, in their order.
// Some may be later: another process's clock is a little ahead, or this one was set back.
func Recent(times []time.Time, at time.Time) []time.Time {
	recent := slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return at.Sub(t).Abs() >= CreationPeriod })
	slices.SortFunc(recent, time.Time.Compare)
	return recent
}

// MayCreate returns a *TooManyEventsError where an organizer who has created events at
// these times, which are Recent, may not create another one at at, most being allowed
// within a CreationPeriod. It is the rule that every adapter follows.
func MayCreate(recent []time.Time, at time.Time, most int) error {
	if len(recent) < most {
		return nil
	}
	return &TooManyEventsError{Wait: recent[len(recent)-most].Add(CreationPeriod).Sub(at)}
}
