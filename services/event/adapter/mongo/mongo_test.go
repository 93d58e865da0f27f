//go:build integration

package mongo

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/outboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// TestMain makes the model's run short: each step is a dozen requests.
// -rapid.checks on the command line still decides.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "25"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// database is an empty one of the test's own.
func database(t *testing.T) mongodb.Options {
	return mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}
}

// openDB is an empty database, without the indexes: Open creates them.
func openDB(t *testing.T) *mongodb.DB {
	t.Helper()
	db, err := mongodb.Open(t.Context(), database(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, db)
	return db
}

func openStore(t *testing.T) *Store {
	t.Helper()
	return openAt(t, database(t))
}

func openAt(t *testing.T, o mongodb.Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	s.limit = time.Minute
	return s
}

func closed(t testing.TB, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func open(t *testing.T) eventtest.Adapter {
	s := openStore(t)
	return eventtest.Adapter{Store: s, Inventory: s, Holdings: s, Known: s.Inbox().Known, Outbox: s.Outbox()}
}

func TestStoreContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	eventtest.TestStore(t, open)
}
func TestInventoryContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	eventtest.TestInventory(t, open)
}
func TestHoldingsContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	eventtest.TestHoldings(t, open)
}

func TestInboxContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
		inbox := openStore(t).Inbox()
		return inboxtest.Fixture{Store: inbox, Record: inbox.Record, Spoil: func(ctx context.Context, id string) error {
			_, err := inbox.LetterCollection.Update(ctx, byID(id), bson.M{"$set": bson.M{"attributes": inboxtest.Spoilt}})
			return err
		}}
	})
}

func TestOutboxContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	outboxtest.TestStore(t, func(t *testing.T) outboxtest.Fixture { return outboxOf(openStore(t)) })
}

// outboxOf puts each message into an event of its own. An id that is in the
// outbox is one of an event's, which has no second message.
func outboxOf(s *Store) outboxtest.Fixture {
	return outboxtest.Fixture{Store: s.Outbox(), Spoil: func(ctx context.Context, id string) error {
		_, err := s.events.Update(ctx, bson.M{"message_id": id}, bson.M{"$set": bson.M{"message.attributes": outboxtest.Spoilt}})
		return err
	}, Insert: func(ctx context.Context, topic string, m events.Message, due time.Time) error {
		if there, err := s.events.One(ctx, bson.M{"message_id": m.ID}, nil, &entryDoc{}); err != nil {
			return err
		} else if there {
			return errors.New("the message is there")
		}
		e := &event.Event{ID: uuid.NewString(), OrganizerID: uuid.NewString()}
		if err := s.Create(ctx, e, 1000); err != nil {
			return err
		}
		_, err := s.update(ctx, e.ID, func(*event.Event) (bson.M, error) { return outgoing(topic, m, due) })
		return err
	}}
}

// What is older than the policy is free to cancel, and its snapshot names no organizer.
func TestDocumentsWithoutAPolicy(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	w := newWorld(t, s.db)
	must(t, w.reserve(t.Context(), s))
	must(t, s.moveOutPlaced(t.Context())) // the snapshot, to the reservation
	for c, filter := range map[mongodb.Collection]bson.M{s.events: byID(w.e.ID), s.reservations: {"event_id": w.e.ID}} {
		if ok, err := c.Update(t.Context(), filter, bson.M{"$unset": bson.M{
			"cancellation_policy": "", "cancelled_at": "", "cancellation_note": "", "event.cancellation_policy": "", "event.organizer_id": "",
		}}); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	e, err := s.Get(t.Context(), w.e.ID)
	must(t, err)
	r, err := s.Reservation(t.Context(), w.k)
	must(t, err)
	free := events.CancellationPolicy{}
	if e.CancellationPolicy != free || r.Event.CancellationPolicy != free || !e.CancelledAt.IsZero() || e.CancellationNote != "" || r.Event.OrganizerID != "" {
		t.Errorf("of an old document: %+v, %+v", e, r)
	}
}

// TestSeveralProcessesCreateTheIndexes at once, and again.
func TestSeveralProcessesCreateTheIndexes(t *testing.T) {
	t.Parallel()
	o := database(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if s, err := Open(t.Context(), o); err != nil {
				t.Error(err)
			} else if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// One of an earlier version goes.
	old := index(eventsName, "title_key", "_id")
	if _, err := openAt(t, o).events.Driver().Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: old.Keys, Options: options.Index().SetName(old.Name)}); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, o)
	for _, i := range indexes {
		specs, err := s.db.Collection(i.Collection).Driver().Indexes().ListSpecifications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, got := 1, len(specs) // with _id's
		for _, j := range indexes {
			if j.Collection == i.Collection {
				want++
			}
		}
		if got != want {
			t.Errorf("%s has %d indexes, want %d", i.Collection, got, want)
		}
	}
}

// An event that cannot be read hides no other of a list.
func TestAnUnreadableEventHidesNoOther(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	ids := []string{"a", "b", "c"}
	for i, id := range ids {
		e := &event.Event{ID: id, Title: "Night", StartsAt: time.Unix(int64(i), 0), EndsAt: time.Unix(int64(i)+1, 0)}
		if err := s.Create(t.Context(), e, 1000); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.events.Update(t.Context(), byID("b"), bson.M{"$set": bson.M{"version": "one"}}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []event.Query{{Limit: 2}, {Limit: 2, Text: "night"}, {Limit: 10, Sort: event.ByTitle}} {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range page {
			got = append(got, e.ID)
		}
		if !slices.Equal(got, []string{"a", "c"}) {
			t.Errorf("listed are %q, want a and c", got)
		}
	}
}

// A document that cannot be read stops no worker.
func TestAnUnreadableDocumentStopsNoWorker(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	for _, doc := range []struct {
		collection mongodb.Collection
		doc        bson.M
	}{
		{s.closures, bson.M{"_id": "bad", "attempt": "one", "open_since": 1}},
		{s.closures, bson.M{"_id": "e/b", "event_id": "e", "booking_id": "b", "attempt": 1, "open_since": 2}},
		{s.reservations, bson.M{"_id": "bad", "returns": "none", "returns_open": 1}},
		{s.events, bson.M{
			"_id": "bad", "version": "one", "holds": "none", "held_at": 1, "fenced": "none", "marked_at": 1,
			"message_id": "bad", "message": "none", "message_due": 1,
		}},
	} {
		if _, err := doc.collection.Insert(t.Context(), doc.doc); err != nil {
			t.Fatal(err)
		}
	}
	outbox := s.Outbox()
	for what, work := range map[string]func() error{
		"Sweep": func() error { return s.Sweep(t.Context()) },
		"Prune": func() error { return s.Prune(t.Context()) },
		"rekey": func() error { return s.rekey(t.Context()) },
		"Claim": func() error { _, err := outbox.Claim(t.Context(), s.now(), s.now().Add(time.Minute), 10); return err },
	} {
		if err := work(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if open, err := s.closures.One(t.Context(), bson.M{"_id": "e/b", "open_since": bson.M{"$gt": 0}}, nil, new(bson.M)); err != nil || open {
		t.Errorf("the other closure is open: %v (error %v)", open, err)
	}
	if n, _, err := outbox.Open(t.Context()); err != nil || n != 1 {
		t.Errorf("%d entries are open (error %v), want 1", n, err)
	}
}
