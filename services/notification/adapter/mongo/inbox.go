package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxmongo "github.com/openboxoffice/boxoffice/services/internal/inbox/mongo"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Inbox is the service's inbox.Store: the messages that Store has enqueued, and
// the dead letters.
type Inbox struct {
	inboxmongo.Letters

	db       *mongodb.DB
	messages mongodb.Collection
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
		{i.LetterCollection, bson.D{asked}},
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
