package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
)

// Inbox is the service's inbox.Store: the messages that Store has enqueued,
// which are kept for good, and the dead letters.
type Inbox struct{ db *DB }

var _ inbox.Store = (*Inbox)(nil)

// NewInbox returns the inbox in db.
func NewInbox(db *DB) *Inbox { return &Inbox{db: db} }

// deadLetter is a document of the collection dead_letters. Times are as in delivery.
type deadLetter struct {
	ID         string `bson:"_id"`
	Topic      string `bson:"topic"`
	Attributes string `bson:"attributes"` // the CloudEvent without its data, JSON
	Data       []byte `bson:"data"`       // its data, byte for byte
	Reason     string `bson:"reason"`
	FailedAt   int64  `bson:"failed_at"`
	ReplayedAt int64  `bson:"replayed_at,omitempty"` // absent until replayed
	ReplayedBy string `bson:"replayed_by,omitempty"`
}

// Known implements inbox.Store. An undecided message is not known: nothing but
// its coming again gives it its effect. What a publisher is told it never sends
// again, so only what cannot be rolled back counts.
func (i *Inbox) Known(ctx context.Context, ids []string) ([]string, error) {
	known := []string{}
	if len(ids) == 0 {
		return known, nil
	}
	asked := bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}
	decided := bson.E{Key: "undecided", Value: bson.D{{Key: "$exists", Value: false}}}
	seen := map[string]bool{}
	for _, query := range []struct {
		collection *mongo.Collection
		filter     bson.D
	}{
		{i.db.committed, bson.D{asked, decided}},
		{i.db.committedDeadLetters, bson.D{asked}},
	} {
		found, err := all[struct {
			ID string `bson:"_id"`
		}](ctx, query.collection, query.filter, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !seen[f.ID] {
				seen[f.ID] = true
				known = append(known, f.ID)
			}
		}
	}
	return known, nil
}

// PutDeadLetter implements inbox.Store.
func (i *Inbox) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	attributes, data, err := messagerow.Split(d.Message)
	if err != nil {
		return err
	}
	_, err = i.db.deadLetters.InsertOne(ctx, deadLetter{
		ID: d.ID, Topic: d.Topic, Attributes: attributes, Data: data, Reason: d.Reason,
		FailedAt: d.FailedAt.UnixMicro(), ReplayedAt: micros(d.ReplayedAt), ReplayedBy: d.ReplayedBy,
	})
	if mongo.IsDuplicateKeyError(err) {
		return nil
	}
	return failed(err)
}

// DeadLetters implements inbox.Store.
func (i *Inbox) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	found, err := all[deadLetter](ctx, i.db.deadLetters,
		bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, err
	}
	letters := make([]inbox.DeadLetter, len(found))
	for k, d := range found {
		if letters[k], err = d.letter(); err != nil {
			return nil, err
		}
	}
	return letters, nil
}

// DeadLetter implements inbox.Store.
func (i *Inbox) DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error) {
	var d deadLetter
	err := i.db.deadLetters.FindOne(ctx, bson.D{{Key: "_id", Value: id}}).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return inbox.DeadLetter{}, inbox.ErrDeadLetterNotFound
	}
	if err != nil {
		return inbox.DeadLetter{}, failed(err)
	}
	return d.letter()
}

// MarkReplayed implements inbox.Store.
func (i *Inbox) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	res, err := i.db.deadLetters.UpdateOne(ctx,
		bson.D{{Key: "_id", Value: id}, {Key: "replayed_at", Value: bson.D{{Key: "$exists", Value: false}}}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "replayed_at", Value: at.UnixMicro()}, {Key: "replayed_by", Value: by}}}})
	if err != nil {
		return failed(err)
	}
	if res.MatchedCount == 0 { // it was replayed before, or there is none
		_, err = i.DeadLetter(ctx, id)
	}
	return err
}

func (d deadLetter) letter() (inbox.DeadLetter, error) {
	m, err := messagerow.Join(d.Attributes, d.Data)
	if err != nil {
		return inbox.DeadLetter{}, err
	}
	l := inbox.DeadLetter{
		ID: d.ID, Topic: d.Topic, Message: m, Reason: d.Reason, FailedAt: fromMicros(d.FailedAt), ReplayedBy: d.ReplayedBy,
	}
	if d.ReplayedAt != 0 {
		l.ReplayedAt = fromMicros(d.ReplayedAt)
	}
	return l, nil
}
