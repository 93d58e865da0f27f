//go:build integration

package mongodb_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// TestSearchesStopNothingElse: while searches take all places of theirs, another
// one is refused, and lists and reads by key go on.
func TestSearchesStopNothingElse(t *testing.T) {
	t.Parallel()
	db := open(t, mongodb.Options{URL: mongotest.New(t)})
	c := db.Collection("c")
	for i := range 3 {
		if _, err := c.Insert(t.Context(), bson.M{"_id": i}); err != nil {
			t.Fatal(err)
		}
	}
	hanging := db.Before(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }).Collection("c")
	all := mongodb.Page{Filter: bson.M{}, Order: bson.M{"_id": -1}, Projection: bson.M{"_id": 1}, Limit: 2}
	ended := make(chan error)
	for range 5 {
		go func() { ended <- hanging.Search(t.Context(), all, new([]bson.M)) }()
	}
	for range 3 { // those that find no place
		if err := <-ended; !errors.Is(err, storage.ErrBusy) {
			t.Errorf("a search without a place is answered %v, want ErrBusy", err)
		}
	}
	var page []struct {
		ID int `bson:"_id"`
	}
	if err := c.List(t.Context(), all, &page); err != nil || len(page) != 2 || page[0].ID != 2 {
		t.Errorf("a list is %v (error %v), want 2 and 1", page, err)
	}
	if there, err := c.One(t.Context(), bson.M{"_id": 1}, nil, new(bson.M)); err != nil || !there {
		t.Errorf("a document is there: %t (error %v)", there, err)
	}
	for range 2 { // and those that had one
		if err := <-ended; !errors.Is(err, storage.ErrBusy) {
			t.Errorf("a search that takes too long is answered %v, want ErrBusy", err)
		}
	}
	if err := c.Search(t.Context(), all, &page); err != nil || len(page) != 2 {
		t.Errorf("a search after them is %v (error %v)", page, err)
	}
}

// A document that cannot be decoded hides no other of a list, whose pages go on
// until they are full.
func TestAnUnreadableDocumentHidesNoOther(t *testing.T) {
	t.Parallel()
	db := open(t, mongodb.Options{URL: mongotest.New(t)})
	c := db.Collection("c")
	for i := range 8 {
		doc := bson.M{"_id": i, "n": i}
		if i == 1 || i == 2 || i == 3 || i == 6 {
			doc["n"] = "none"
		}
		if _, err := c.Insert(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	for after, want := range map[int][]int{-1: {0, 4, 5}, 0: {4, 5, 7}, 5: {7}, 7: {}} {
		var page []struct{ N int }
		if err := c.List(t.Context(), mongodb.Page{
			Filter: bson.M{"_id": bson.M{"$gt": after}}, Order: bson.M{"_id": 1}, Limit: 3,
		}, &page); err != nil {
			t.Fatal(err)
		}
		got := []int{}
		for _, d := range page {
			got = append(got, d.N)
		}
		if !slices.Equal(got, want) {
			t.Errorf("after %d: %v, want %v", after, got, want)
		}
	}
}

// What a worker reads has as many documents as it can have, however many others
// cannot be decoded.
func TestAnUnreadableDocumentTakesNoPlace(t *testing.T) {
	t.Parallel()
	db := open(t, mongodb.Options{URL: mongotest.New(t)})
	c := db.Collection("c")
	for i := range 9 {
		doc := bson.M{"_id": i, "n": i}
		if i < 4 || i == 6 {
			doc["n"] = "none"
		}
		if _, err := c.Insert(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int][]int{0: {4, 5, 7, 8}, 1: {4}, 2: {4, 5}, 3: {4, 5, 7}, 4: {4, 5, 7, 8}, 9: {4, 5, 7, 8}} {
		var docs []struct{ N int }
		if _, err := c.AllReadable(t.Context(), bson.M{}, limit, &docs, options.Find().SetSort(bson.M{"_id": 1})); err != nil {
			t.Fatal(err)
		}
		got := []int{}
		for _, d := range docs {
			got = append(got, d.N)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at most %d: %v, want %v", limit, got, want)
		}
	}
}
