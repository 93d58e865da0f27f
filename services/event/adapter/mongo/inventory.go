package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Reserve implements event.Inventory.
func (s *Store) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	done, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	nonce := "" // of the intent that this call has written
	for try := 0; ; try++ {
		rec, err := s.record(ctx, recordID(k.BookingID, k.Attempt))
		if err != nil {
			return nil, err
		}
		if rec == nil || rec.Nonce != nonce {
			nonce = ""
		}
		if rec != nil && rec.State != intent {
			err := s.there(ctx, rec.EventID)
			if errors.Is(err, event.ErrEventNotFound) {
				// It was deleted, and its records are about to be.
				if _, err := s.reservations.Remove(ctx, bson.M{"_id": rec.ID, "nonce": rec.Nonce}); err != nil {
					return nil, err
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			return answer(rec, k, want)
		}
		if rec != nil && nonce == "" {
			if err := s.outwait(ctx, rec); err != nil {
				return nil, err
			}
			continue
		}

		r, version, err := s.offer(ctx, k, want, now)
		if err == nil && nonce == "" {
			if nonce, err = s.intend(ctx, k); err != nil {
				return nil, err
			}
			if nonce == "" {
				continue // another call came first
			}
		}
		// After the intent: a release that did not see it is seen here. And
		// before any refusal: that the attempt is closed is final.
		closed, closedErr := s.closed(ctx, k)
		if closedErr != nil {
			return nil, closedErr
		}
		if closed && !errors.Is(err, event.ErrEventNotFound) {
			err = event.ErrReservationReleased
		}
		if err != nil {
			return nil, s.refuse(ctx, k, nonce, err)
		}
		if placed, err := s.place(ctx, r, nonce, version); err != nil {
			return nil, err // perhaps it is placed: whoever comes next finds out
		} else if placed != nil {
			if ok, err := s.promote(ctx, k.EventID, nonce, placed); err != nil {
				return nil, err
			} else if ok {
				return r, nil
			}
			continue // somebody else did, and perhaps more
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// turn waits until fewer than reserving others do the same. done gives it back.
func (s *Store) turn(ctx context.Context) (done func(), err error) {
	select {
	case s.turns <- struct{}{}:
		return func() { <-s.turns }, nil
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("%w: too many reservations at once", storage.ErrUnavailable)
	}
	return nil, ctx.Err()
}

// answer is what Reserve says where the attempt has reserved before.
func answer(rec *recordDoc, k event.Key, want []event.Request) (*event.Reservation, error) {
	r := rec.reservation()
	switch {
	case r.EventID != k.EventID:
		return nil, event.ErrReservationMismatch
	case r.State == event.Released:
		return nil, event.ErrReservationReleased
	case !r.IsFor(want):
		return nil, event.ErrReservationMismatch
	}
	return r, nil
}

// offer is the reservation that can be had, of this version of the event.
func (s *Store) offer(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, int64, error) {
	e, err := s.Get(ctx, k.EventID)
	if err != nil {
		return nil, 0, err
	}
	items, err := e.Reserve(want, now)
	if err != nil {
		return nil, 0, err
	}
	return &event.Reservation{Key: k, State: event.Held, Event: e.Snapshot(), Items: items}, e.Version, nil
}

// intend writes the record of an attempt that has none, and returns its nonce,
// or "" where it has one.
func (s *Store) intend(ctx context.Context, k event.Key) (nonce string, err error) {
	nonce = uuid.NewString()
	fresh, err := s.reservations.Insert(ctx, recordDoc{
		ID: recordID(k.BookingID, k.Attempt), BookingID: k.BookingID, Attempt: k.Attempt,
		EventID: k.EventID, Nonce: nonce, State: intent, At: micros(s.now()),
	})
	if err != nil || !fresh {
		return "", err
	}
	return nonce, nil
}

// refuse takes back the intent with this nonce, if any: nothing was placed,
// and nothing will be.
func (s *Store) refuse(ctx context.Context, k event.Key, nonce string, reason error) error {
	if nonce != "" {
		if _, err := s.reservations.Remove(ctx, bson.M{"_id": recordID(k.BookingID, k.Attempt), "nonce": nonce, "state": intent}); err != nil {
			return err
		}
	}
	return reason
}

// place takes the tickets and sets the hold, or returns nil where the event is
// not as it was when they were offered, or the nonce is fenced off.
func (s *Store) place(ctx context.Context, r *event.Reservation, nonce string, version int64) (*holdDoc, error) {
	filter := bson.M{"_id": r.EventID, "version": version, "holds." + nonce: absent, "fenced." + nonce: absent}
	inc := bson.M{"inventory": 1}
	for _, i := range r.Items {
		available := "types." + i.TicketTypeID + ".available"
		filter[available], inc[available] = bson.M{"$gte": i.Quantity}, -i.Quantity
	}
	hold := newHoldDoc(r, s.now())
	ok, err := s.events.Update(ctx, filter, bson.M{
		"$inc": inc,
		"$set": bson.M{"holds." + nonce: hold, "held_at": hold.At},
	})
	if err != nil || !ok {
		return nil, err
	}
	return hold, nil
}

// promote makes the intent of a hold HELD, and takes the hold away. It returns
// false where it is no intent any more.
func (s *Store) promote(ctx context.Context, eventID, nonce string, hold *holdDoc) (bool, error) {
	ok, err := s.reservations.Update(ctx,
		bson.M{"_id": hold.Record, "nonce": nonce, "state": intent},
		bson.M{"$set": bson.M{"state": event.Held, "event": hold.Event, "items": hold.Items}})
	if err != nil || !ok {
		return false, err
	}
	// Where this fails, the hold stays until it is swept.
	_, _ = s.events.Update(ctx, bson.M{"_id": eventID}, bson.M{"$unset": bson.M{"holds." + nonce: ""}})
	return true, nil
}

// outwait lets the call that wrote an intent finish, and after a while ends it.
// One whose tickets are taken is HELD at once.
func (s *Store) outwait(ctx context.Context, rec *recordDoc) error {
	if hold, _, err := s.hold(ctx, rec); err != nil {
		return err
	} else if hold != nil {
		_, err := s.promote(ctx, rec.EventID, rec.Nonce, hold)
		return err
	}
	for try, began := 0, time.Now(); time.Since(began) < s.patience; try++ {
		if err := mongodb.Pause(ctx, try+2); err != nil {
			return err
		}
		now, err := s.record(ctx, rec.ID)
		if err != nil || now == nil || now.Nonce != rec.Nonce || now.State != intent {
			return err
		}
	}
	return s.settle(ctx, rec)
}

// settle ends an intent: it is HELD if its tickets are taken, and else is gone,
// and its tickets will never be taken.
func (s *Store) settle(ctx context.Context, rec *recordDoc) error {
	at := micros(s.now())
	// Where the hold was here and is gone again, this mark has no meaning, and
	// the intent is none any more.
	fenced, err := s.events.Update(ctx,
		bson.M{"_id": rec.EventID, "holds." + rec.Nonce: absent},
		bson.M{"$set": bson.M{"fenced." + rec.Nonce: at, "marked_at": at}})
	if err != nil {
		return err
	}
	if !fenced {
		hold, there, err := s.hold(ctx, rec)
		if err != nil {
			return err
		}
		if hold != nil {
			_, err = s.promote(ctx, rec.EventID, rec.Nonce, hold)
			return err
		}
		if there {
			return nil // it was promoted meanwhile
		}
	}
	_, err = s.reservations.Remove(ctx, bson.M{"_id": rec.ID, "nonce": rec.Nonce, "state": intent})
	return err
}

// hold returns the record's hold, or nil, and whether the event is there.
func (s *Store) hold(ctx context.Context, rec *recordDoc) (*holdDoc, bool, error) {
	var doc struct {
		Holds map[string]*holdDoc `bson:"holds"`
	}
	there, err := s.events.One(ctx, byID(rec.EventID), bson.M{"holds." + rec.Nonce: 1}, &doc)
	return doc.Holds[rec.Nonce], there, err
}

// record returns an attempt's record, or nil.
func (s *Store) record(ctx context.Context, id string) (*recordDoc, error) {
	var rec recordDoc
	if ok, err := s.reservations.One(ctx, byID(id), nil, &rec); err != nil || !ok {
		return nil, err
	}
	return &rec, nil
}

// reserved is record, with an intent made HELD if its tickets are taken, and
// nil else.
func (s *Store) reserved(ctx context.Context, k event.Key) (*recordDoc, error) {
	rec, err := s.record(ctx, recordID(k.BookingID, k.Attempt))
	if err != nil || rec == nil || rec.EventID != k.EventID {
		return nil, err
	}
	if rec.State != intent {
		return rec, nil
	}
	hold, _, err := s.hold(ctx, rec)
	if err != nil {
		return nil, err
	}
	if hold != nil {
		if _, err := s.promote(ctx, rec.EventID, rec.Nonce, hold); err != nil {
			return nil, err
		}
	}
	// Without a hold it was none, or has been promoted since it was read.
	rec, err = s.record(ctx, rec.ID)
	if err != nil || rec == nil || rec.EventID != k.EventID || rec.State == intent {
		return nil, err
	}
	return rec, nil
}

// Reservation implements event.Inventory.
func (s *Store) Reservation(ctx context.Context, k event.Key) (*event.Reservation, error) {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	rec, err := s.reserved(ctx, k)
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, event.ErrReservationNotFound
	}
	if err := s.there(ctx, k.EventID); errors.Is(err, event.ErrEventNotFound) {
		return nil, event.ErrReservationNotFound
	} else if err != nil {
		return nil, err
	}
	return rec.reservation(), nil
}

// open are the records of a booking's attempts that are not released.
func (s *Store) open(ctx context.Context, k event.Key) ([]recordDoc, error) {
	var recs []recordDoc
	err := s.reservations.All(ctx, bson.M{
		"booking_id": k.BookingID, "attempt": bson.M{"$lte": k.Attempt}, "event_id": k.EventID,
		"state": bson.M{"$in": bson.A{intent, event.Held, event.Sold, returning}},
	}, &recs, options.Find())
	return recs, err
}
