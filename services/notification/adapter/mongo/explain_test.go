//go:build integration

package mongo_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb/mongodbtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// TestEverythingGoesByIndexes: among 100,000 messages, a notification costs
// what it costs among few.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	if info := mongotest.Serving(t); info.StandIn {
		t.Skipf("n/a (stand-in): the plans of %s are its own", info)
	}
	var recorder mongodbtest.Recorder
	o := database(t)
	o.Monitor = recorder.Monitor()
	store, messages := open(t, o), raw(t, o)
	at := time.Now()
	const all, batch = 100_000, 1000
	for n := 0; n < all; {
		docs := make([]any, batch)
		for i := range docs {
			n++
			id, status := fmt.Sprintf("%036d", n), notification.Sent
			if n%100 == 0 {
				status = notification.Pending
			}
			delivery := bson.M{"id": id, "user_id": fmt.Sprint("user ", n%1000), "status": status, "due": n, "created_at": n, "turn": n}
			if n%100 == 0 {
				delivery["ready"] = n%200 == 0
			}
			docs[i] = bson.M{"_id": id, "booking_id": id, "kind": "confirmation", "version": 1, "at": n, "event_at": n, "once": id, "email": delivery, "sms": delivery}
		}
		if _, err := messages.InsertMany(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	db := messages.Database()
	if !mongodbtest.ReadsAll(mongodbtest.Explain(t, db, bson.D{
		{Key: "find", Value: "messages"}, {Key: "filter", Value: bson.M{"kind": "x"}},
	})) {
		t.Fatal("a field without an index is not read from all of the collection: this test shows nothing")
	}
	// Among those that are sent, one that failed is found without reading them.
	for _, field := range []string{"email", "sms"} {
		for index, filter := range map[string]bson.M{
			field + "_status":      {field + ".status": notification.Failed},
			field + "_user_status": {field + ".status": notification.Failed, field + ".user_id": "user 1"},
		} {
			plan := mongodbtest.Explain(t, db, bson.D{
				{Key: "find", Value: "messages"}, {Key: "filter", Value: filter},
				{Key: "sort", Value: bson.D{{Key: field + ".created_at", Value: -1}, {Key: field + ".id", Value: -1}}}, {Key: "limit", Value: 20},
			})
			if !strings.Contains(plan, `"`+index+`"`) || strings.Contains(plan, `"SORT"`) {
				t.Errorf("a list of a status does not go by the index %s in its order:\n%s", index, plan)
			}
		}
	}
	list := func(f notification.Filter) func() error {
		f.Limit = 20
		return func() error { _, err := store.List(t.Context(), f); return err }
	}
	booking, after := newID(), &notification.Position{CreatedAt: time.UnixMicro(5000), ID: "x"}
	for _, c := range []struct {
		what string
		ask  func() error
	}{
		{"Enqueue", func() error {
			_, err := store.Enqueue(t.Context(), record(newID(), booking, notification.Confirmation, 1, at))
			return err
		}},
		{"Enqueue of what is newer", func() error {
			_, err := store.Enqueue(t.Context(), record(newID(), booking, notification.Cancellation, 2, at))
			return err
		}},
		{"Claim", func() error {
			_, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Minute), 10)
			return err
		}},
		{"Settle", func() error {
			err := store.Settle(t.Context(), notification.Notification{ID: "x", Lease: "x", Channel: notification.Email})
			if errors.Is(err, notification.ErrLeaseLost) {
				return nil
			}
			return err
		}},
		{"List", list(notification.Filter{})},
		{"List of a user", list(notification.Filter{UserID: "user 1"})},
		{"List of a booking", list(notification.Filter{BookingID: booking})},
		{"List of a status", list(notification.Filter{Status: notification.Pending})},
		{"List of a status of a user", list(notification.Filter{UserID: "user 1", Status: notification.Failed})},
		{"a later page", list(notification.Filter{After: after})},
		{"a later page of a user", list(notification.Filter{UserID: "user 1", After: after})},
		{"Known", func() error { _, err := store.Inbox().Known(t.Context(), []string{booking}); return err }},
		{"DeadLetters", func() error { _, err := store.Inbox().DeadLetters(t.Context(), "", 10); return err }},
		{"Forget", func() error { _, err := store.Forget(t.Context(), time.UnixMicro(10), 10); return err }},
		{"BringForward", func() error { return store.BringForward(t.Context(), at.Add(time.Minute), at.Add(time.Hour)) }},
		{"PruneQuotas", func() error { return store.PruneQuotas(t.Context(), time.UnixMicro(10)) }},
		{"Prune", func() error { return store.Inbox().Prune(t.Context(), time.UnixMicro(10)) }},
	} {
		recorder.ByIndex(t, db, c.what, c.ask)
	}
}

// Prune forgets the old messages that nobody was told of, and no other.
func TestPruneKeepsWhatWasTold(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	old, now := time.Now().Add(-time.Hour), time.Now()
	told := record(newID(), newID(), notification.Confirmation, 1, old)
	untold := record(newID(), newID(), notification.Nothing, 1, old)
	young := record(newID(), newID(), notification.Nothing, 1, now)
	untold.Deliveries, young.Deliveries = nil, nil
	for _, r := range []notification.Record{told, untold, young} {
		if _, err := store.Enqueue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Inbox().Prune(t.Context(), old.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	known, err := store.Inbox().Known(t.Context(), []string{told.MessageID, untold.MessageID, young.MessageID})
	if err != nil || len(known) != 2 || known[0] == untold.MessageID || known[1] == untold.MessageID {
		t.Errorf("known are %v (error %v), want all but %s", known, err, untold.MessageID)
	}
}
