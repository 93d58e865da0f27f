//go:build integration

package mongotest_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// connect returns a client, and the name of the database that uri names.
func connect(t testing.TB, uri string) (*mongo.Client, string) {
	t.Helper()
	parsed, err := connstring.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client, parsed.Database
}

func open(t testing.TB, uri string) *mongo.Database {
	t.Helper()
	client, name := connect(t, uri)
	return client.Database(name)
}

func names(t testing.TB, db *mongo.Database) []string {
	t.Helper()
	names, err := db.Client().ListDatabaseNames(t.Context(), bson.M{})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func insert(t testing.TB, db *mongo.Database, doc any) {
	t.Helper()
	if _, err := db.Collection("events").InsertOne(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func TestEachTestHasItsOwnDatabaseAndItEndsWithIt(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	var mu sync.Mutex
	var had []string
	t.Run("tests", func(t *testing.T) {
		for i := range 3 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				db := open(t, mongotest.New(t))
				// the same _id in all: it would be a duplicate in one
				insert(t, db, bson.M{"_id": 1})
				mu.Lock()
				defer mu.Unlock()
				had = append(had, db.Name())
			})
		}
	})
	there := names(t, open(t, mongotest.New(t)))
	for _, name := range had {
		if slices.Contains(there, name) {
			t.Errorf("%s is still there", name)
		}
	}
}

// On MongoDB this is self-evident; of a stand-in it has to be shown.
func TestManyWorkersSellEachTicketOnce(t *testing.T) {
	t.Parallel()
	const tickets, workers = 500, 32
	uri := mongotest.New(t)
	insert(t, open(t, uri), bson.M{"_id": 1, "types": bson.M{"a": bson.M{"available": tickets}}})
	began := time.Now()
	var sold atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		db := open(t, uri)
		wg.Go(func() {
			for {
				r, err := db.Collection("events").UpdateOne(t.Context(),
					bson.M{"_id": 1, "types.a.available": bson.M{"$gte": 1}},
					bson.M{"$inc": bson.M{"types.a.available": -1}})
				if err != nil {
					t.Error(err)
				}
				if err != nil || r.ModifiedCount == 0 || sold.Add(1) > tickets {
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%s: %d workers took %d of %d tickets in %v",
		mongotest.Serving(t), workers, sold.Load(), tickets, time.Since(began).Round(time.Millisecond))
	if sold.Load() != tickets {
		t.Errorf("%d of %d tickets sold", sold.Load(), tickets)
	}
}

// What was acknowledged before the kill is there after it, at the same address.
func TestServerKilledAndStarted(t *testing.T) {
	t.Parallel()
	server := mongotest.NewServer(t)
	db := open(t, server.New(t))
	for i := range 20 {
		insert(t, db, bson.M{"_id": i})
	}
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := db.Collection("events").InsertOne(ctx, bson.M{"_id": "while down"}); err == nil {
		t.Error("a server that was killed acknowledges")
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("down for %v, process killed: %v", time.Since(down).Round(time.Millisecond), server.Kills())
	n, err := db.Collection("events").CountDocuments(t.Context(), bson.M{})
	if err != nil || n != 20 {
		t.Errorf("%d of 20 acknowledged documents are there: %v", n, err)
	}
}

// Nothing is left of a test binary that is killed: its databases are not on a
// running server, nor its container in the engine.
func TestAKilledBinaryLeavesNothing(t *testing.T) {
	t.Parallel()
	if os.Getenv("MONGOTEST_CHILD") != "" {
		uri := mongotest.New(t)
		insert(t, open(t, uri), bson.M{"_id": 1})
		fmt.Fprintf(os.Stdout, "%s\n", uri)
		_, _ = io.Copy(io.Discard, os.Stdin) // until we are killed; Go ends a process in which all sleep
	}
	server := mongotest.NewServer(t)
	uses := []string{"TEST_MONGO_URI=" + server.New(t)}
	if server.Kills() {
		uses = append(uses, "TEST_MONGO_URI=") // a container of its own
	}
	for _, use := range uses {
		client, name := connect(t, childWith(t, use)+"&serverSelectionTimeoutMS=1000")
		deadline := time.Now().Add(2 * time.Minute)
		for {
			there, err := client.ListDatabaseNames(t.Context(), bson.M{})
			if err != nil || !slices.Contains(there, name) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("2 min after its owner was killed, %s is still there", name)
			}
		}
	}
}

// childWith returns a database that a process had when it was killed.
func childWith(t *testing.T, env string) (uri string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledBinaryLeavesNothing$")
	cmd.Env = append(os.Environ(), "MONGOTEST_CHILD=1", "MONGOTEST_SHARED_URI=", env)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // which the child reads
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	if _, err := fmt.Fscanln(out, &uri); err != nil {
		t.Fatal(err)
	}
	return uri
}
