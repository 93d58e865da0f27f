// Package inbox is the consumer's side of exactly-once effects: the ids of the
// messages whose effect is stored, the dead letters, and the operations by
// which a publisher asks for receipts and an admin looks at dead letters.
package inbox

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
)

// DeadLetter is a message that its handler could not have.
type DeadLetter struct {
	ID         string // the message's id
	Topic      string
	Message    events.Message // as it came, byte for byte in its Data
	Reason     string
	FailedAt   time.Time
	ReplayedAt time.Time // zero until it was replayed with success
	ReplayedBy string    // the admin's user id

	// Unreadable says why the message cannot be read; else nil. Message has its ID
	// then, and nothing else.
	Unreadable error
}

// Read sets the Message of d, whose ID is set, or Unreadable.
func (d *DeadLetter) Read(attributes string, data []byte) {
	if d.Message, d.Unreadable = messagerow.Join(attributes, data); d.Unreadable != nil {
		d.Message = events.Message{ID: d.ID}
	}
}

// Retention is how long ids are kept when a service prunes as it should: it
// must be longer than any publisher's outbox row can stay open, because a
// message whose id is forgotten would have its effect again.
const Retention = 90 * 24 * time.Hour

// ErrDeadLetterNotFound is returned for an id that is no dead letter's.
var ErrDeadLetterNotFound = problem.NewRefusal(problem.DeadLetterNotFound, "dead letter not found")

// Store is where a consumer keeps what it has heard. That a message's effect
// is stored is recorded by the transaction of the effect, not through this
// port.
type Store interface {
	// Known returns those of ids whose effect, or whose dead letter, is
	// stored. No ids is the empty slice.
	Known(ctx context.Context, ids []string) ([]string, error)
	// Ignore records that the message with this id has no effect, as of at.
	//
	//   - Known returns it.
	//   - A message that is known already stays as it is, and it is no error.
	//   - It is recorded as one that had its effect: nothing gives it one later.
	Ignore(ctx context.Context, id string, at time.Time) error
	// PutDeadLetter stores d. One with the same ID stays as it is: a message
	// that is dead-lettered twice is one dead letter.
	PutDeadLetter(ctx context.Context, d DeadLetter) error
	// DeadLetters returns up to limit dead letters after the one with ID
	// after ("" is from the start), in the order of their IDs. It neither
	// repeats nor skips while others are added. One that is Unreadable hides no
	// other.
	DeadLetters(ctx context.Context, after string, limit int) ([]DeadLetter, error)
	// DeadLetter returns one, which may be Unreadable, or ErrDeadLetterNotFound.
	DeadLetter(ctx context.Context, id string) (DeadLetter, error)
	// MarkReplayed records who replayed it and when, or returns
	// ErrDeadLetterNotFound. The first replay's record stays.
	MarkReplayed(ctx context.Context, id, by string, at time.Time) error
}
