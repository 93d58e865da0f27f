package mongo

import (
	"context"
	"maps"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxmongo "github.com/openboxoffice/boxoffice/services/internal/inbox/mongo"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Inbox is an inbox.Store.
type Inbox struct {
	inboxmongo.Letters

	messages, reservations mongodb.Collection
}

var _ inbox.Store = (*Inbox)(nil)

type messageDoc struct {
	ID         string `bson:"_id"`
	ReceivedAt int64  `bson:"received_at"`
}

// Record notes that the message has had its effect. fresh is false where that
// was noted before.
func (b *Inbox) Record(ctx context.Context, id string, at time.Time) (fresh bool, err error) {
	return b.messages.Insert(ctx, messageDoc{id, micros(at)})
}

// heard reports whether the message has had its effect.
func (b *Inbox) heard(ctx context.Context, id string) (bool, error) {
	var m messageDoc
	return b.messages.One(ctx, byID(id), nil, &m)
}

// Prune forgets the ids recorded before t. Dead letters stay.
func (b *Inbox) Prune(ctx context.Context, t time.Time) error {
	return b.messages.RemoveAll(ctx, bson.M{"received_at": bson.M{"$lt": micros(t)}})
}

// Known implements inbox.Store.
func (b *Inbox) Known(ctx context.Context, ids []string) ([]string, error) {
	all := map[string]bool{}
	for _, place := range []struct {
		collection mongodb.Collection
		field      string
	}{{b.messages, "_id"}, {b.LetterCollection, "_id"}, {b.reservations, "sold_by"}} {
		there, err := b.known(ctx, place.collection, place.field, ids)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, there)
	}
	known := []string{}
	for id := range all {
		known = append(known, id)
	}
	return known, nil
}

// known returns which of ids one of a collection's documents has in a field.
func (b *Inbox) known(ctx context.Context, c mongodb.Collection, field string, ids []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(ids) == 0 {
		return known, ctx.Err()
	}
	var docs []map[string]string
	if err := c.All(ctx, bson.M{field: bson.M{"$in": ids}}, &docs, options.Find().SetProjection(bson.M{field: 1})); err != nil {
		return nil, err
	}
	for _, d := range docs {
		known[d[field]] = true
	}
	return known, nil
}

// Ignore implements inbox.Store.
func (b *Inbox) Ignore(ctx context.Context, id string, at time.Time) error {
	_, err := b.Record(ctx, id, at)
	return err
}
