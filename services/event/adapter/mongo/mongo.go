// Package mongo keeps events and their inventory in MongoDB, without
// transactions over several documents.
//
// What is left of an event lies in the event's own document, so that a sale,
// an edit and a deletion are each one conditional update and cannot race. Each
// attempt of a booking has a record, which says what became of it:
//
//	(none) → INTENT → HELD → SOLD
//	                    ↘     ↓
//	                     RETURNING → RELEASED
//
// Reserve writes the record as an INTENT with a new nonce; takes the tickets
// and sets holds.<nonce>, in one update of the event; makes the record HELD;
// and takes the hold away. Whoever finds an INTENT whose hold is there
// finishes it. Whoever finds one whose hold is not there may end it, after
// setting fenced.<nonce>, which keeps the hold from coming. A nonce is placed
// by the call that made it alone, and once.
//
// Release writes the closure first, and then looks for records; Reserve writes
// its record first, and then looks for a closure: so one of them sees the
// other. It makes a record RETURNING; gives the tickets back and sets
// returned.<nonce>, in one update that asks for this mark to be absent; and
// makes the record RELEASED.
//
// Whatever step is the last one before a crash, the next call about the same
// attempt goes on from there, and so does Sweep.
package mongo

import (
	"context"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/openboxoffice/boxoffice/services/event"
)

// Store is an event.Store and an event.Inventory.
type Store struct {
	events, reservations, closures collection

	inbox *Inbox
	now   func() time.Time
	// patience is how long Reserve lets another one of the same attempt
	// finish before it fences it off.
	patience time.Duration
}

var (
	_ event.Store     = (*Store)(nil)
	_ event.Inventory = (*Store)(nil)
)

// operationLimit ends every operation of the inventory. The marks that tell a
// delayed update that it comes too late are kept far longer.
const operationLimit = 5 * time.Second

// New returns the store in db, and creates the indexes that are missing.
func New(ctx context.Context, db *driver.Database) (*Store, error) {
	if err := createIndexes(ctx, db); err != nil {
		return nil, err
	}
	return newStore(db, nil), nil
}

// newStore has before called before every request to the database, where it
// is not nil; its error is the request's.
func newStore(db *driver.Database, before func(context.Context) error) *Store {
	in := func(name string) collection {
		return collection{durable(db, name), before}
	}
	return &Store{
		events: in(eventsName), reservations: in(reservationsName), closures: in(closuresName),
		inbox:    &Inbox{messages: in(inboxName), letters: in(deadLettersName)},
		now:      time.Now,
		patience: time.Second,
	}
}

// Inbox is the messages that the store has heard.
func (s *Store) Inbox() *Inbox { return s.inbox }

// durable is a collection whose acknowledged writes survive a failover, and
// that shows no write that may not.
func durable(db *driver.Database, name string) *driver.Collection {
	return db.Collection(name, options.Collection().
		SetWriteConcern(writeconcern.Majority()).SetReadConcern(readconcern.Majority()))
}
