package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Enqueue implements notification.Store.
//
// A record that nothing can make stale is one insert. Any other is decided in
// steps, because another document may say that it is not to be told:
//
//  1. Insert the message, undecided and without deliveries.
//  2. Look at the other messages of its booking: one of a higher version that
//     outdates it makes it stale. One of a lower version that it outdates, and
//     that is still undecided, is told no more.
//  3. Decide: set the deliveries where it is to be told.
//
// Of two messages at a time each inserts before it looks, so that at least one
// sees the other; and what is newer is not told before what is older is
// decided. After a crash between two steps the message is undecided. It was
// not acknowledged and has no receipt, so it comes again, and any number of
// callers may then go on: step 3 succeeds once.
func (s *Store) Enqueue(ctx context.Context, r notification.Record) (stored bool, err error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	m := newMessage(r)
	if err := m.setDeliveries(r.Deliveries); err != nil {
		return false, err
	}
	if r.BookingID == "" || r.Kind == notification.Nothing || len(r.Deliveries) == 0 {
		return s.messages.Insert(ctx, m)
	}
	if known, err := s.begin(ctx, m, r.Once()); err != nil || known {
		return false, err
	}
	stale, err := s.stale(ctx, m)
	if err != nil {
		return false, err
	}
	if stale {
		return false, s.drop(ctx, m.ID)
	}
	deliveries := bson.D{}
	if m.Email != nil {
		deliveries = append(deliveries, bson.E{Key: "email", Value: m.Email})
	}
	if m.SMS != nil {
		deliveries = append(deliveries, bson.E{Key: "sms", Value: m.SMS})
	}
	return s.messages.Update(ctx, undecided(m.ID),
		bson.D{{Key: "$set", Value: deliveries}, {Key: "$unset", Value: bson.D{{Key: "undecided", Value: ""}}}})
}

// begin sees to it that the message is there, undecided. known says that it is
// decided: it was before, or has become so because its booking is told already.
func (s *Store) begin(ctx context.Context, m message, once string) (known bool, err error) {
	first := m
	first.Once, first.Undecided, first.Email, first.SMS = once, true, nil, nil
	for try := 0; ; try++ {
		if inserted, err := s.messages.Insert(ctx, first); err != nil || inserted {
			return false, err
		}
		// Not every server says which of the two was there.
		there, err := s.find(ctx, byID(m.ID))
		if err != nil || there != nil {
			return there != nil && !there.Undecided, err
		}
		holder, err := s.find(ctx, bson.D{{Key: "once", Value: first.Once}})
		switch {
		case err != nil:
			return false, err
		case holder == nil: // it was dropped just now, or is not yet to be seen
			if err := mongodb.Pause(ctx, try); err != nil {
				return false, err
			}
		case holder.Undecided && holder.Version < m.Version:
			// It may never come again, or only to be found stale.
			if err := s.drop(ctx, holder.ID); err != nil {
				return false, err
			}
		default:
			second := m
			second.Email, second.SMS = nil, nil
			_, err := s.messages.Insert(ctx, second)
			return true, err
		}
	}
}

// find returns what filter finds, without deliveries, or nil.
func (s *Store) find(ctx context.Context, filter bson.D) (*message, error) {
	var m message
	if there, err := s.messages.One(ctx, filter, header, &m); err != nil || !there {
		return nil, err
	}
	return &m, nil
}

// header is what a decision needs to know of a message.
var header = bson.D{{Key: "version", Value: 1}, {Key: "kind", Value: 1}, {Key: "undecided", Value: 1}}

// stale reports whether something that outdates m is known. Where nothing is,
// what m outdates is undecided no more when it returns.
func (s *Store) stale(ctx context.Context, m message) (bool, error) {
	var others []message
	if err := s.messages.All(ctx, bson.D{{Key: "booking_id", Value: m.BookingID}}, &others,
		options.Find().SetProjection(header)); err != nil {
		return false, err
	}
	for _, other := range others {
		if other.Version > m.Version && other.Kind.Outdates(m.Kind) {
			return true, nil
		}
	}
	for _, other := range others {
		if other.Undecided && other.Version < m.Version && m.Kind.Outdates(other.Kind) {
			if err := s.drop(ctx, other.ID); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// drop decides that a message, if it is undecided, is told to nobody.
func (s *Store) drop(ctx context.Context, id string) error {
	_, err := s.messages.Update(ctx, undecided(id), bson.D{
		{Key: "$set", Value: bson.D{{Key: "once", Value: id}}},
		{Key: "$unset", Value: bson.D{{Key: "undecided", Value: ""}}},
	})
	return err
}

func undecided(id string) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "undecided", Value: true}}
}
