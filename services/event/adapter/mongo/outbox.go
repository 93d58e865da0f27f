package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/messagerow"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Outbox is an outbox.Store. An event has one message at most, which lies in the
// event's own document, so that both are stored by one update:
//
//	message_id, message             from the change on, until it is pruned
//	message_due                     while it is open
//	message_closed_at               from then on
//
// Neither the event's version nor its inventory's changes with it: a message on
// its way disturbs no edit and no sale.
type Outbox struct{ events mongodb.Collection }

var _ outbox.Store = (*Outbox)(nil)

// Outbox is the messages that the events have to tell.
func (s *Store) Outbox() *Outbox { return &Outbox{s.events} }

// outgoingDoc is message.
type outgoingDoc struct {
	Topic       string `bson:"topic"`
	Attributes  string `bson:"attributes"` // the CloudEvent without its data, JSON
	Data        []byte `bson:"data"`       // its data, byte for byte
	Time        int64  `bson:"time"`
	Attempts    int    `bson:"attempts"`
	PublishedAt int64  `bson:"published_at"` // 0 before the first attempt
}

// outgoing are the fields that put a message into the outbox.
func outgoing(topic string, m events.Message, due time.Time) (bson.M, error) {
	attributes, data, err := messagerow.Split(m)
	if err != nil {
		return nil, err
	}
	return bson.M{
		"message_id": m.ID, "message_due": micros(due),
		"message": outgoingDoc{Topic: topic, Attributes: attributes, Data: data, Time: micros(m.Time)},
	}, nil
}

// entryDoc is an event as its message has it.
type entryDoc struct {
	ID        string      `bson:"_id"`
	MessageID string      `bson:"message_id"`
	Message   outgoingDoc `bson:"message"`
	Due       int64       `bson:"message_due"`
}

var entryOnly = bson.M{"message_id": 1, "message": 1, "message_due": 1}

// isOpen is the condition that a message is.
var isOpen = bson.M{"$gt": 0}

func (d *entryDoc) entry() outbox.Entry {
	e := outbox.Entry{Topic: d.Message.Topic, Attempts: d.Message.Attempts, Due: fromMicros(d.Due)}
	e.Read(d.MessageID, fromMicros(d.Message.Time), d.Message.Attributes, d.Message.Data)
	if d.Message.PublishedAt != 0 {
		e.PublishedAt = fromMicros(d.Message.PublishedAt)
	}
	return e
}

// Claim implements outbox.Store. Whoever sets the new due has the entry; who
// finds that all it saw went to others looks again.
func (o *Outbox) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	entries := []outbox.Entry{}
	for try := 0; len(entries) == 0; try++ {
		due, err := o.due(ctx, now, limit)
		if err != nil {
			return nil, err
		}
		if len(due) == 0 {
			break
		}
		for i := range due {
			d := &due[i]
			mine, err := o.events.Update(ctx,
				bson.M{"_id": d.ID, "message_id": d.MessageID, "message_due": d.Due, "message.attempts": d.Message.Attempts},
				bson.M{"$set": bson.M{"message_due": micros(until)}})
			if err != nil {
				return nil, err // what was claimed is due again at until
			}
			if !mine {
				continue
			}
			entries = append(entries, d.entry())
		}
		if len(entries) == 0 {
			if err := mongodb.Pause(ctx, try); err != nil {
				return nil, err
			}
		}
	}
	return entries, nil
}

// due are the entries that are due at now, oldest first.
func (o *Outbox) due(ctx context.Context, now time.Time, limit int) ([]entryDoc, error) {
	var docs []entryDoc
	_, err := o.events.AllReadable(ctx, bson.M{"message_due": bson.M{"$gt": 0, "$lte": micros(now)}}, limit, &docs,
		options.Find().SetProjection(entryOnly).SetSort(bson.D{{Key: "message_due", Value: 1}}))
	return docs, err
}

// Published implements outbox.Store.
func (o *Outbox) Published(ctx context.Context, ids []string, at, next time.Time) error {
	return o.mark(ctx, ids, bson.M{
		"$inc": bson.M{"message.attempts": 1},
		"$set": bson.M{"message.published_at": micros(at), "message_due": micros(next)},
	})
}

// Postpone implements outbox.Store.
func (o *Outbox) Postpone(ctx context.Context, ids []string, next time.Time) error {
	return o.mark(ctx, ids, bson.M{"$set": bson.M{"message_due": micros(next)}})
}

// BringForward implements outbox.Store.
func (o *Outbox) BringForward(ctx context.Context, latest time.Time) error {
	return o.events.UpdateAll(ctx, bson.M{"message_due": bson.M{"$gt": micros(latest)}}, bson.M{"$set": bson.M{"message_due": micros(latest)}})
}

// Close implements outbox.Store.
func (o *Outbox) Close(ctx context.Context, ids []string, at time.Time) error {
	return o.mark(ctx, ids, bson.M{
		"$unset": bson.M{"message_due": ""}, "$set": bson.M{"message_closed_at": micros(at)},
	})
}

// mark changes those of ids that are open, one after the other: an event is
// cancelled seldom.
func (o *Outbox) mark(ctx context.Context, ids []string, change bson.M) error {
	for _, id := range ids {
		if id == "" {
			continue
		}
		if _, err := o.events.Update(ctx, bson.M{"message_id": id, "message_due": isOpen}, change); err != nil {
			return err
		}
	}
	return nil
}

// Open implements outbox.Store.
func (o *Outbox) Open(ctx context.Context) (n int, oldest time.Time, err error) {
	var docs []entryDoc
	unreadable, err := o.events.AllReadable(ctx, bson.M{"message_due": isOpen}, 0, &docs,
		options.Find().SetProjection(bson.M{"message.time": 1}))
	if err != nil {
		return 0, time.Time{}, err
	}
	for _, d := range docs {
		if at := fromMicros(d.Message.Time); oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return len(docs) + unreadable, oldest, nil
}

// Prune implements outbox.Store. Only the message goes.
func (o *Outbox) Prune(ctx context.Context, t time.Time) error {
	for {
		var docs []entryDoc
		if err := o.events.All(ctx, bson.M{"message_closed_at": bson.M{"$gt": 0, "$lt": micros(t)}}, &docs,
			options.Find().SetProjection(bson.M{"_id": 1}).SetLimit(batch)); err != nil {
			return err
		}
		for _, d := range docs {
			if _, err := o.events.Update(ctx,
				bson.M{"_id": d.ID, "message_closed_at": bson.M{"$gt": 0, "$lt": micros(t)}},
				bson.M{"$unset": bson.M{"message_id": "", "message": "", "message_closed_at": ""}}); err != nil {
				return err
			}
		}
		if len(docs) < batch {
			return nil
		}
	}
}
