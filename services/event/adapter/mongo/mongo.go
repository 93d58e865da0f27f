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
// Reserve inserts the record as an INTENT with a new nonce; and takes the tickets
// and sets holds.<nonce>, in one update of the event. That is all that a caller
// waits for. Run makes such records HELD and takes the holds away, many at a time,
// and so does whoever finds an INTENT whose hold is there and needs it finished.
// Whoever finds one whose hold is not there may end it, after setting
// fenced.<nonce>, which keeps the hold from coming. A nonce is placed by the call
// that made it alone, and once.
//
// An attempt has one record, at one event, and the first to insert it decides what
// it is. Release inserts a CLOSED one for an attempt that has none, so that a
// delayed Reserve comes too late; one at another event does, too. It writes the
// closure first, by which Sweep goes on after a crash. It makes a record
// RETURNING; gives the tickets back and sets returned.<nonce>, in one update that
// asks for this mark to be absent; and makes the record RELEASED. Prune forgets
// the marks of records that are, and counts how often: the update of a release
// that looked at the record before asks for this count in vain, and the release
// looks again.
//
// Return writes what is to come back into the record, which must be HELD or SOLD
// and is asked for no more than it has left; gives the tickets back with a mark
// of the return's own; and notes in the record that it has. A record that is
// RETURNING takes no more returns, so that its release knows what the rest is.
//
// Delete notes the event's id first, and then removes the event; Sweep removes the
// records, closures and renditions. Until it has, whoever finds a record looks whether its
// event is there before it counts.
//
// SetImage inserts the renditions under a nonce, makes the event name it in one update,
// and removes those that it named before. Sweep removes the ones that no event names.
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
	inboxmongo "github.com/openboxoffice/boxoffice/services/internal/inbox/mongo"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Store is an event.Store, an event.Inventory and its event.Holdings.
type Store struct {
	db                             *mongodb.DB
	events, reservations, closures mongodb.Collection
	deleted, creations, images     mongodb.Collection

	inbox  *Inbox
	known  *known  // events, as they were read
	placed *placed // holds that are to be moved out
	sales  *mongodb.Batches[sale, bool]
	now    func() time.Time
	// aside is what could not be swept, of batches of this size.
	batch int
	aside struct{ closures, records, events, deleted, images aside }
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

// Open opens the database, creates the indexes that are missing, drops those that
// are not needed any more, and replaces keys of older rules. A server that cannot be reached is storage.ErrUnavailable:
// Open may be called again.
func Open(ctx context.Context, o mongodb.Options) (*Store, error) {
	db, err := mongodb.Open(ctx, o, indexes)
	if err != nil {
		return nil, err
	}
	s := newStore(db)
	if err := errors.Join(s.rekey(ctx), s.sealOld(ctx), s.events.DropIndexes(ctx, oldIndexes)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func newStore(db *mongodb.DB) *Store {
	reservations := db.Collection(reservationsName)
	s := &Store{
		db:     db,
		events: db.Collection(eventsName), reservations: reservations, closures: db.Collection(closuresName),
		deleted: db.Collection(deletedName), creations: db.Collection(creationsName), images: db.Collection(imagesName),
		inbox: &Inbox{
			Letters: inboxmongo.Letters{LetterCollection: db.Collection(deadLettersName)}, messages: db.Collection(inboxName), reservations: reservations,
		},
		known: &known{}, placed: &placed{},
		now:      time.Now,
		patience: time.Second,
		limit:    operationLimit,
		batch:    batch,
	}
	s.sales = mongodb.NewBatches(s.sell)
	return s
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
