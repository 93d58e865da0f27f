// Package outbox carries messages from a service's database to the broker so
// that what was committed is never lost. A row is written in the transaction
// of the change it tells of; the Relay publishes it, and closes it only when
// every consumer has said that it knows it. Whatever the broker loses in
// between is published again, under the same id.
package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
)

// Entry is a row of the outbox: a message on its way.
type Entry struct {
	Topic   string
	Message events.Message // Message.ID is the row's key

	// Attempts is how often the broker has taken it.
	Attempts int
	// PublishedAt is when it last did; the zero time before the first.
	PublishedAt time.Time
	// Due is when it is looked at next: published for the first time, or asked
	// about and then published again.
	Due time.Time

	// Unreadable says why the message cannot be read; else nil. Message has its ID
	// and Time then, and nothing else.
	Unreadable error
}

// Read sets the message of the row with this id and time, or Unreadable.
func (e *Entry) Read(id string, at time.Time, attributes string, data []byte) {
	e.Message, e.Unreadable = messagerow.Join(attributes, data)
	if e.Unreadable == nil && e.Message.ID != id {
		e.Unreadable = fmt.Errorf("the message has the id %q", e.Message.ID)
	}
	if e.Unreadable != nil {
		e.Message = events.Message{ID: id, Time: at}
	}
}

// Store is where a service keeps its outbox. Rows are added by the service's
// own transactions, not through this port.
type Store interface {
	// Claim returns up to limit open entries with Due ≤ now, oldest Due
	// first, as they stood, and sets their Due to until, so that no other
	// caller gets them before then. None is the empty slice and no error. Two
	// callers at one time never get the same entry. One that is Unreadable keeps
	// the others from nobody.
	Claim(ctx context.Context, now, until time.Time, limit int) ([]Entry, error)
	// Published counts one more attempt for each of ids that is open, and
	// sets its PublishedAt to at and its Due to next. An id that is unknown
	// or closed is ignored.
	Published(ctx context.Context, ids []string, at, next time.Time) error
	// Postpone sets the Due of each of ids that is open to next, and nothing
	// else. An id that is unknown or closed is ignored.
	Postpone(ctx context.Context, ids []string, next time.Time) error
	// BringForward shortens, after the clock is set back, the leases and pauses
	// that a wrong clock stored. It sets the Due of each open entry that is due
	// later than latest to latest, and changes nothing else.
	BringForward(ctx context.Context, latest time.Time) error
	// Close ends the entries with these ids, at the time at: they are never
	// claimed again. An id that is unknown or closed already is ignored.
	Close(ctx context.Context, ids []string, at time.Time) error
	// Open returns how many entries are not closed, and the time of the
	// oldest one's message; the zero time when there is none.
	Open(ctx context.Context) (n int, oldest time.Time, err error)
	// Prune forgets the entries closed before t. Open ones always stay.
	Prune(ctx context.Context, t time.Time) error
}

// Receipts asks one consumer which messages it has.
type Receipts interface {
	// Known returns those of ids that the consumer has stored: their effect,
	// or a dead letter. It knows every id it once knew, for at least as long
	// as the outbox row can be open. The order is not promised.
	Known(ctx context.Context, ids []string) ([]string, error)
}
