// Package mongo keeps a consumer's dead letters in a collection of the service's own
// MongoDB database. Which messages have had their effect each service records in
// documents of its own.
package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Letters are the methods of an inbox.Store that concern dead letters. A service's
// inbox embeds them.
type Letters struct{ LetterCollection mongodb.Collection }

// document is a dead letter. Times are in microseconds since 1970.
type document struct {
	ID         string `bson:"_id"`
	Topic      string `bson:"topic"`
	Attributes string `bson:"attributes"` // the CloudEvent without its data, JSON
	Data       []byte `bson:"data"`       // its data, byte for byte
	Reason     string `bson:"reason"`
	FailedAt   int64  `bson:"failed_at"`
	ReplayedAt int64  `bson:"replayed_at,omitempty"` // absent until replayed
	ReplayedBy string `bson:"replayed_by,omitempty"`
}

// PutDeadLetter implements inbox.Store.
func (l Letters) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	attributes, data, err := messagerow.Split(d.Message)
	if err != nil {
		return err
	}
	doc := document{
		ID: d.ID, Topic: d.Topic, Attributes: attributes, Data: data, Reason: d.Reason,
		FailedAt: d.FailedAt.UnixMicro(), ReplayedBy: d.ReplayedBy,
	}
	if !d.ReplayedAt.IsZero() {
		doc.ReplayedAt = d.ReplayedAt.UnixMicro()
	}
	_, err = l.LetterCollection.Insert(ctx, doc)
	return err
}

// DeadLetters implements inbox.Store.
func (l Letters) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	var docs []document
	if err := l.LetterCollection.List(ctx, mongodb.Page{
		Filter: bson.M{"_id": bson.M{"$gt": after}}, Order: bson.D{{Key: "_id", Value: 1}}, Limit: limit,
	}, &docs); err != nil {
		return nil, err
	}
	letters := make([]inbox.DeadLetter, len(docs))
	for i, d := range docs {
		letters[i] = d.letter()
	}
	return letters, nil
}

// DeadLetter implements inbox.Store.
func (l Letters) DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error) {
	var d document
	if there, err := l.LetterCollection.One(ctx, bson.M{"_id": id}, nil, &d); err != nil {
		return inbox.DeadLetter{}, err
	} else if !there {
		return inbox.DeadLetter{}, inbox.ErrDeadLetterNotFound
	}
	return d.letter(), nil
}

// MarkReplayed implements inbox.Store.
func (l Letters) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	first, err := l.LetterCollection.Update(ctx,
		bson.M{"_id": id, "replayed_at": bson.M{"$exists": false}},
		bson.M{"$set": bson.M{"replayed_at": at.UnixMicro(), "replayed_by": by}})
	if err != nil || first {
		return err
	}
	_, err = l.DeadLetter(ctx, id) // it was replayed before, or there is none
	return err
}

func (d document) letter() inbox.DeadLetter {
	letter := inbox.DeadLetter{ID: d.ID, Topic: d.Topic, Reason: d.Reason, FailedAt: instant(d.FailedAt), ReplayedBy: d.ReplayedBy}
	if d.ReplayedAt != 0 {
		letter.ReplayedAt = instant(d.ReplayedAt)
	}
	letter.Read(d.Attributes, d.Data)
	return letter
}

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
