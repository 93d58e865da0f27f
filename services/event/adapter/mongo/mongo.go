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
// makes the record RELEASED. Prune forgets the marks of records that are, and
// counts how often: the update of a release that looked at the record before
// asks for this count in vain, and the release looks again.
//
// Return writes what is to come back into the record, which must be HELD or SOLD
// and is asked for no more than it has left; gives the tickets back with a mark
// of the return's own; and notes in the record that it has. A record that is
// RETURNING takes no more returns, so that its release knows what the rest is.
//
// Delete notes the event's id first, and then removes the event; Sweep removes the
// records and closures. Until it has, whoever finds a record looks whether its
// event is there before it counts.
//
// Whatever step is the last one before a crash, the next call about the same
// attempt goes on from there, and so does Sweep.
package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Store is an event.Store, an event.Inventory and its event.Holdings.
type Store struct {
	db                             *mongodb.DB
	events, reservations, closures mongodb.Collection
	deleted                        mongodb.Collection

	inbox *Inbox
	turns chan struct{} // of those who reserve
	now   func() time.Time
	// patience is how long Reserve lets another one of the same attempt
	// finish before it fences it off.
	patience time.Duration
	// limit is operationLimit; tests on busy machines set a longer one.
	limit time.Duration
}

var (
	_ event.Store     = (*Store)(nil)
	_ event.Inventory = (*Store)(nil)
	_ event.Holdings  = (*Store)(nil)
)

// operationLimit ends every operation of the inventory, unless the database's
// timeout did before. The marks that tell a delayed update that it comes too
// late are kept far longer.
const operationLimit = 5 * time.Second

// reserving is how many reservations a process makes at a time. Each puts a hold
// into the event for as long as it takes: when all come at once for one event,
// it grows with each, and every update of it is dearer than the one before.
const reserving = 4

// Open opens the database, creates the indexes that are missing, and replaces
// keys of older rules. A server that cannot be reached is storage.ErrUnavailable:
// Open may be called again.
func Open(ctx context.Context, o mongodb.Options) (*Store, error) {
	db, err := mongodb.Open(ctx, o, indexes)
	if err != nil {
		return nil, err
	}
	s := newStore(db)
	if err := s.rekey(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func newStore(db *mongodb.DB) *Store {
	return &Store{
		db:     db,
		events: db.Collection(eventsName), reservations: db.Collection(reservationsName), closures: db.Collection(closuresName),
		deleted:  db.Collection(deletedName),
		inbox:    &Inbox{messages: db.Collection(inboxName), letters: db.Collection(deadLettersName)},
		turns:    make(chan struct{}, reserving),
		now:      time.Now,
		patience: time.Second,
		limit:    operationLimit,
	}
}

// Inbox is the messages that the store has heard.
func (s *Store) Inbox() *Inbox { return s.inbox }

// Ping answers nil when the database can be written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// absent is the condition that a field is not there.
var absent = bson.M{"$exists": false}

func byID(id string) bson.M { return bson.M{"_id": id} }
