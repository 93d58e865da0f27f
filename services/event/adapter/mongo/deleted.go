package mongo

import (
	"context"
	"errors"
	"log/slog"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
)

// deletedDoc says that an event is being deleted, or was, and that its records,
// closures and renditions may still be there.
type deletedDoc struct {
	ID string `bson:"_id"` // the event's
	At int64  `bson:"at"`  // of the last attempt
}

// intendDelete has the sweep remove the records and closures of the event, once
// it is gone.
func (s *Store) intendDelete(ctx context.Context, id string) error {
	at := micros(s.now())
	fresh, err := s.deleted.Insert(ctx, deletedDoc{ID: id, At: at})
	if err != nil || fresh {
		return err
	}
	_, err = s.deleted.Update(ctx, byID(id), bson.M{"$set": bson.M{"at": at}})
	return err
}

// sweepDeleted removes the records and closures of deleted events, when every
// operation that has seen the event is over.
func (s *Store) sweepDeleted(ctx context.Context, log *slog.Logger) error {
	var docs []deletedDoc
	if _, err := s.deleted.AllReadable(ctx, bson.D{
		s.havePassed("at", settledAfter), {Key: "_id", Value: bson.M{"$nin": s.aside.deleted.now(s.now())}},
	}, s.batch, &docs, options.Find().SetSort(bson.D{{Key: "at", Value: 1}})); err != nil {
		return err
	}
	var errs []error
	for _, d := range docs {
		errs = append(errs, s.sweepOne(ctx, log, &s.aside.deleted, d.ID, func() error { return s.forget(ctx, d) }))
	}
	return errors.Join(errs...)
}

func (s *Store) forget(ctx context.Context, d deletedDoc) error {
	err := s.there(ctx, d.ID)
	if err != nil && !errors.Is(err, event.ErrEventNotFound) {
		return err
	}
	if err != nil {
		if err := s.reservations.RemoveAll(ctx, bson.M{"event_id": d.ID}); err != nil {
			return err
		}
		if err := s.closures.RemoveAll(ctx, bson.M{"event_id": d.ID}); err != nil {
			return err
		}
		if err := s.images.RemoveAll(ctx, bson.M{"event_id": d.ID}); err != nil {
			return err
		}
	}
	// An event that is there was not deleted after all; a later attempt has
	// another time.
	_, err = s.deleted.Remove(ctx, bson.M{"_id": d.ID, "at": d.At})
	return err
}
