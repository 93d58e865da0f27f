//go:build integration

package mongo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// What an earlier release stored, which knew no order, is told in order, and not
// if it is outdated.
func TestWhatAnEarlierReleaseStoredIsToldInOrder(t *testing.T) {
	t.Parallel()
	o, at := database(t), time.Now().Truncate(time.Microsecond)
	open(t, o)
	messages := raw(t, o)
	if _, err := messages.Indexes().CreateOne(t.Context(), driver.IndexModel{
		Keys: bson.D{{Key: "email.due", Value: 1}}, Options: options.Index().SetName("email_due"),
	}); err != nil {
		t.Fatal(err)
	}
	old := func(booking string, kind notification.Kind, version int64, status notification.Status, due time.Time) (id string) {
		t.Helper()
		id = newID()
		if _, err := messages.InsertOne(t.Context(), bson.M{
			"_id": newID(), "booking_id": booking, "kind": kind, "version": version, "at": at.UnixMicro(), "once": booking + "/" + string(kind),
			"email": bson.M{
				"id": id, "user_id": "user-1", "to": "ada@example.com", "subject": string(kind), "text": "t", "html": "h",
				"status": status, "attempts": 0, "error": "", "created_at": at.UnixMicro(), "due": due.UnixMicro(),
			},
		}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	const replaced, pair, told = "replaced", "pair", "told"
	outdated := old(replaced, notification.Confirmation, 1, notification.Pending, at)
	cancellation := old(replaced, notification.Cancellation, 2, notification.Pending, at)
	tooLate := old(told, notification.PaymentFailed, 1, notification.Pending, at)
	old(told, notification.Confirmation, 2, notification.Sent, at)
	second := old(pair, notification.ItemsCancelled, 2, notification.Pending, at.Add(-time.Hour)) // due first
	first := old(pair, notification.Confirmation, 1, notification.Pending, at)

	store := open(t, o)
	for _, want := range []map[string]bool{{cancellation: true, first: true}, {second: true}} {
		ns, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Hour), 10)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, n := range ns {
			got[n.ID] = true
			n.Status, n.SentAt = notification.Sent, at
			if err := store.Settle(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("claimed (-want +got):\n%s", diff)
		}
		at = at.Add(2 * notification.Behind)
	}
	ns, err := store.List(t.Context(), notification.Filter{Status: notification.Outdated, Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, n := range ns {
		got[n.ID] = true
	}
	if diff := cmp.Diff(map[string]bool{outdated: true, tooLate: true}, got); diff != "" {
		t.Errorf("outdated are (-want +got):\n%s", diff)
	}
}

// An earlier release took the date of any event, be it in the year 9998.
func TestMessagesOfFarEventsAreForgotten(t *testing.T) {
	t.Parallel()
	store, at := newStore(t), time.Now().Truncate(time.Microsecond)
	r := record(newID(), newID(), notification.Confirmation, 1, at)
	r.EventAt = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)
	if _, err := store.Enqueue(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	latest := at.Add(notification.MaxAhead)
	for _, c := range []struct {
		before time.Time
		want   int
	}{{latest, 0}, {latest.Add(time.Microsecond), 1}, {latest.Add(time.Hour), 0}} {
		if n, err := store.Forget(t.Context(), c.before, 10); err != nil || n != c.want {
			t.Errorf("%d are forgotten before %v (%v), want %d", n, c.before, err, c.want)
		}
	}
}
