package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Holdings implements event.Holdings. It first moves out the holds of all
// processes; then the records have everything.
func (s *Store) Holdings(ctx context.Context, after string, limit int) ([]event.Holding, error) {
	held, err := s.held(ctx, bson.A{}, 0)
	if err != nil {
		return nil, err
	}
	var holds []placedHold
	for i := range held {
		for nonce, hold := range held[i].Holds {
			holds = append(holds, placedHold{held[i].ID, nonce, hold})
		}
	}
	if err := s.moveOut(ctx, holds); err != nil {
		return nil, err
	}
	page := []event.Holding{}
	for {
		// Of some nothing is left, which shows only here.
		missing := limit - len(page)
		recs, err := s.holding(ctx, bson.M{"booking_id": bson.M{"$gt": after}}, missing)
		if err != nil {
			return nil, err
		}
		more := len(recs) == missing
		if more {
			last := &recs[len(recs)-1]
			after = last.BookingID
			rest, err := s.holding(ctx, bson.M{"booking_id": after, "attempt": bson.M{"$gt": last.Attempt}}, event.MaxAttempt)
			if err != nil {
				return nil, err
			}
			recs = append(recs, rest...)
		}
		for i := range recs {
			if h := recs[i].holding(); h.Tickets > 0 {
				page = append(page, h)
			}
		}
		if !more || len(page) >= limit {
			return page, nil
		}
	}
}

// holding reads the records that filter matches and that have tickets, or had
// some.
func (s *Store) holding(ctx context.Context, filter bson.M, limit int) ([]recordDoc, error) {
	filter["state"] = bson.M{"$in": bson.A{event.Held, event.Sold}}
	var recs []recordDoc
	err := s.reservations.List(ctx, mongodb.Page{
		Filter: filter, Order: bson.D{{Key: "booking_id", Value: 1}, {Key: "attempt", Value: 1}}, Limit: limit,
	}, &recs)
	return recs, err
}

func (d *recordDoc) holding() event.Holding {
	h := event.Holding{Key: event.Key{EventID: d.EventID, BookingID: d.BookingID, Attempt: d.Attempt}, State: d.State}
	for _, t := range d.rest() {
		h.Tickets += t.Quantity
	}
	return h
}
