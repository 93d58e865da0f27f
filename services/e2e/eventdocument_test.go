//go:build integration

package e2e

import (
	"context"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// documents are the event service's, as its database has them: the one look
// behind the API, for what no answer of it shows.
type documents struct{ of *mongo.Collection }

func openDocuments(t testing.TB, uri string) documents {
	t.Helper()
	u, err := connstring.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mongo.Connect(mongooptions.Client().ApplyURI(uri).SetMaxPoolSize(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return documents{client.Database(u.Database).Collection("events")}
}

// size is the length of an event's document, in bytes.
func (d documents) size(t testing.TB, event string) int {
	t.Helper()
	var raw bson.Raw
	if err := d.of.FindOne(t.Context(), bson.M{"_id": event}).Decode(&raw); err != nil {
		t.Fatal(err)
	}
	return len(raw)
}
