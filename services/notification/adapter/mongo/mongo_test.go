//go:build integration

package mongo_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

// database is one of a test's own.
func database(t *testing.T) mongodb.Options {
	t.Helper()
	return mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}
}

func open(t *testing.T, o mongodb.Options) *mongo.Store {
	t.Helper()
	db, err := mongo.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// raw is the collection of messages, past the adapter.
func raw(t *testing.T, o mongodb.Options) *driver.Collection {
	t.Helper()
	parsed, err := connstring.Parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := driver.Connect(options.Client().ApplyURI(o.URL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(parsed.Database).Collection("messages")
}

func newStore(t *testing.T) *mongo.Store { return open(t, database(t)) }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func TestStoreContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	notificationtest.TestStore(t, func(t *testing.T) notification.Store { return newStore(t) })
}

func TestInboxContract(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
		o := database(t)
		db, letters := open(t, o), raw(t, o).Database().Collection("dead_letters")
		return inboxtest.Fixture{
			Spoil: func(ctx context.Context, id string) error {
				_, err := letters.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}}, set("attributes", inboxtest.Spoilt))
				return err
			},
			Store: db.Inbox(),
			// As the service does it of a booking that is to be told: the way in several steps.
			Record: func(ctx context.Context, id string, at time.Time) (bool, error) {
				outcome, err := db.Enqueue(ctx, record(id, newID(), notification.Confirmation, 1, at))
				return outcome != notification.Ignored, err
			},
		}
	})
}

// record is a message with a mail and an SMS, rendered anew at each call.
func record(messageID, bookingID string, kind notification.Kind, version int64, at time.Time) notification.Record {
	r := notification.Record{MessageID: messageID, BookingID: bookingID, Kind: kind, Version: version, At: at}
	for _, c := range []notification.Channel{notification.Email, notification.SMS} {
		r.Deliveries = append(r.Deliveries, notification.Notification{
			ID: newID(), BookingID: bookingID, UserID: "user-1", Channel: c, Status: notification.Pending,
			Subject: string(kind), CreatedAt: at, Due: at,
		})
	}
	return r
}

func TestARecordHasOneDeliveryOfAChannel(t *testing.T) {
	t.Parallel()
	store := newStore(t)
	r := record(newID(), newID(), notification.Confirmation, 1, time.Now())
	r.Deliveries[1].Channel = r.Deliveries[0].Channel
	if _, err := store.Enqueue(t.Context(), r); err == nil {
		t.Error("no error: one of the deliveries is lost")
	}
}

// A booking told of nothing yet: its second confirmation is newer than the
// first, which a newer message has made stale before it was told.
func TestWhatWasDroppedDoesNotCountAsTold(t *testing.T) {
	t.Parallel()
	o := database(t)
	store, booking, at := open(t, o), newID(), time.Now()
	crash(t, o, record(newID(), booking, notification.Confirmation, 1, at), 1)
	for _, step := range []struct {
		kind    notification.Kind
		version int64
	}{{notification.Cancellation, 2}, {notification.Confirmation, 3}} {
		stored, err := store.Enqueue(t.Context(), record(newID(), booking, step.kind, step.version, at))
		if err != nil || stored == notification.Ignored {
			t.Errorf("version %d: stored %v, error %v", step.version, stored, err)
		}
	}
}

func TestReplicasOpenAtOnce(t *testing.T) {
	t.Parallel()
	o := database(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { open(t, o) })
	}
	wg.Wait()
	open(t, o) // and once more, with the indexes there
	cursor, err := raw(t, o).Indexes().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var there []struct {
		Name   string
		Unique bool
	}
	if err := cursor.All(t.Context(), &there); err != nil {
		t.Fatal(err)
	}
	unique := false
	for _, index := range there {
		unique = unique || index.Name == "once" && index.Unique
	}
	if len(there) != 19 || !unique {
		t.Errorf("the indexes are %+v, want 19 with a unique one named once", there)
	}
}

func TestADatabaseThatDoesNotAnswerIsUnavailable(t *testing.T) {
	t.Parallel()
	server := mongotest.NewServer(t)
	db := open(t, mongodb.Options{URL: server.New(t), Timeout: 2 * time.Second})
	store, at := db, time.Now()
	r := record(newID(), newID(), notification.Confirmation, 1, at)
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, enqueueErr := store.Enqueue(t.Context(), r)
	_, claimErr := store.Claim(t.Context(), notification.Email, at, at, 1)
	_, listErr := store.List(t.Context(), notification.Filter{Limit: 1})
	_, knownErr := db.Inbox().Known(t.Context(), []string{r.MessageID})
	for what, err := range map[string]error{
		"Enqueue": enqueueErr, "Claim": claimErr, "List": listErr, "Known": knownErr, "Ping": db.Ping(t.Context()),
		"Settle": store.Settle(t.Context(), notification.Notification{Channel: notification.SMS, ID: "x", Lease: "x"}),
	} {
		if !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stored, err := store.Enqueue(t.Context(), r); err != nil || stored == notification.Ignored {
		t.Errorf("when it is back: stored %v, error %v", stored, err)
	}
}

// told is which deliveries of a booking there are.
func told(t *testing.T, messages *driver.Collection, booking string) []string {
	t.Helper()
	cursor, err := messages.Find(t.Context(), bson.D{{Key: "booking_id", Value: booking}})
	if err != nil {
		t.Fatal(err)
	}
	var docs []struct {
		Email, SMS *struct{ Subject, Status string }
	}
	if err := cursor.All(t.Context(), &docs); err != nil {
		t.Fatal(err)
	}
	told := []string{}
	for _, d := range docs {
		if d.Email != nil {
			told = append(told, d.Email.Subject+" by email")
		}
		if d.SMS != nil {
			told = append(told, d.SMS.Subject+" by sms")
		}
	}
	return told
}

// A message that cannot be read stops no other, whatever is wrong with it.
func TestAnUnreadableMessageStopsNoOther(t *testing.T) {
	t.Parallel()
	for field, wrong := range map[string]any{"version": "one", "email.attempts": "none", "kind": 7} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			o := database(t)
			store, at := open(t, o), time.Now()
			enqueue := func(booking string, kind notification.Kind, version int64, at time.Time) notification.Record {
				r := record(newID(), booking, kind, version, at)
				r.Deliveries = r.Deliveries[:1]
				if _, err := store.Enqueue(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				return r
			}
			claimed := func(at time.Time, limit int) (ids []string) {
				ns, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Minute), limit)
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				for _, n := range ns {
					ids = append(ids, n.ID)
				}
				return ids
			}
			bad := enqueue(newID(), notification.Confirmation, 1, at.Add(-time.Minute))
			enqueue(bad.BookingID, notification.ItemsCancelled, 2, at.Add(-time.Second))
			good := enqueue(newID(), notification.Confirmation, 1, at)
			if _, err := raw(t, o).UpdateOne(t.Context(), bson.D{{Key: "_id", Value: bad.MessageID}}, set(field, wrong)); err != nil {
				t.Fatal(err)
			}
			got := claimed(at, 2)
			got = append(got, claimed(at, 2)...)
			if !slices.Contains(got, good.Deliveries[0].ID) {
				t.Errorf("claimed are %q, want %s among them", got, good.Deliveries[0].ID)
			}
			if slices.Contains(got, bad.Deliveries[0].ID) {
				t.Errorf("claimed are %q, with what cannot be read", got)
			}
			// It is told already, and not again.
			if _, err := store.Enqueue(t.Context(), record(newID(), bad.BookingID, notification.Confirmation, 1, at)); err != nil {
				t.Errorf("Enqueue of a repeat: %v", err)
			}
			if _, err := store.Enqueue(t.Context(), bad); err != nil {
				t.Errorf("Enqueue of the same message: %v", err)
			}
			// What else is to be told of its booking is stored all the same.
			next := record(newID(), bad.BookingID, notification.Cancellation, 3, at)
			if _, err := store.Enqueue(t.Context(), next); err != nil {
				t.Errorf("Enqueue: %v", err)
			}
			if n, err := raw(t, o).CountDocuments(t.Context(), bson.D{{Key: "_id", Value: next.MessageID}, {Key: "email.status", Value: notification.Pending}}); err != nil || n != 1 {
				t.Errorf("%d mails of the same booking are to be sent (error %v), want 1", n, err)
			}
			if _, err := store.Forget(t.Context(), at.Add(48*time.Hour), 100); err != nil {
				t.Errorf("Forget: %v", err)
			}
		})
	}
}

// What was sent while the clock was ahead is none of BringForward's business.
func TestWhatIsSettledIsNotDue(t *testing.T) {
	t.Parallel()
	o := database(t)
	store, at := open(t, o), time.Now()
	for _, status := range []notification.Status{notification.Sent, notification.Outdated} {
		r := record(newID(), newID(), notification.Confirmation, 1, at)
		r.Deliveries = r.Deliveries[:1]
		if _, err := store.Enqueue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if status == notification.Outdated {
			if _, err := store.Enqueue(t.Context(), record(newID(), r.BookingID, notification.Cancellation, 2, at)); err != nil {
				t.Fatal(err)
			}
		} else {
			ns, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Minute), 1)
			if err != nil || len(ns) != 1 {
				t.Fatalf("%d are claimed (%v), want 1", len(ns), err)
			}
			ns[0].Status, ns[0].SentAt, ns[0].Due = status, at, at.Add(24*time.Hour)
			if err := store.Settle(t.Context(), ns[0]); err != nil {
				t.Fatal(err)
			}
		}
		n, err := raw(t, o).CountDocuments(t.Context(), bson.D{
			{Key: "_id", Value: r.MessageID}, {Key: "email.status", Value: status}, {Key: "email.due", Value: bson.D{{Key: "$exists", Value: false}}},
		})
		if err != nil || n != 1 {
			t.Errorf("%d that are %s have no due time (error %v), want 1", n, status, err)
		}
	}
}
