//go:build integration

package mongo

import (
	"context"
	"testing"
	"time"

	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// openDB is an empty database, without the indexes: New creates them.
func openDB(t *testing.T) *driver.Database {
	t.Helper()
	uri, name := mongotest.New(t)
	client, err := driver.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client.Database(name)
}

func openStore(t *testing.T) *Store {
	t.Helper()
	s, err := New(t.Context(), openDB(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T) eventtest.Adapter {
	s := openStore(t)
	return eventtest.Adapter{Store: s, Inventory: s, Known: s.Inbox().Known}
}

func TestStoreContract(t *testing.T) { t.Log(mongotest.Serving(t)); eventtest.TestStore(t, open) }
func TestInventoryContract(t *testing.T) {
	t.Log(mongotest.Serving(t))
	eventtest.TestInventory(t, open)
}

func TestInboxContract(t *testing.T) {
	t.Log(mongotest.Serving(t))
	inboxtest.TestStore(t, func(t *testing.T) inboxtest.Fixture {
		inbox := openStore(t).Inbox()
		return inboxtest.Fixture{Store: inbox, Record: inbox.Record}
	})
}

// TestSeveralProcessesCreateTheIndexes at once, and again.
func TestSeveralProcessesCreateTheIndexes(t *testing.T) {
	db := openDB(t)
	errs := make(chan error)
	for range 3 {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := New(ctx, db)
			errs <- err
		}()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, i := range indexes {
		specs, err := db.Collection(i.collection).Indexes().ListSpecifications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, got := 1, len(specs) // with _id's
		for _, j := range indexes {
			if j.collection == i.collection {
				want++
			}
		}
		if got != want {
			t.Errorf("%s has %d indexes, want %d", i.collection, got, want)
		}
	}
}
