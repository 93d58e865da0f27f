//go:build integration

package mongo

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// TestASweepRemovesWhatADeletedEventLeaves, and nothing of an event whose deletion
// did not come about.
func TestASweepRemovesWhatADeletedEventLeaves(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	w := newWorld(t, s.db)
	keys := []event.Key{w.k, {EventID: w.other.ID, BookingID: w.k.BookingID, Attempt: 2}}
	for i, e := range []*event.Event{w.e, w.other} {
		_, err := s.Reserve(t.Context(), keys[i], []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}}, now)
		must(t, err)
		must(t, s.Release(t.Context(), keys[i]))
	}
	must(t, s.Delete(t.Context(), w.e.ID, func(*event.Event) error { return nil }))
	must(t, s.intendDelete(t.Context(), w.other.ID))
	must(t, healthy(s.db, 0).Sweep(t.Context()))
	wantDocuments(t, s.reservations, w.e.ID, 1) // an operation may still be at it
	must(t, healthy(s.db, 2*settledAfter).Sweep(t.Context()))
	for _, c := range []mongodb.Collection{s.reservations, s.closures} {
		wantDocuments(t, c, w.e.ID, 0)
		wantDocuments(t, c, w.other.ID, 1)
	}
	var left []deletedDoc
	must(t, s.deleted.All(t.Context(), bson.M{}, &left))
	if len(left) != 0 {
		t.Errorf("deletions are left to sweep: %v", left)
	}
}

func wantDocuments(t *testing.T, c mongodb.Collection, eventID string, want int) {
	t.Helper()
	var docs []bson.Raw
	must(t, c.All(t.Context(), bson.M{"event_id": eventID}, &docs))
	if len(docs) != want {
		t.Errorf("%s of event %s: %d, want %d", c.Driver().Name(), eventID, len(docs), want)
	}
}
