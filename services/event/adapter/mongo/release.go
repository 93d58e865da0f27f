package mongo

import (
	"context"
	"errors"
	"maps"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Release implements event.Inventory.
func (s *Store) Release(ctx context.Context, k event.Key) error {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	return s.release(ctx, k)
}

func (s *Store) release(ctx context.Context, k event.Key) error {
	if err := s.there(ctx, k.EventID); err != nil {
		return err
	}
	if err := s.close(ctx, k); err != nil {
		return err
	}
	return s.finish(ctx, k)
}

// there is nil, or ErrEventNotFound.
func (s *Store) there(ctx context.Context, eventID string) error {
	var e struct{}
	ok, err := s.events.One(ctx, byID(eventID), bson.M{"_id": 1}, &e)
	if err == nil && !ok {
		err = event.ErrEventNotFound
	}
	return err
}

// close makes the attempts up to k's ones that never reserve again.
func (s *Store) close(ctx context.Context, k event.Key) error {
	since := micros(s.now())
	fresh, err := s.closures.Insert(ctx, closureDoc{
		ID: closureID(k), EventID: k.EventID, BookingID: k.BookingID, Attempt: k.Attempt, OpenSince: since,
	})
	if err != nil || fresh {
		return err
	}
	_, err = s.closures.Update(ctx,
		bson.M{"_id": closureID(k), "attempt": bson.M{"$lt": k.Attempt}},
		bson.M{"$set": bson.M{"attempt": k.Attempt, "open_since": since}, "$unset": bson.M{"sealed": ""}})
	return err
}

// finish gives back what the closed attempts up to k's have, gives a record to
// those that have none, and says so in the closure, unless it was raised meanwhile.
func (s *Store) finish(ctx context.Context, k event.Key) error {
	for try := 0; ; try++ {
		if try > 0 {
			if err := mongodb.Pause(ctx, try-1); err != nil {
				return err
			}
		}
		recs, err := s.attempts(ctx, k)
		if err != nil {
			return err
		}
		again, known := false, map[int]bool{}
		for i := range recs {
			rec := &recs[i]
			known[rec.Attempt] = true
			switch {
			case rec.State == intent:
				// If it becomes HELD, the next round gives it back. One of another
				// event may be refused there, and then its attempt has no record.
				again = true
				err = s.settle(ctx, rec)
			case rec.EventID == k.EventID && rec.open():
				err = s.giveBack(ctx, rec)
			}
			if err != nil {
				return err
			}
		}
		if again {
			continue
		}
		if sealed, err := s.seal(ctx, k, known); err != nil {
			return err
		} else if sealed {
			break
		}
	}
	_, err := s.closures.Update(ctx,
		bson.M{"_id": closureID(k), "attempt": k.Attempt},
		bson.M{"$unset": bson.M{"open_since": ""}, "$set": bson.M{"sealed": true}})
	return err
}

// seal gives a record to the attempts up to k's that are not known to have one,
// and reports whether no other call did so meanwhile.
func (s *Store) seal(ctx context.Context, k event.Key, known map[int]bool) (bool, error) {
	seals := s.seals(k, known)
	if len(seals) == 0 {
		return true, nil
	}
	fresh, err := s.reservations.InsertEach(ctx, seals)
	return fresh == len(seals), err
}

// seals are records of the attempts up to k's that are not known to have one.
func (s *Store) seals(k event.Key, known map[int]bool) (seals []any) {
	for attempt := 1; attempt <= k.Attempt; attempt++ {
		if !known[attempt] {
			seals = append(seals, recordDoc{
				ID: recordID(k.BookingID, attempt), BookingID: k.BookingID, Attempt: attempt,
				EventID: k.EventID, Nonce: uuid.NewString(), State: shut, At: micros(s.now()),
			})
		}
	}
	return seals
}

// sealOld seals what an earlier release has closed, which looked for a closure
// where this one looks for records.
func (s *Store) sealOld(ctx context.Context) error {
	for {
		var old []closureDoc
		if _, err := s.closures.AllReadable(ctx, bson.M{"sealed": absent, "open_since": absent}, batch, &old); err != nil {
			return err
		}
		var seals []any
		var ids, bookings bson.A
		keys := map[string]event.Key{} // by booking
		for _, c := range old {
			k := event.Key{EventID: c.EventID, BookingID: c.BookingID, Attempt: c.Attempt}
			seals = append(seals, s.seals(k, nil)...)
			ids, bookings, keys[c.BookingID] = append(ids, c.ID), append(bookings, c.BookingID), k
		}
		if len(old) > 0 {
			if _, err := s.reservations.InsertEach(ctx, seals); err != nil {
				return err
			}
			var intents []recordDoc // of processes that died
			if err := s.reservations.All(ctx, bson.M{"booking_id": bson.M{"$in": bookings}, "state": intent}, &intents); err != nil {
				return err
			}
			for _, rec := range intents {
				if err := s.finish(ctx, keys[rec.BookingID]); err != nil {
					return err
				}
			}
			if err := s.closures.UpdateAll(ctx, bson.M{"_id": bson.M{"$in": ids}, "open_since": absent}, bson.M{"$set": bson.M{"sealed": true}}); err != nil {
				return err
			}
		}
		if len(old) < batch {
			return nil
		}
	}
}

// giveBack returns the tickets of a record that was HELD, SOLD or RETURNING, but
// for those of its returns, which it finishes.
func (s *Store) giveBack(ctx context.Context, rec *recordDoc) error {
	for try := 0; ; try++ {
		// First which marks are forgotten, then whether the record is open, and
		// then the tickets, if no more marks are forgotten by then: of one that
		// another release has finished since, the mark is still there.
		var e returnedDoc
		there, err := s.events.One(ctx, byID(rec.EventID), bson.M{"returned." + rec.Nonce: 1, "forgotten": 1}, &e)
		if err != nil {
			return err
		}
		var now recordDoc // of which no more is returned from here on
		if ok, err := s.reservations.Updated(ctx,
			bson.M{"_id": rec.ID, "nonce": rec.Nonce, "state": bson.M{"$in": bson.A{event.Held, event.Sold, returning}}},
			bson.M{"$set": bson.M{"state": returning}}, &now); err != nil || !ok {
			return err // it is RELEASED
		}
		// Whoever else is at it, one of us sets the mark.
		_, done := e.Returned[rec.Nonce]
		if !done && there {
			if done, err = s.putBack(ctx, rec.EventID, rec.Nonce, rec.ID, now.rest(), bson.M{"forgotten": e.forgotten()}); err != nil {
				return err
			}
		}
		if done || !there {
			for id, r := range now.Returns {
				if r.Done {
					continue
				}
				if err := s.finishReturn(ctx, &now, id); err != nil {
					return err
				}
			}
			_, err := s.reservations.Update(ctx,
				bson.M{"_id": rec.ID, "nonce": rec.Nonce, "state": returning},
				bson.M{"$set": bson.M{"state": event.Released}})
			return err
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return err
		}
	}
}

// returnedDoc is what an event knows of tickets that were given back.
type returnedDoc struct {
	Returned  map[string]markDoc `bson:"returned"`
	Forgotten int64              `bson:"forgotten"` // how often marks have been
}

// forgotten is the condition that no more marks have been forgotten.
func (d *returnedDoc) forgotten() any {
	if d.Forgotten == 0 {
		return absent
	}
	return d.Forgotten
}

// markDoc is returned.<nonce>.
type markDoc struct {
	At     int64  `bson:"at"`
	Record string `bson:"record"`
}

// putBack makes the tickets of a nonce available, once, and only if the event
// meets the condition. It reports whether it did.
func (s *Store) putBack(ctx context.Context, eventID, nonce, record string, items []event.Request, condition bson.M) (bool, error) {
	at := micros(s.now())
	filter := bson.M{"_id": eventID, "returned." + nonce: absent}
	maps.Copy(filter, condition)
	inc := bson.M{"inventory": 1}
	for _, i := range items {
		inc["types."+i.TicketTypeID+".available"] = i.Quantity
	}
	return s.events.Update(ctx, filter, bson.M{
		"$inc":   inc,
		"$set":   bson.M{"returned." + nonce: markDoc{At: at, Record: record}, "marked_at": at},
		"$unset": bson.M{"holds." + nonce: ""},
	})
}

// Sell implements event.Inventory. The update that has the effect notes the
// message. One that has none is noted after that, as those of hear are.
func (s *Store) Sell(ctx context.Context, messageID string, k event.Key) error {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	if done, err := s.sales.Do(ctx, sale{messageID, k}); err != nil || done {
		return err
	}
	rec, err := s.reserved(ctx, k) // its hold may not have moved out
	if err != nil {
		return err
	}
	if rec != nil && rec.State == event.Held {
		if done, err := s.sales.Do(ctx, sale{messageID, k}); err != nil || done {
			return err
		}
	}
	_, err = s.inbox.Record(ctx, messageID, s.now())
	return err
}

// sale is one Sell.
type sale struct {
	message string
	key     event.Key
}

// sell turns holds into sales. For each message it reports whether the message is
// recorded, now or from an earlier delivery.
func (s *Store) sell(ctx context.Context, sales []sale) ([]bool, error) {
	messages, records := make([]string, len(sales)), make([]string, len(sales))
	for i, sale := range sales {
		messages[i], records[i] = sale.message, recordID(sale.key.BookingID, sale.key.Attempt)
	}
	heard, err := s.inbox.known(ctx, s.inbox.messages, "_id", messages)
	if err != nil {
		return nil, err
	}
	var changes []mongodb.Change
	for _, sale := range sales {
		if !heard[sale.message] {
			changes = append(changes, s.change(sale))
		}
	}
	sold, err := s.reservations.UpdateEach(ctx, changes)
	if err != nil {
		return nil, err
	}
	all, by := sold == len(changes), map[string]string{}
	if !all { // and this does not say which
		var recs []recordDoc
		if _, err := s.reservations.AllReadable(ctx, bson.M{"_id": bson.M{"$in": records}}, 0, &recs,
			options.Find().SetProjection(bson.M{"sold_by": 1})); err != nil {
			return nil, err
		}
		for _, rec := range recs {
			by[rec.ID] = rec.SoldBy
		}
	}
	done := make([]bool, len(sales))
	for i, m := range messages {
		done[i] = all || heard[m] || by[records[i]] == m
	}
	return done, nil
}

// change makes a record SOLD that is HELD. The intent of a hold that this process
// has placed need not become HELD first.
func (s *Store) change(sale sale) mongodb.Change {
	filter := bson.M{"_id": recordID(sale.key.BookingID, sale.key.Attempt), "event_id": sale.key.EventID, "state": event.Held}
	set := bson.M{"state": event.Sold, "sold_by": sale.message}
	if h := s.placed.of(recordID(sale.key.BookingID, sale.key.Attempt)); h != nil {
		filter["nonce"], filter["state"] = h.nonce, bson.M{"$in": bson.A{intent, event.Held}}
		set["event"], set["items"] = h.hold.Event, h.hold.Items
	}
	return mongodb.Change{Filter: filter, Change: bson.M{"$set": set}}
}

// GiveBack implements event.Inventory. Its effect comes first and the receipt
// last: after a crash between the two the message comes again, and finds the
// attempts closed.
func (s *Store) GiveBack(ctx context.Context, messageID string, k event.Key) error {
	return s.hear(ctx, messageID, func(ctx context.Context) error {
		if err := s.release(ctx, k); !errors.Is(err, event.ErrEventNotFound) {
			return err
		}
		return nil
	})
}

// hear lets a message have its effect, and then notes that it had. One that is
// noted has none.
func (s *Store) hear(ctx context.Context, messageID string, effect func(context.Context) error) error {
	ctx, cancel := s.db.Limit(ctx, s.limit)
	defer cancel()
	heard, err := s.inbox.heard(ctx, messageID)
	if err != nil || heard {
		return err
	}
	if err := effect(ctx); err != nil {
		return err
	}
	_, err = s.inbox.Record(ctx, messageID, s.now())
	return err
}
