package notification

import (
	"time"
)

// Channel is the way by which a notification reaches its user.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Status is how far a delivery has come.
type Status string

// The statuses. Resolving and Dropped are internal: whether such a delivery
// has an addressee at all is not known, or known not to be so, and no list
// shows it.
const (
	Pending Status = "PENDING" // to be sent, or to be tried again
	Sent    Status = "SENT"    // taken by the mail server, folder or SMS provider
	Failed  Status = "FAILED"  // given up; Error says why

	Resolving Status = "RESOLVING" // an SMS whose user's phone is to be asked for
	Dropped   Status = "DROPPED"   // an SMS whose user has no phone
)

// Open reports whether there is something left to do.
func (s Status) Open() bool { return s == Resolving || s == Pending }

// Shown reports whether lists have deliveries of this status.
func (s Status) Shown() bool { return s == Pending || s == Sent || s == Failed }

// Kind is what a notification tells.
type Kind string

// The kinds. A booking has at most one record of each that has deliveries.
const (
	Confirmation Kind = "confirmation"
	Cancellation Kind = "cancellation"
	NotCompleted Kind = "not_completed"
	Test         Kind = "test"
	Nothing      Kind = "" // the message is known, and nobody is told
)

// Notification is one delivery of one message to one user by one channel.
type Notification struct {
	ID        string // UUIDv7, stable over every attempt: the Message-ID and the idempotency key
	BookingID string // empty for a test mail
	UserID    string
	Channel   Channel
	To        string // email address or phone number; empty while Resolving
	Subject   string
	Text      string // the plain text; for an SMS all of it
	HTML      string // empty for an SMS

	Status    Status
	Attempts  int    // how often it was tried and the outcome recorded
	Error     string // why the last attempt failed; empty once sent
	CreatedAt time.Time
	SentAt    time.Time // zero until Sent

	// Due is when an open delivery may be claimed next; while it is leased,
	// when the lease ends.
	Due time.Time
	// Lease is the token of who works on it now; empty when nobody does.
	Lease string
}

// Record is what one message leads to: one to two deliveries, or none.
type Record struct {
	MessageID  string // the CloudEvent's id
	BookingID  string // empty for a test mail
	Kind       Kind
	Version    int64     // the booking's, as the message has it
	At         time.Time // when it came
	Deliveries []Notification
}

// Filter chooses what a list has. Empty fields choose everything.
type Filter struct {
	UserID    string
	BookingID string
	Status    Status // Pending, Sent or Failed
	Limit     int
	After     *Position // the last item of the page before
}

// Position is a place in a list: lists are ordered by CreatedAt, then ID, the
// newest first.
type Position struct {
	CreatedAt time.Time `json:"t"`
	ID        string    `json:"id"`
}

// Position returns where n stands in a list.
func (n Notification) Position() Position { return Position{n.CreatedAt, n.ID} }
