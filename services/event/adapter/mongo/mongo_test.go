//go:build integration

package mongo

import (
	"flag"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
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
	return mongodb.Options{URL: mongotest.New(t), Timeout: 30 * time.Second}
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
	return s
}

func closed(t *testing.T, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
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
