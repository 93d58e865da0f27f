package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Return implements event.Inventory.
func (s *Store) Return(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	return s.giveSomeBack(ctx, k, returnID, items)
}

// ReturnHeard implements event.Inventory, in the same order as GiveBack.
func (s *Store) ReturnHeard(ctx context.Context, messageID string, k event.Key, returnID string, items []event.Request) error {
	return s.hear(ctx, messageID, func(ctx context.Context) error {
		err := s.giveSomeBack(ctx, k, returnID, items)
		if errors.Is(err, event.ErrEventNotFound) || errors.Is(err, event.ErrReservationNotFound) {
			return nil
		}
		return err
	})
}

func (s *Store) giveSomeBack(ctx context.Context, k event.Key, returnID string, items []event.Request) error {
	if len(returnID) != 36 || uuid.Validate(returnID) != nil {
		return fmt.Errorf("return %q: the id is no UUID", returnID) // it would not be one step in a path
	}
	if err := s.there(ctx, k.EventID); err != nil {
		return err
	}
	for try := 0; ; try++ {
		rec, err := s.reserved(ctx, k)
		if err != nil {
			return err
		}
		if rec == nil {
			return event.ErrReservationNotFound
		}
		if earlier, ok := rec.Returns[returnID]; ok {
			if !event.SameTickets(earlier.items(), items) {
				return event.ErrReservationMismatch
			}
			return s.finishReturn(ctx, rec, returnID)
		}
		if rec.State == event.Released {
			return nil
		}
		if rec.State == returning {
			return s.giveBack(ctx, rec)
		}
		if err := rec.reservation().Return(rec.returned(), items); err != nil {
			return err
		}
		if ok, err := s.promise(ctx, rec, returnID, items); err != nil {
			return err
		} else if ok {
			continue // finish it
		}
		if err := mongodb.Pause(ctx, try); err != nil { // another one came first
			return err
		}
	}
}

// promise writes a return into the record, and reports false where this is not
// as it was read.
func (s *Store) promise(ctx context.Context, rec *recordDoc, returnID string, items []event.Request) (bool, error) {
	filter := bson.M{
		"_id": rec.ID, "nonce": rec.Nonce, "state": bson.M{"$in": bson.A{event.Held, event.Sold}},
		"returns_made": rec.ReturnsMade,
	}
	if rec.ReturnsMade == 0 {
		filter["returns_made"] = absent
	}
	return s.reservations.Update(ctx, filter, bson.M{
		"$set": bson.M{"returns." + returnID: newReturnDoc(items, s.now())},
		"$inc": bson.M{"returns_made": 1, "returns_open": 1},
	})
}

// finishReturn makes the tickets of a return available, if that is not done,
// in the way that giveBack does it with the rest.
func (s *Store) finishReturn(ctx context.Context, rec *recordDoc, returnID string) error {
	nonce := rec.Returns[returnID].Nonce
	for try := 0; ; try++ {
		var e returnedDoc
		there, err := s.events.One(ctx, byID(rec.EventID), bson.M{"returned." + nonce: 1, "forgotten": 1}, &e)
		if err != nil {
			return err
		}
		now, err := s.record(ctx, rec.ID)
		if err != nil || now == nil || now.Returns[returnID].Nonce != nonce || now.Returns[returnID].Done {
			return err
		}
		_, done := e.Returned[nonce]
		if !done && there {
			if done, err = s.putBack(ctx, rec.EventID, nonce, rec.ID, now.Returns[returnID].items(), bson.M{"forgotten": e.forgotten()}); err != nil {
				return err
			}
		}
		if done || !there {
			path := "returns." + returnID
			_, err := s.reservations.Update(ctx,
				bson.M{"_id": rec.ID, path + ".nonce": nonce, path + ".done": absent},
				bson.M{"$set": bson.M{path + ".done": true}, "$inc": bson.M{"returns_open": -1}})
			return err
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return err
		}
	}
}

// sweepReturns finishes the returns that operations which are over have left
// unfinished.
func (s *Store) sweepReturns(ctx context.Context, log *slog.Logger) error {
	var open []recordDoc
	if _, err := s.reservations.AllReadable(ctx, bson.M{
		"returns_open": bson.M{"$gt": 0}, "_id": bson.M{"$nin": s.aside.records.now(s.now())},
	}, s.batch, &open); err != nil {
		return err
	}
	var errs []error
	for i := range open {
		errs = append(errs, s.sweepOne(ctx, log, &s.aside.records, open[i].ID, func() error {
			ctx, cancel := s.db.Limit(ctx, s.limit)
			defer cancel()
			var errs []error
			for id, r := range open[i].Returns {
				if !r.Done && s.passed(r.At, settledAfter) {
					errs = append(errs, s.finishReturn(ctx, &open[i], id))
				}
			}
			return errors.Join(errs...)
		}))
	}
	return errors.Join(errs...)
}
