package main

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

const (
	tickets = 500
	workers = 32
)

// start serves a new FerretDB directly on one address and through a turnstile
// on the other.
func start(t *testing.T) (direct, guarded string) {
	t.Helper()
	// Not t.TempDir: FerretDB still writes while that is removed.
	dir, err := os.MkdirTemp("", "mongo") //nolint:usetesting // as just said
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "ferretdb.sock") // the driver wants that ending
	if err := serveFerretDB(t.Context(), socket, filepath.Join(dir, "db")); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { _ = (&turnstile{socket: socket}).serve(t.Context(), ln) }()
	return "mongodb://" + strings.ReplaceAll(socket, "/", "%2F"), "mongodb://" + ln.Addr().String()
}

func connect(t *testing.T, uri string) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetMaxPoolSize(workers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client
}

// sell has the workers take one ticket at a time, until nobody gets any or
// twice as many as there are were taken. It returns how many were.
func sell(t *testing.T, uri string) int64 {
	t.Helper()
	return sellIn(t, uri, "test")
}

func sellIn(t *testing.T, uri, database string) int64 {
	t.Helper()
	events := connect(t, uri).Database(database).Collection("events")
	if _, err := events.InsertOne(t.Context(), bson.M{"_id": 1, "types": bson.M{"a": bson.M{"available": tickets}}}); err != nil {
		t.Error(err)
		return 0
	}
	var sold atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				r, err := events.UpdateOne(t.Context(),
					bson.M{"_id": 1, "types.a.available": bson.M{"$gte": 1}},
					bson.M{"$inc": bson.M{"types.a.available": -1}})
				if err != nil {
					t.Error(err)
				}
				if err != nil || r.ModifiedCount == 0 || sold.Add(1) >= 2*tickets {
					return
				}
			}
		})
	}
	wg.Wait()
	return sold.Load()
}

func TestSellsEachTicketOnce(t *testing.T) {
	_, guarded := start(t)
	began := time.Now()
	sold := sell(t, guarded)
	t.Logf("%d workers took %d of %d tickets in %v", workers, sold, tickets, time.Since(began).Round(time.Millisecond))
	if sold != tickets {
		t.Errorf("%d of %d tickets sold", sold, tickets)
	}
}

// Only requests of one database wait for each other.
func TestSellsEachTicketOfTwoDatabasesOnce(t *testing.T) {
	_, guarded := start(t)
	var wg sync.WaitGroup
	for _, database := range []string{"one", "another"} {
		wg.Go(func() {
			if sold := sellIn(t, guarded, database); sold != tickets {
				t.Errorf("%d of %d tickets of %s sold", sold, tickets, database)
			}
		})
	}
	wg.Wait()
}

func TestDatabase(t *testing.T) {
	message := func(opcode uint32, section ...byte) []byte {
		m := make([]byte, flagsOffset+4, flagsOffset+4+len(section))
		binary.LittleEndian.PutUint32(m[12:], opcode)
		return append(m, section...)
	}
	command, err := bson.Marshal(bson.D{{Key: "find", Value: "c"}, {Key: "$db", Value: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	document := append([]byte{0}, command...)
	for name, c := range map[string]struct {
		message []byte
		want    string
	}{
		"a command":              {message(opMsg, document...), "shop"},
		"a checksum after it":    {message(opMsg, append(document, 1, 2, 3, 4)...), "shop"},
		"the first request":      {message(2004, document...), ""},
		"a command of no length": {message(opMsg, 0), ""},
		"half a command":         {message(opMsg, document[:len(document)-9]...), ""},
		"nothing":                {make([]byte, headerSize), ""},
	} {
		if got := database(c.message); got != c.want {
			t.Errorf("%s is about database %q, want %q", name, got, c.want)
		}
	}
}

// Where this fails, FerretDB has become atomic and the turnstile may go.
func TestOversellsWithoutTheTurnstile(t *testing.T) {
	for range 10 {
		direct, _ := start(t)
		if sold := sell(t, direct); sold > tickets {
			t.Logf("%d workers took %d of %d tickets", workers, sold, tickets)
			return
		}
	}
	t.Error("FerretDB sold each ticket once, ten times over")
}

// A client that gives up does not let the next one in beside its request.
func TestSellsEachTicketOnceToImpatientClients(t *testing.T) {
	_, guarded := start(t)
	events := connect(t, guarded).Database("test").Collection("events")
	if _, err := events.InsertOne(t.Context(), bson.M{"_id": 1, "available": tickets, "sold": 0}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range 2 * tickets / workers {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10*i)*time.Millisecond)
				_, _ = events.UpdateOne(ctx,
					bson.M{"_id": 1, "available": bson.M{"$gte": 1}},
					bson.M{"$inc": bson.M{"available": -1, "sold": 1}})
				cancel()
			}
		})
	}
	wg.Wait()
	var event struct{ Available, Sold int }
	if err := events.FindOne(t.Context(), bson.M{"_id": 1}).Decode(&event); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", event)
	if event.Available < 0 || event.Available+event.Sold != tickets {
		t.Errorf("%+v do not add up to %d", event, tickets)
	}
}

func TestUnacknowledgedWritesStayUnanswered(t *testing.T) {
	_, guarded := start(t)
	db := connect(t, guarded).Database("test")
	silent := db.Collection("c", options.Collection().SetWriteConcern(writeconcern.Unacknowledged()))
	for i := range 10 {
		if _, err := silent.InsertOne(t.Context(), bson.M{"_id": i}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for {
		n, err := db.Collection("c").CountDocuments(t.Context(), bson.M{})
		if err != nil {
			t.Fatal(err)
		}
		if n == 10 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of 10 documents arrived", n)
		}
	}
}

func TestSaysItsVersion(t *testing.T) {
	_, guarded := start(t)
	var info struct {
		FerretDB string `bson:"ferretdbVersion"`
	}
	if err := connect(t, guarded).Database("admin").RunCommand(t.Context(), bson.M{"buildInfo": 1}).Decode(&info); err != nil {
		t.Fatal(err)
	}
	if info.FerretDB != ferretVersion() || !strings.HasPrefix(info.FerretDB, "v1.") {
		t.Errorf("buildInfo says %q", info.FerretDB)
	}
}
