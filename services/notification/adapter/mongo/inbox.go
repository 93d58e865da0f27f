package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Inbox is the service's inbox.Store: the messages that Store has enqueued, and
// the dead letters.
type Inbox struct {
	db                *mongodb.DB
	messages, letters mongodb.Collection
}

var _ inbox.Store = (*Inbox)(nil)

// Prune forgets the messages from before t of which nobody is told. Those that
// led to a notification are part of it, and stay; so do dead letters.
func (i *Inbox) Prune(ctx context.Context, t time.Time) error {
	filter := bson.D{{Key: "at", Value: bson.D{{Key: "$lt", Value: t.UnixMicro()}}}}
	for _, field := range channels {
		filter = append(filter, bson.E{Key: field, Value: absent})
	}
	return i.messages.RemoveAll(ctx, filter)
}

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
	ctx, cancel := i.db.Limit(ctx, 0)
	defer cancel()
	asked := bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}
	decided := bson.E{Key: "undecided", Value: absent}
	seen := map[string]bool{}
	for _, query := range []struct {
		collection mongodb.Collection
		filter     bson.D
	}{
		{i.messages, bson.D{asked, decided}},
		{i.letters, bson.D{asked}},
	} {
		var found []struct {
			ID string `bson:"_id"`
		}
		if err := query.collection.All(ctx, query.filter, &found,
			options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}})); err != nil {
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

// Ignore implements inbox.Store.
func (i *Inbox) Ignore(ctx context.Context, id string, at time.Time) error {
	_, err := i.messages.Insert(ctx, newMessage(notification.Record{MessageID: id, Kind: notification.Nothing, At: at}))
	return err
}

// PutDeadLetter implements inbox.Store.
func (i *Inbox) PutDeadLetter(ctx context.Context, d inbox.DeadLetter) error {
	attributes, data, err := messagerow.Split(d.Message)
	if err != nil {
		return err
	}
	_, err = i.letters.Insert(ctx, deadLetter{
		ID: d.ID, Topic: d.Topic, Attributes: attributes, Data: data, Reason: d.Reason,
		FailedAt: d.FailedAt.UnixMicro(), ReplayedAt: micros(d.ReplayedAt), ReplayedBy: d.ReplayedBy,
	})
	return err
}

// DeadLetters implements inbox.Store.
func (i *Inbox) DeadLetters(ctx context.Context, after string, limit int) ([]inbox.DeadLetter, error) {
	var found []deadLetter
	if err := i.letters.List(ctx, mongodb.Page{
		Filter: bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}}, Order: bson.D{{Key: "_id", Value: 1}}, Limit: limit,
	}, &found); err != nil {
		return nil, err
	}
	letters := make([]inbox.DeadLetter, len(found))
	for k, d := range found {
		letters[k] = d.letter()
	}
	return letters, nil
}

// DeadLetter implements inbox.Store.
func (i *Inbox) DeadLetter(ctx context.Context, id string) (inbox.DeadLetter, error) {
	var d deadLetter
	if there, err := i.letters.One(ctx, byID(id), nil, &d); err != nil {
		return inbox.DeadLetter{}, err
	} else if !there {
		return inbox.DeadLetter{}, inbox.ErrDeadLetterNotFound
	}
	return d.letter(), nil
}

// MarkReplayed implements inbox.Store.
func (i *Inbox) MarkReplayed(ctx context.Context, id, by string, at time.Time) error {
	first, err := i.letters.Update(ctx,
		bson.D{{Key: "_id", Value: id}, {Key: "replayed_at", Value: absent}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "replayed_at", Value: at.UnixMicro()}, {Key: "replayed_by", Value: by}}}})
	if err != nil || first {
		return err
	}
	_, err = i.DeadLetter(ctx, id) // it was replayed before, or there is none
	return err
}

func (d deadLetter) letter() inbox.DeadLetter {
	l := inbox.DeadLetter{
		ID: d.ID, Topic: d.Topic, Reason: d.Reason, FailedAt: fromMicros(d.FailedAt), ReplayedBy: d.ReplayedBy,
	}
	if d.ReplayedAt != 0 {
		l.ReplayedAt = fromMicros(d.ReplayedAt)
	}
	l.Read(d.Attributes, d.Data)
	return l
}
