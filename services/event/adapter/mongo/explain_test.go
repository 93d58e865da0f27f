//go:build integration

package mongo

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb/mongodbtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// everyQuery returns a query for each order, set of filters, and place to go on
// from: before, in and after the range of starts.
func everyQuery(text string) []event.Query {
	var all []event.Query
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		for set := range 1 << 5 {
			q := event.Query{Sort: sort, Limit: 20}
			for i, filter := range []func(){
				func() { q.Category = "category 1" }, func() { q.City = "city 1" }, func() { q.Text = text },
				func() { q.From = time.Unix(30_000, 0) }, func() { q.To = time.Unix(60_000, 0) },
			} {
				if set>>i&1 == 1 {
					filter()
				}
			}
			all = append(all, q)
			for _, at := range []int{15_000, 45_000, 75_000} {
				q.After = &event.Position{StartsAt: time.Unix(int64(at), 0), TitleKey: event.SortKey(fmt.Sprint("event ", at)), ID: "x"}
				all = append(all, q)
			}
		}
	}
	return all
}

// finds are the commands that read q's page.
func finds(q event.Query) []bson.D {
	var all []bson.D
	for _, filter := range filtersOf(q) {
		all = append(all, bson.D{
			{Key: "find", Value: eventsName}, {Key: "filter", Value: filter}, {Key: "sort", Value: orderOf(q)}, {Key: "limit", Value: q.Limit},
		})
	}
	return all
}

// TestAListCostsWhatItReturns: among 100,000 events, whatever the order, the filters
// and the cursor, a page that is not searched for reads as much of an index as it
// has events. Only MongoDB itself says so.
func TestAListCostsWhatItReturns(t *testing.T) {
	t.Parallel()
	if info := mongotest.Serving(t); info.StandIn {
		t.Skipf("n/a (stand-in): the plans of %s are its own", info)
	}
	s := openStore(t)
	fill(t, s)
	for _, q := range everyQuery("") {
		if q.IsSearch() {
			continue
		}
		for _, find := range finds(q) {
			// What ends a stretch is a key more, or a few where it has two ends.
			if keys, docs := mongodbtest.Examined(t, s.events.Driver().Database(), find); keys > 2*q.Limit || docs > q.Limit {
				t.Errorf("%v reads %d keys and %d events for a page of %d", find, keys, docs, q.Limit)
			}
		}
	}
}

// TestASearchGoesByAnIndex: no search reads all events, and one for a word reads
// what has the word.
func TestASearchGoesByAnIndex(t *testing.T) {
	t.Parallel()
	if info := mongotest.Serving(t); info.StandIn {
		t.Skipf("n/a (stand-in): the plans of %s are its own", info)
	}
	s := openStore(t)
	fill(t, s)
	for _, q := range everyQuery("event 77") {
		if !q.IsSearch() {
			continue
		}
		for _, find := range finds(q) {
			if plan := mongodbtest.Explain(t, s.events.Driver().Database(), find); !strings.Contains(plan, `"IXSCAN"`) || mongodbtest.ReadsAll(plan) {
				t.Errorf("%v is planned as\n%s", find, plan)
			}
		}
	}
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		for _, find := range finds(event.Query{Text: "rar event", Sort: sort, Limit: 20}) {
			if plan := mongodbtest.Explain(t, s.events.Driver().Database(), find); !strings.Contains(plan, `"words"`) || mongodbtest.ReadsAll(plan) {
				t.Errorf("sorted by %s, a search is planned as\n%s", sort, plan)
			}
		}
	}
}

// TestTheRestGoesByIndexes: what is not a list costs the same among 100,000
// events, reservations and messages as among few.
func TestTheRestGoesByIndexes(t *testing.T) {
	t.Parallel()
	if info := mongotest.Serving(t); info.StandIn {
		t.Skipf("n/a (stand-in): the plans of %s are its own", info)
	}
	var recorder mongodbtest.Recorder
	o := database(t)
	o.Monitor = recorder.Monitor()
	s := openAt(t, o)
	fill(t, s)
	db := s.events.Driver().Database()
	if !mongodbtest.ReadsAll(mongodbtest.Explain(t, db, bson.D{
		{Key: "find", Value: eventsName}, {Key: "filter", Value: bson.M{"time_zone": "UTC"}},
	})) {
		t.Fatal("a field without an index is not read from all of the collection: this test shows nothing")
	}
	w := newWorld(t, s.db)
	for _, c := range []struct {
		what string
		ask  operation
	}{
		{"Get", func(w *world, ctx context.Context, s *Store) error { _, err := s.Get(ctx, w.e.ID); return err }},
		{"Update", (*world).shrink},
		{"Reserve", (*world).reserve},
		{"Reservation", func(w *world, ctx context.Context, s *Store) error { _, err := s.Reservation(ctx, w.k); return err }},
		{"Holdings", func(w *world, ctx context.Context, s *Store) error {
			_, err := s.Holdings(ctx, fmt.Sprintf("%036d", 50_000), 10)
			return err
		}},
		{"Sell", (*world).sell},
		{"Return", (*world).giveSomeBack},
		{"Release", (*world).release},
		{"Sweep", func(w *world, ctx context.Context, s *Store) error { return s.Sweep(ctx) }},
		{"Prune", func(w *world, ctx context.Context, s *Store) error { return s.Prune(ctx) }},
		{"Known", func(w *world, ctx context.Context, s *Store) error {
			_, err := s.Inbox().Known(ctx, []string{w.message})
			return err
		}},
		{"Claim", func(w *world, ctx context.Context, s *Store) error {
			_, err := s.Outbox().Claim(ctx, time.Now(), time.Now(), 10)
			return err
		}},
		{"Published", func(w *world, ctx context.Context, s *Store) error {
			return s.Outbox().Published(ctx, []string{w.message}, time.Now(), time.Now())
		}},
		{"Close", func(w *world, ctx context.Context, s *Store) error {
			return s.Outbox().Close(ctx, []string{w.message}, time.Now())
		}},
		{"Open", func(w *world, ctx context.Context, s *Store) error { _, _, err := s.Outbox().Open(ctx); return err }},
		{"Prune the outbox", func(w *world, ctx context.Context, s *Store) error { return s.Outbox().Prune(ctx, time.Now()) }},
		{"DeadLetters", func(w *world, ctx context.Context, s *Store) error {
			_, err := s.Inbox().DeadLetters(ctx, "", 10)
			return err
		}},
		{"Delete", func(w *world, ctx context.Context, s *Store) error {
			return s.Delete(ctx, w.other.ID, func(*event.Event) error { return nil })
		}},
	} {
		recorder.ByIndex(t, db, c.what, func() error { return c.ask(w, t.Context(), s) })
	}
}

// fill adds 100,000 events, reservations, closures and messages.
func fill(t *testing.T, s *Store) {
	t.Helper()
	const events, at = 100_000, 1000
	for n := 0; n < events; {
		docs := map[mongodb.Collection][]any{}
		add := func(c mongodb.Collection, doc any) { docs[c] = append(docs[c], doc) }
		for range at {
			n++
			e := &event.Event{
				ID: fmt.Sprintf("%036d", n), Title: fmt.Sprintf("Event %d", n*7919%events),
				Category: fmt.Sprint("category ", n%20), StartsAt: time.Unix(int64(n*104729%events), 0),
			}
			e.Venue.City = fmt.Sprint("city ", n%100)
			if n == 7 {
				e.Description = "rarity"
			}
			doc := edited(e)
			doc["_id"] = e.ID
			k := event.Key{EventID: e.ID, BookingID: e.ID, Attempt: 1}
			add(s.events, doc)
			add(s.reservations, recordDoc{ID: recordID(k.BookingID, 1), BookingID: k.BookingID, Attempt: 1, EventID: e.ID, State: event.Held})
			add(s.closures, closureDoc{ID: closureID(k), EventID: e.ID, BookingID: k.BookingID, Attempt: 1})
			add(s.inbox.messages, messageDoc{ID: e.ID, ReceivedAt: micros(time.Now())})
			add(s.inbox.LetterCollection, bson.M{"_id": e.ID, "topic": "bookings"})
		}
		for c, docs := range docs {
			if _, err := c.Driver().InsertMany(t.Context(), docs); err != nil {
				t.Fatal(err)
			}
		}
	}
}
