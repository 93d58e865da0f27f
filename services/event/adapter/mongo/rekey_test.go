//go:build integration

package mongo

import (
	"context"
	"fmt"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
)

// TestOldKeysAreReplaced: events from before version 1 of the keys are found and
// sorted by the rules of now once the database is opened, by several processes
// at once.
func TestOldKeysAreReplaced(t *testing.T) {
	t.Parallel()
	o := database(t)
	s := openAt(t, o)
	for i, title := range append([]string{"Zoo", "Äpfel"}, make([]string, 150)...) {
		e := &event.Event{ID: fmt.Sprintf("e%03d", i), Title: title, Category: "Cafe\u0301", Version: 1}
		if i > 1 {
			e.Title, e.Category = fmt.Sprint("other ", i), ""
		}
		doc := edited(e)
		delete(doc, "keys_version")
		delete(doc, "words")
		doc["_id"], doc["title_key"], doc["category_key"], doc["search"] = e.ID, "zzz", e.Category, "what was searched"
		if i == 2 {
			doc["keys_version"] = event.KeysVersion - 1
		}
		if _, err := s.events.Insert(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	again := openAt(t, o)
	for want, q := range map[string]event.Query{
		"e000": {Category: "café", Sort: event.ByStart}, "e001": {Sort: event.ByTitle}, "e001 ": {Text: "apfel"}, "e002": {Text: "other 2"},
	} {
		q.Limit = 1
		var page []event.Event
		suitetest.Ask(t, func(ctx context.Context) (err error) {
			page, err = again.List(ctx, q)
			return err
		})
		if len(page) != 1 || page[0].ID != want[:4] {
			t.Errorf("%+v finds %+v, want %s", q, page, want)
		}
	}
	var left []bson.M
	if err := s.events.All(t.Context(), bson.M{"$or": bson.A{
		bson.M{"keys_version": bson.M{"$ne": event.KeysVersion}}, bson.M{"search": bson.M{"$exists": true}},
	}}, &left); err != nil || len(left) > 0 {
		t.Errorf("%d events have old keys (error %v)", len(left), err)
	}
}
