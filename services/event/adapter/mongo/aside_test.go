//go:build integration

package mongo

import (
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// TestWhatCannotBeSweptStarvesNothing: as many items as a sweep takes fail, and
// the one after them is finished by the next sweep. They are tried again after
// pauses that grow.
func TestWhatCannotBeSweptStarvesNothing(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		in func(s *Store) mongodb.Collection
		// doc is the nth item, of which the last one is good.
		doc  func(n int) bson.M
		open bson.M
	}{
		"closures": {
			func(s *Store) mongodb.Collection { return s.closures },
			func(n int) bson.M {
				return bson.M{"_id": fmt.Sprint("c", n), "event_id": "e", "booking_id": "bad", "attempt": 1, "open_since": n + 1}
			},
			bson.M{"open_since": bson.M{"$gt": 0}},
		},
		"returns": {
			func(s *Store) mongodb.Collection { return s.reservations },
			func(n int) bson.M {
				return bson.M{"_id": fmt.Sprint("r", n), "event_id": "bad", "returns_open": 1, "state": event.Sold, "returns": bson.M{"id": returnDoc{Nonce: "n", At: 1}}}
			},
			bson.M{"returns_open": bson.M{"$gt": 0}},
		},
		"holds": {
			func(s *Store) mongodb.Collection { return s.events },
			func(n int) bson.M {
				return bson.M{"_id": fmt.Sprint("e", n), "held_at": n + 1, "holds": bson.M{"n": holdDoc{Record: "bad/1", At: 1}}}
			},
			bson.M{"held_at": bson.M{"$gt": 0}},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := openStore(t)
			s.batch = 5
			now := time.Now()
			s.now = func() time.Time { return now }
			insert := func(into mongodb.Collection, docs ...any) {
				t.Helper()
				if _, err := into.Driver().InsertMany(t.Context(), docs); err != nil {
					t.Fatal(err)
				}
			}
			// What the bad ones are about cannot be read.
			insert(s.reservations, bson.M{"_id": "bad/1", "booking_id": "bad", "attempt": 1, "state": 1})
			insert(s.events, bson.M{"_id": "bad", "returned": "none"})
			var docs []any
			for n := range s.batch {
				docs = append(docs, c.doc(n))
			}
			good := c.doc(s.batch)
			switch what {
			case "closures":
				good["_id"], good["booking_id"] = "e/good", "good"
			case "returns":
				good["event_id"] = "gone"
			case "holds":
				good["holds"] = bson.M{}
			}
			insert(c.in(s), append(docs, good)...)

			if err := s.Sweep(t.Context()); err == nil {
				t.Fatal("what cannot be read is swept")
			}
			if err := s.Sweep(t.Context()); err != nil {
				t.Errorf("the next sweep tries again what has failed: %v", err)
			}
			c.open["_id"] = good["_id"]
			if open, err := c.in(s).One(t.Context(), c.open, bson.M{"_id": 1}, new(struct{})); err != nil || open {
				t.Errorf("the good one is open after it: %t (error %v)", open, err)
			}
			for _, pause := range []time.Duration{asidePauses.First, 2 * asidePauses.First} {
				now = now.Add(pause - time.Second)
				if err := s.Sweep(t.Context()); err != nil {
					t.Errorf("a sweep tries them again before %v have passed", pause)
				}
				now = now.Add(time.Second)
				if err := s.Sweep(t.Context()); err == nil {
					t.Errorf("no sweep tries them again after %v", pause)
				}
			}
		})
	}
}
