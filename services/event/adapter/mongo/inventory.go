package mongo

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Reserve implements event.Inventory. In the common case it makes two requests:
// one inserts the intent, and one takes the tickets of the event as it was when
// it was last read. The rest is left to Run.
func (s *Store) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	nonce := "" // of the intent that this call has written
	fresh := false
	for try := 0; ; try++ {
		r, version, refusal, err := s.offer(ctx, k, want, now, fresh)
		if err != nil {
			return nil, err
		}
		if nonce == "" && refusal == nil {
			if nonce, err = s.intend(ctx, k); err != nil {
				return nil, err
			}
		}
		if nonce == "" {
			// Another call came first, or perhaps did, where this one is refused.
			rec, err := s.record(ctx, recordID(k.BookingID, k.Attempt))
			switch {
			case err != nil:
				return nil, err
			case rec != nil && rec.State != intent:
				err = s.there(ctx, rec.EventID)
				if err == nil {
					return answer(rec, k, want)
				}
				if errors.Is(err, event.ErrEventNotFound) {
					// It was deleted, and its records are about to be.
					_, err = s.reservations.Remove(ctx, bson.M{"_id": rec.ID, "nonce": rec.Nonce})
				}
			case rec != nil:
				err = s.outwait(ctx, rec)
			default:
				err = refusal
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		if refusal == nil {
			hold, err := s.place(ctx, r, nonce, version)
			if err != nil {
				return nil, err // it may have been placed: the next attempt finds out
			}
			if hold != nil {
				s.placed.add(placedHold{k.EventID, nonce, hold})
				return r, nil
			}
			// The event is not as it was, or the intent has been ended.
			fresh = true
			if try == 0 {
				continue
			}
		}
		// Nothing was placed, and nothing will be.
		mine, err := s.reservations.Remove(ctx, bson.M{"_id": recordID(k.BookingID, k.Attempt), "nonce": nonce, "state": intent})
		if err != nil {
			return nil, err
		}
		nonce = ""
		if mine && refusal != nil {
			return nil, refusal
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// answer is what Reserve says where the attempt has reserved before.
func answer(rec *recordDoc, k event.Key, want []event.Request) (*event.Reservation, error) {
	r := rec.reservation()
	switch {
	case r.EventID != k.EventID:
		return nil, event.ErrReservationMismatch
	case r.State == event.Released || r.State == shut:
		return nil, event.ErrReservationReleased
	case !r.IsFor(want):
		return nil, event.ErrReservationMismatch
	}
	return r, nil
}

// offer is the reservation that can be had, of this version of the event, or why
// it is refused. Unless fresh, it is made of the event as it was when it was last
// read; a refusal never is.
func (s *Store) offer(ctx context.Context, k event.Key, want []event.Request, now time.Time, fresh bool) (r *event.Reservation, version int64, refusal, err error) {
	e := s.known.get(k.EventID)
	var items []events.Item
	if e != nil && !fresh {
		items, refusal = e.Reserve(want, now)
	}
	if e == nil || fresh || refusal != nil {
		e, err = s.Get(ctx, k.EventID)
		if errors.Is(err, event.ErrEventNotFound) {
			return nil, 0, err, nil
		}
		if err != nil {
			return nil, 0, nil, err
		}
		if items, refusal = e.Reserve(want, now); refusal != nil {
			return nil, 0, refusal, nil
		}
	}
	return &event.Reservation{Key: k, State: event.Held, Event: e.Snapshot(), Items: items}, e.Version, nil, nil
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
	held := promotion(nonce, hold)
	ok, err := s.reservations.Update(ctx, held.Filter, held.Change)
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
	if rec.State == shut {
		return nil, nil
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
	if err != nil || rec == nil || rec.EventID != k.EventID || rec.State == intent || rec.State == shut {
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

// attempts are the records of a booking's attempts up to k's, at any event.
func (s *Store) attempts(ctx context.Context, k event.Key) ([]recordDoc, error) {
	var recs []recordDoc
	err := s.reservations.All(ctx, bson.M{"booking_id": k.BookingID, "attempt": bson.M{"$lte": k.Attempt}}, &recs)
	return recs, err
}
