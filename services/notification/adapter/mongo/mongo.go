// Package mongo is the notification.Store, and the service's inbox, in a
// MongoDB database.
//
// A message is one document whose _id is the message's id, with the deliveries
// that it led to inside: that the message is known and what it led to cannot
// come apart. Every write is one conditional update of one document, so no
// transaction is needed, and whatever speaks MongoDB's protocol will do.
package mongo

import (
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	inboxmongo "github.com/openboxoffice/boxoffice/services/internal/inbox/mongo"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Store is a notification.Store.
type Store struct {
	db       *mongodb.DB
	messages mongodb.Collection
	quotas   mongodb.Collection
	inbox    *Inbox

	settlements *mongodb.Batches[settlement, bool]
}

var _ notification.Store = (*Store)(nil)

// Open opens the database and creates the indexes that are missing. A server
// that cannot be reached is storage.ErrUnavailable: Open may be called again.
func Open(ctx context.Context, o mongodb.Options) (*Store, error) {
	db, err := mongodb.Open(ctx, o, indexes())
	if err != nil {
		return nil, err
	}
	messages := db.Collection(messagesName)
	s := &Store{
		db: db, messages: messages, quotas: db.Collection(quotasName),
		inbox: &Inbox{Letters: inboxmongo.Letters{LetterCollection: db.Collection(deadLettersName)}, db: db, messages: messages},
	}
	s.settlements = mongodb.NewBatches(s.settleEach)
	if err := s.adopt(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// adopt lets Claim see the open deliveries that an earlier release stored, which
// knew no order and outdated nothing. Such a database has that release's indexes.
// They stay: processes of that release may still store more.
func (s *Store) adopt(ctx context.Context) error {
	known, err := s.messages.Indexes(ctx)
	if err != nil {
		return err
	}
	for _, field := range channels {
		if !slices.Contains(known, field+"_due") {
			continue
		}
		old := bson.D{{Key: field + ".status", Value: open}, {Key: field + ".ready", Value: absent}}
		if err := s.outdateOld(ctx, old); err != nil {
			return err
		}
		if err := s.messages.UpdateAll(ctx, old,
			bson.D{{Key: "$set", Value: bson.D{{Key: field + ".ready", Value: false}, {Key: field + ".turn", Value: int64(0)}}}}); err != nil {
			return err
		}
	}
	return nil
}

// outdateOld ends what is outdated of the messages that filter finds.
func (s *Store) outdateOld(ctx context.Context, filter bson.D) error {
	var old []message
	if _, err := s.messages.AllReadable(ctx, filter, 0, &old, options.Find().
		SetProjection(bson.D{{Key: "booking_id", Value: 1}, {Key: "version", Value: 1}, {Key: "kind", Value: 1}})); err != nil {
		return err
	}
	for _, m := range old {
		if m.BookingID == "" {
			continue
		}
		rest, err := s.compare(ctx, m)
		if err == nil && rest.stale {
			_, err = s.outdate(ctx, m.ID, true)
		}
		switch {
		case errors.Is(err, storage.ErrUnavailable), ctx.Err() != nil:
			return err
		case err != nil: // another of its booking cannot be read
			s.messages.Unreadable(ctx, m.ID, err)
		}
	}
	return nil
}

// Inbox is the messages that the store has heard.
func (s *Store) Inbox() *Inbox { return s.inbox }

// Ping answers nil when the database can be written to.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// absent is the condition that a field is not there.
var absent = bson.D{{Key: "$exists", Value: false}}

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }
