package notification

import "errors"

var (
	// ErrMalformed is a message that no repetition makes readable: its data does
	// not say what its type promises.
	ErrMalformed = errors.New("malformed message")
	// ErrUnknownType is a message of a type that this version does not know. A
	// newer publisher sends it.
	ErrUnknownType = errors.New("unknown message type")
	// ErrLeaseLost is returned to a worker whose lease somebody has ended: it
	// was settled, to be tried again, or somebody else has the delivery.
	ErrLeaseLost = errors.New("lease lost")
	// ErrSettled is returned to whoever settles what is no longer open.
	ErrSettled = errors.New("settled already")
	// ErrNotDue is a mail that the service with what it says does not know, or sees no
	// reason to send any more.
	ErrNotDue = errors.New("no such mail, or no reason to send it")
	// ErrNoContact is a user whom the user service does not know (any more).
	ErrNoContact = errors.New("no such user")
)

// SendError is why a provider did not take a mail or an SMS. Any other error
// of a Mailer or SMS counts as temporary, with a reason that says only that.
type SendError struct {
	// Reason is shown to customers and logged. It holds no personal data: no
	// address, no number, no text a server sent.
	Reason string
	// Permanent says that trying again is no use.
	Permanent bool
}

// Error returns the reason.
func (e *SendError) Error() string { return e.Reason }
