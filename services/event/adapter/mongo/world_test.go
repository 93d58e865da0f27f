//go:build integration

package mongo

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

var (
	now     = time.Date(2031, 5, 6, 7, 8, 9, 123_456_000, time.UTC)
	errDead = errors.New("the process is dead")
)

// process is one whose requests are counted.
func process(db *mongodb.DB, before func(ctx context.Context, n int) error) *Store {
	var n atomic.Int64
	s := newStore(db.Before(func(ctx context.Context) error { return before(ctx, int(n.Add(1))-1) }))
	s.patience, s.limit = 10*time.Millisecond, time.Minute
	return s
}

// healthy is a process without faults, as of this long after now.
func healthy(db *mongodb.DB, later time.Duration) *Store {
	s := process(db, func(context.Context, int) error { return nil })
	s.now = func() time.Time { return time.Now().Add(later) }
	return s
}

// dying is a process that dies before its n-th request, from 0. reached tells
// whether it made so many.
func dying(db *mongodb.DB, n int) (s *Store, reached *atomic.Bool) {
	reached = new(atomic.Bool)
	return process(db, func(_ context.Context, i int) error {
		if i < n {
			return nil
		}
		reached.Store(true)
		return errDead
	}), reached
}

// world is two events, and a booking at its first attempt.
type world struct {
	db       *mongodb.DB
	e, other *event.Event
	k        event.Key // at e
	message  string
	returnID string
}

func newWorld(t *testing.T, db *mongodb.DB) *world {
	t.Helper()
	w := &world{db: db, message: uuid.NewString(), returnID: uuid.NewString()}
	for _, e := range []**event.Event{&w.e, &w.other} {
		*e = &event.Event{
			ID: uuid.NewString(), OrganizerID: uuid.NewString(), Title: "Event", Status: event.Published, TimeZone: "UTC",
			StartsAt: now.AddDate(0, 1, 0), EndsAt: now.AddDate(0, 1, 1), CreatedAt: now, UpdatedAt: now,
		}
		for _, capacity := range []int{5, 3} {
			(*e).TicketTypes = append((*e).TicketTypes, event.TicketType{
				ID: uuid.NewString(), Capacity: capacity, Price: money.Amount{AmountMinor: 100, Currency: "EUR"},
			})
		}
		must(t, healthy(db, 0).Create(t.Context(), *e, 1000))
	}
	w.k = event.Key{EventID: w.e.ID, BookingID: uuid.NewString(), Attempt: 1}
	return w
}

// onlyWorld is newWorld in a database that it empties first: a stand-in reads
// whole collections, and these tests make hundreds of worlds.
func onlyWorld(t *testing.T, db *mongodb.DB) *world {
	t.Helper()
	s := healthy(db, 0)
	must(t, s.events.RemoveAll(t.Context(), bson.M{}))
	must(t, s.reservations.RemoveAll(t.Context(), bson.M{}))
	must(t, s.creations.RemoveAll(t.Context(), bson.M{}))
	return newWorld(t, db)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The operations.

func (w *world) reserve(ctx context.Context, s *Store) error {
	_, err := s.Reserve(ctx, w.k, wanted(w.e), now)
	return err
}

// elsewhere is the same attempt at the other event.
func (w *world) elsewhere(ctx context.Context, s *Store) error {
	k := w.k
	k.EventID = w.other.ID
	_, err := s.Reserve(ctx, k, wanted(w.other), now)
	return err
}

func wanted(e *event.Event) []event.Request {
	return []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 2}, {TicketTypeID: e.TicketTypes[1].ID, Quantity: 1}}
}

func (w *world) second(ctx context.Context, s *Store) error {
	k := w.k
	k.Attempt = 2
	_, err := s.Reserve(ctx, k, wanted(w.e)[:1], now)
	return err
}

func (w *world) release(ctx context.Context, s *Store) error { return s.Release(ctx, w.k) }

func (w *world) releaseTwo(ctx context.Context, s *Store) error {
	k := w.k
	k.Attempt = 2
	return s.Release(ctx, k)
}

func (w *world) sell(ctx context.Context, s *Store) error { return s.Sell(ctx, w.message, w.k) }

// reserveAndSell sells before Run has moved the hold out.
func (w *world) reserveAndSell(ctx context.Context, s *Store) error {
	if err := w.reserve(ctx, s); err != nil {
		return err
	}
	return w.sell(ctx, s)
}

func (w *world) giveBack(ctx context.Context, s *Store) error { return s.GiveBack(ctx, w.message, w.k) }

// some is a ticket of the first type, of the two that are wanted.
func (w *world) some() []event.Request {
	return []event.Request{{TicketTypeID: w.e.TicketTypes[0].ID, Quantity: 1}}
}

func (w *world) giveSomeBack(ctx context.Context, s *Store) error {
	return s.Return(ctx, w.k, w.returnID, w.some())
}

func (w *world) hearOfSome(ctx context.Context, s *Store) error {
	return s.ReturnHeard(ctx, w.message, w.k, w.returnID, w.some())
}

// giveOtherBack is a return under another id: all of the second type.
func (w *world) giveOtherBack(ctx context.Context, s *Store) error {
	return s.Return(ctx, w.k, w.other.ID, wanted(w.e)[1:])
}

func (w *world) shrink(ctx context.Context, s *Store) error {
	_, err := s.Update(ctx, w.e.ID, func(e *event.Event) error { e.TicketTypes[0].Capacity = 2; return nil })
	return err
}

// cancel is what it is to the service: a repeat leaves all as it is.
func (w *world) cancel(ctx context.Context, s *Store) error {
	_, err := s.Cancel(ctx, w.e.ID, func(e *event.Event) (events.Message, error) {
		if e.Status == event.Cancelled {
			return events.Message{}, event.ErrEventCancelled
		}
		e.Status = event.Cancelled
		return events.Message{ID: w.message, Subject: e.ID, Time: now}, nil
	})
	if errors.Is(err, event.ErrEventCancelled) {
		return nil
	}
	return err
}

func (w *world) remove(ctx context.Context, s *Store) error {
	return s.Delete(ctx, w.e.ID, func(*event.Event) error { return nil })
}

func (w *world) sweep(ctx context.Context, s *Store) error { return s.Sweep(ctx) }

// state is what has become of the attempt at e; "" is nothing.
func (w *world) state(t *testing.T) event.State {
	t.Helper()
	r, err := healthy(w.db, 0).Reservation(t.Context(), w.k)
	if errors.Is(err, event.ErrReservationNotFound) {
		return ""
	}
	must(t, err)
	return r.State
}

// left is what is available of e.
func (w *world) left(t *testing.T) [2]int {
	t.Helper()
	e, err := healthy(w.db, 0).Get(t.Context(), w.e.ID)
	must(t, err)
	return [2]int{e.TicketTypes[0].Available, e.TicketTypes[1].Available}
}

// moment is when an audit is held.
type moment int

const (
	amid  moment = iota // tickets may be taken that nobody has yet, or has any more
	quiet               // all operations have ended by themselves
	swept               // and nothing is left unfinished
)

// audit checks that no ticket is had by nobody, or by two.
func (w *world) audit(t *testing.T, m moment) {
	t.Helper()
	s := healthy(w.db, 0)
	both := bson.M{"$in": bson.A{w.e.ID, w.other.ID}}
	var docs []struct {
		ID     string              `bson:"_id"`
		Status event.Status        `bson:"status"`
		Due    int64               `bson:"message_due"`
		Types  map[string]typeDoc  `bson:"types"`
		Holds  map[string]*holdDoc `bson:"holds"`
		HeldAt int64               `bson:"held_at"`
	}
	must(t, s.events.All(t.Context(), bson.M{"_id": both}, &docs))
	var recs []recordDoc
	must(t, s.reservations.All(t.Context(), bson.M{"event_id": both}, &recs))
	var closures []closureDoc
	must(t, s.closures.All(t.Context(), bson.M{"event_id": both}, &closures))
	has := map[string]map[string]int{w.e.ID: {}, w.other.ID: {}}
	placed := map[string]*holdDoc{}
	for _, doc := range docs {
		maps.Copy(placed, doc.Holds)
	}
	for _, rec := range recs {
		if rec.State == intent && placed[rec.Nonce] != nil { // it is to be moved out
			rec.State, rec.Items = event.Held, placed[rec.Nonce].Items
		}
		if rec.State == event.Held || rec.State == event.Sold {
			for _, i := range rec.rest() {
				has[rec.EventID][i.TicketTypeID] += i.Quantity
			}
		}
		if m == swept && rec.ReturnsOpen != 0 {
			t.Errorf("after a sweep, %d returns are open", rec.ReturnsOpen)
		}
		if m == swept && rec.State == returning {
			t.Error("after a sweep, a record is RETURNING")
		}
	}
	holdings, err := s.Holdings(t.Context(), "", 1000)
	must(t, err)
	listed := map[string]int{}
	for _, h := range holdings {
		listed[h.EventID] += h.Tickets
	}
	for _, c := range closures {
		if m == swept && c.OpenSince != 0 {
			t.Error("after a sweep, a closure is open")
		}
	}
	for _, doc := range docs {
		if m == swept && (len(doc.Holds) > 0 || doc.HeldAt != 0) {
			t.Errorf("after a sweep, there are %d holds, held at %d", len(doc.Holds), doc.HeldAt)
		}
		if (doc.Status == event.Cancelled) != (doc.Due != 0) {
			t.Errorf("an event that is %s has a message due %d", doc.Status, doc.Due)
		}
		if len(doc.Types) != 2 {
			t.Errorf("%d ticket types are seen", len(doc.Types))
		}
		all := 0
		for id, tt := range doc.Types {
			all += tt.Capacity - tt.Available
			taken, had := tt.Capacity-tt.Available, has[doc.ID][id]
			if tt.Available < 0 || taken < had || (m >= quiet && taken != had) {
				t.Errorf("of %d tickets %d are available, and %d are had", tt.Capacity, tt.Available, had)
			}
		}
		if n := listed[doc.ID]; n > all || (m >= quiet && n != all) {
			t.Errorf("%d tickets are taken, and Holdings lists %d", all, n)
		}
		delete(has, doc.ID)
	}
	for _, types := range has {
		if len(types) > 0 {
			t.Errorf("of an event that is gone, tickets are had: %v", types)
		}
	}
}
