//go:build integration

package mongodb_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb/mongodbtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

func open(t *testing.T, o mongodb.Options, indexes ...mongodb.Index) *mongodb.DB {
	t.Helper()
	db, err := mongodb.Open(t.Context(), o, indexes)
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

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes connections, and says nothing
	for _, url := range []string{"mongodb://u:secret@127.0.0.1:1/d", "mongodb://u:secret@" + l.Addr().String() + "/d"} {
		_, err := mongodb.Open(t.Context(), mongodb.Options{URL: url, Timeout: 300 * time.Millisecond}, nil)
		if !errors.Is(err, storage.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want ErrUnavailable, and no password", err)
		}
	}
	for _, url := range []string{
		"", "secret", "mongodb://u:secret@host:port/d", "mongodb://u:secret@127.0.0.1:1/", "mongodb://u:secret@127.0.0.1:1",
		"mongodb://u:secret@127.0.0.1:1/?authSource=d", "mongodb://u:secret@127.0.0.1:1/d?w=secret&tls=secret",
	} {
		_, err := mongodb.Open(t.Context(), mongodb.Options{URL: url}, nil)
		if err == nil || errors.Is(err, storage.ErrUnavailable) || strings.Contains(err.Error(), "secret") ||
			!strings.Contains(err.Error(), "mongodb://user:password@host:port/database") {
			t.Errorf("%s: %v, want the form of a URL, and no password", url, err)
		}
	}
}

// Whatever the URL says, a write that is acknowledged is in the journal of the
// majority.
func TestWritesAreJournaledByTheMajority(t *testing.T) {
	t.Parallel()
	o := mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}
	sep := "?"
	if strings.Contains(o.URL, "?") {
		sep = "&"
	}
	o.URL += sep + "w=1&journal=false"
	asked := map[string]string{} // by command
	o.Monitor = &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		asked[e.CommandName] = e.Command.Lookup("writeConcern").String()
	}}
	c := open(t, o).Collection("c")
	id := bson.M{"_id": 1}
	change := bson.M{"$set": bson.M{"a": 1}}
	_, err := c.Insert(t.Context(), id)
	_, err2 := c.Update(t.Context(), id, change)
	_, err3 := c.Updated(t.Context(), id, change, &bson.M{})
	_, err4 := c.Remove(t.Context(), id)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"insert", "update", "findAndModify", "delete"} {
		if got := asked[command]; !strings.Contains(got, `"w": "majority"`) || !strings.Contains(got, `"j": true`) {
			t.Errorf("%s asks for %q", command, got)
		}
	}
}

// The server ends a read that nobody waits for any more.
func TestReadsSayHowLongTheyMayTake(t *testing.T) {
	t.Parallel()
	o := mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}
	reads, unbounded := 0, 0
	o.Monitor = &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		if e.CommandName != "find" {
			return
		}
		reads++
		if limit, ok := e.Command.Lookup("maxTimeMS").AsInt64OK(); !ok || limit <= 0 || limit > time.Minute.Milliseconds() {
			unbounded++
		}
	}}
	c := open(t, o).Collection("c")
	var docs []bson.M
	_, err := c.One(t.Context(), bson.M{}, nil, &bson.M{})
	_, err2 := c.AllReadable(t.Context(), bson.M{}, 5, &docs)
	if err := errors.Join(err, err2, c.All(t.Context(), bson.M{}, &docs), c.RemoveAll(t.Context(), bson.M{}),
		c.List(t.Context(), mongodb.Page{Filter: bson.M{}, Order: bson.D{{Key: "_id", Value: 1}}, Limit: 5}, &docs)); err != nil {
		t.Fatal(err)
	}
	if reads != 5 || unbounded != 0 {
		t.Errorf("%d of %d reads have no maxTimeMS, want 0 of 5", unbounded, reads)
	}
}

// Several processes create the indexes at once, and one of them once more.
func TestIndexesAreThereOnce(t *testing.T) {
	t.Parallel()
	o := mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}
	indexes := []mongodb.Index{
		{Collection: "a", Name: "once", Keys: bson.D{{Key: "once", Value: 1}}, Unique: true},
		{Collection: "a", Name: "at", Keys: bson.D{{Key: "at", Value: -1}, {Key: "x.y", Value: 1}}},
		{Collection: "b", Name: "at", Keys: bson.D{{Key: "at", Value: 1}}},
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := mongodb.Open(t.Context(), o, indexes)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := open(t, o, indexes...)
	for name, want := range map[string]int{"a": 3, "b": 2} { // with _id's
		specs, err := db.Collection(name).Driver().Indexes().ListSpecifications(t.Context())
		if err != nil || len(specs) != want {
			t.Errorf("%s has %d indexes, want %d (error %v)", name, len(specs), want, err)
		}
	}
	a := db.Collection("a")
	for i, want := range []bool{true, false} {
		fresh, err := a.Insert(t.Context(), bson.M{"_id": i, "once": "x"})
		if err != nil || fresh != want {
			t.Errorf("document %d: new is %t, want %t (error %v)", i, fresh, want, err)
		}
	}
	var all []bson.M
	if err := a.All(t.Context(), bson.M{}, &all); err != nil || len(all) != 1 {
		t.Errorf("%d documents are there, want 1 (error %v)", len(all), err)
	}
}

// An index that has a name of ours and another shape stops the start.
func TestAnIndexOfAnotherShapeIsAnError(t *testing.T) {
	t.Parallel()
	at := bson.D{{Key: "at", Value: 1}, {Key: "id", Value: -1}}
	o := mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}
	open(t, o, mongodb.Index{Collection: "a", Name: "x", Keys: at}, mongodb.Index{Collection: "a", Name: "u", Keys: bson.D{{Key: "u", Value: 1}}, Unique: true})
	for name, i := range map[string]mongodb.Index{
		"other fields":    {Name: "x", Keys: bson.D{{Key: "at", Value: 1}, {Key: "of", Value: -1}}},
		"fewer fields":    {Name: "x", Keys: at[:1]},
		"other order":     {Name: "x", Keys: bson.D{at[1], at[0]}},
		"other direction": {Name: "x", Keys: bson.D{{Key: "at", Value: 1}, {Key: "id", Value: 1}}},
		"now unique":      {Name: "x", Keys: at, Unique: true},
		"unique no more":  {Name: "u", Keys: bson.D{{Key: "u", Value: 1}}},
	} {
		i.Collection = "a"
		db, err := mongodb.Open(t.Context(), o, []mongodb.Index{i})
		if err == nil {
			_ = db.Close()
		}
		if err == nil || errors.Is(err, storage.ErrUnavailable) || !strings.Contains(err.Error(), "another shape") {
			t.Errorf("%s: %v, want another shape", name, err)
		}
	}
}

func TestRemoveAllRemovesManyAndNoOther(t *testing.T) {
	t.Parallel()
	c := open(t, mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute}).Collection("c")
	docs := make([]any, 2500)
	for i := range docs {
		docs[i] = bson.M{"_id": i, "old": i >= 10}
	}
	if _, err := c.Driver().InsertMany(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveAll(t.Context(), bson.M{"old": true}); err != nil {
		t.Fatal(err)
	}
	var left []bson.M
	if err := c.All(t.Context(), bson.M{}, &left); err != nil || len(left) != 10 {
		t.Errorf("%d are left, want 10 (error %v)", len(left), err)
	}
}

// documents is an adapter whose writes are a document each. insert may do it
// worse.
func documents(insert func(c mongodb.Collection, ctx context.Context, doc any) error) func(*testing.T, mongodb.Options) mongodbtest.Adapter {
	return func(t *testing.T, o mongodb.Options) mongodbtest.Adapter {
		db := open(t, o)
		c := db.Collection("documents")
		var mu sync.Mutex
		acknowledged := map[string]bool{}
		return mongodbtest.Adapter{
			Ping: db.Ping,
			Write: func(ctx context.Context) error {
				id := uuid.NewString()
				err := insert(c, ctx, bson.M{"_id": id})
				mu.Lock()
				defer mu.Unlock()
				acknowledged[id] = err == nil
				return err
			},
			Lost: func(t *testing.T) (lost, half int) {
				var docs []struct {
					ID string `bson:"_id"`
				}
				suitetest.Ask(t, func(ctx context.Context) error { return c.All(ctx, bson.M{}, &docs) })
				there := map[string]bool{}
				for _, d := range docs {
					there[d.ID] = true
				}
				for id, is := range acknowledged {
					if is && !there[id] {
						lost++
					}
				}
				return lost, 0
			},
		}
	}
}

func insert(c mongodb.Collection, ctx context.Context, doc any) error {
	_, err := c.Insert(ctx, doc)
	return err
}

func TestOutages(t *testing.T) {
	t.Parallel()
	mongodbtest.TestOutages(t, documents(insert))
}

func TestOutagesCatchBrokenAdapters(t *testing.T) {
	t.Parallel()
	mongotest.Serving(t) // so that the children have a server to share
	for name, test := range map[string]struct {
		caughtBy string
		insert   func(c mongodb.Collection, ctx context.Context, doc any) error
	}{
		"acknowledges_some_that_it_could_not_do": {"killed", func(c mongodb.Collection, ctx context.Context, doc any) error {
			if err := insert(c, ctx, doc); !errors.Is(err, storage.ErrUnavailable) || rand.N(2) == 0 {
				return err
			}
			return nil
		}},
		"says_what_the_driver_says": {"reset", func(c mongodb.Collection, ctx context.Context, doc any) error {
			_, err := c.Driver().InsertOne(ctx, doc)
			return err
		}},
		"waits_for_ever": {"silent", func(c mongodb.Collection, ctx context.Context, doc any) error {
			for insert(c, ctx, doc) != nil && ctx.Err() == nil {
			}
			return ctx.Err()
		}},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			mongodbtest.TestOutages(t, func(t *testing.T, o mongodb.Options) mongodbtest.Adapter {
				a := documents(test.insert)(t, o)
				a.Patience = 8 * time.Second
				return a
			})
		}, test.caughtBy)
	}
}
