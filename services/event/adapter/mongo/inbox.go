package mongo

import (
	"context"
	"maps"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Inbox is an inbox.Store.
type Inbox struct{ messages, letters, reservations mongodb.Collection }

var _ inbox.Store = (*Inbox)(nil)

type messageDoc struct {
	ID         string `bson:"_id"`
	ReceivedAt int64  `bson:"received_at"`
}

type letterDoc struct {
	ID         string `bson:"_id"`
	Topic      string `bson:"topic"`
	Attributes string `bson:"attributes"` // the CloudEvent without its data, JSON
	Data       []byte `bson:"data"`       // its data, byte for byte
	Reason     string `bson:"reason"`
	FailedAt   int64  `bson:"failed_at"`
	ReplayedAt *int64 `bson:"replayed_at,omitempty"`
	ReplayedBy string `bson:"replayed_by,omitempty"`
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
	}{{b.messages, "_id"}, {b.letters, "_id"}, {b.reservations, "sold_by"}} {
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

// PutDeadLetter implements inbox.Store.
func (b *Inbox) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	attributes, data, err := messagerow.Split(d.Message)
	if err != nil {
		return err
	}
	doc := letterDoc{
		ID: d.ID, Topic: d.Topic, Attributes: attributes, Data: data, Reason: d.Reason,
		FailedAt: micros(d.FailedAt), ReplayedBy: d.ReplayedBy,
	}
	if !d.ReplayedAt.IsZero() {
		at := micros(d.ReplayedAt)
		doc.ReplayedAt = &at
	}
	_, err = b.letters.Insert(ctx, doc)
	return err
}

// DeadLetters implements inbox.Store.
func (b *Inbox) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	var docs []letterDoc
	if err := b.letters.List(ctx, mongodb.Page{
		Filter: bson.M{"_id": bson.M{"$gt": after}}, Order: bson.D{{Key: "_id", Value: 1}}, Limit: limit,
	}, &docs); err != nil {
		return nil, err
	}
	letters := make([]inbox.DeadLetter, len(docs))
	for i := range docs {
		letters[i] = docs[i].letter()
	}
	return letters, nil
}

// DeadLetter implements inbox.Store.
func (b *Inbox) DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error) {
	var doc letterDoc
	if ok, err := b.letters.One(ctx, byID(id), nil, &doc); err != nil {
		return inbox.DeadLetter{}, err
	} else if !ok {
		return inbox.DeadLetter{}, inbox.ErrDeadLetterNotFound
	}
	return doc.letter(), nil
}

// MarkReplayed implements inbox.Store.
func (b *Inbox) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	first, err := b.letters.Update(ctx,
		bson.M{"_id": id, "replayed_at": absent},
		bson.M{"$set": bson.M{"replayed_at": micros(at), "replayed_by": by}})
	if err != nil || first {
		return err
	}
	_, err = b.DeadLetter(ctx, id) // replayed before, or none
	return err
}

func (d *letterDoc) letter() inbox.DeadLetter {
	letter := inbox.DeadLetter{
		ID: d.ID, Topic: d.Topic, Reason: d.Reason, FailedAt: fromMicros(d.FailedAt), ReplayedBy: d.ReplayedBy,
	}
	if d.ReplayedAt != nil {
		letter.ReplayedAt = fromMicros(*d.ReplayedAt)
	}
	letter.Read(d.Attributes, d.Data)
	return letter
}
