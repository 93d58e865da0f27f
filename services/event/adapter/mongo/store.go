package mongo

import (
	"context"
	"fmt"
	"maps"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// Create implements event.Store.
func (s *Store) Create(ctx context.Context, e *event.Event, most int) error {
	if err := mayBePath(e.TicketTypes); err != nil {
		return err
	}
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	if err := s.count(ctx, e, most); err != nil {
		return err
	}
	doc := edited(e)
	doc["_id"], doc["version"], doc["inventory"] = e.ID, int64(1), int64(0)
	types := bson.M{}
	for i, t := range e.TicketTypes {
		types[t.ID] = newTypeDoc(i, t)
	}
	doc["types"] = types
	fresh, err := s.events.Insert(ctx, doc)
	if err == nil && !fresh {
		err = fmt.Errorf("event %s exists", e.ID)
	}
	return err
}

// Get implements event.Store.
func (s *Store) Get(ctx context.Context, id string) (*event.Event, error) {
	doc, err := s.document(ctx, id)
	if err != nil {
		return nil, err
	}
	e := doc.event()
	s.known.put(e)
	return e, nil
}

func (s *Store) document(ctx context.Context, id string) (*eventDoc, error) {
	var doc eventDoc
	if ok, err := s.events.One(ctx, byID(id), eventOnly, &doc); err != nil {
		return nil, err
	} else if !ok {
		return nil, event.ErrEventNotFound
	}
	return &doc, nil
}

// Update implements event.Store.
func (s *Store) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	return s.update(ctx, id, func(e *event.Event) (also bson.M, err error) { return nil, edit(e) })
}

// Cancel implements event.Store: the message is set by the update that changes
// the event.
func (s *Store) Cancel(ctx context.Context, id string, cancel func(*event.Event) (events.Message, error)) (*event.Event, error) {
	return s.update(ctx, id, func(e *event.Event) (also bson.M, err error) {
		m, err := cancel(e)
		if err != nil {
			return nil, err
		}
		return outgoing(events.TopicEvents, m, m.Time)
	})
}

// update makes the event what edit makes of it, and sets the fields also that
// it returns.
func (s *Store) update(ctx context.Context, id string, edit func(*event.Event) (also bson.M, err error)) (*event.Event, error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	for try := 0; ; try++ {
		e, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		next := *e
		next.TicketTypes = append([]event.TicketType(nil), e.TicketTypes...)
		also, err := edit(&next)
		if err != nil {
			return nil, err
		}
		if err := e.Revise(&next); err != nil {
			return nil, err
		}
		if err := mayBePath(next.TicketTypes); err != nil {
			return nil, err
		}
		filter, change := revision(e, &next)
		maps.Copy(change["$set"].(bson.M), also)
		var doc eventDoc
		if ok, err := s.events.Updated(ctx, filter, change, &doc); err != nil {
			return nil, err
		} else if ok {
			return doc.event(), nil
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// revision is the update that makes next of e. It asks for e's version, and of
// the inventory only what it needs: tickets sold meanwhile do not disturb it.
func revision(e, next *event.Event) (filter, change bson.M) {
	filter = bson.M{"_id": e.ID, "version": e.Version}
	set, inc, unset := edited(next), bson.M{}, bson.M{}
	for i, t := range next.TicketTypes {
		path := "types." + t.ID
		old := e.TicketType(t.ID)
		if old == nil {
			set[path] = newTypeDoc(i, t)
			continue
		}
		set[path+".position"], set[path+".name"] = i, t.Name
		set[path+".price"], set[path+".currency"] = t.Price.AmountMinor, t.Price.Currency
		set[path+".capacity"], set[path+".description"] = t.Capacity, t.Description
		set[path+".sales_from"], set[path+".sales_until"] = optional(t.SalesFrom), optional(t.SalesUntil)
		if more := t.Capacity - old.Capacity; more != 0 {
			inc[path+".available"] = more
			if more < 0 {
				filter[path+".available"] = bson.M{"$gte": -more}
			}
		}
	}
	for _, t := range e.TicketTypes {
		if next.TicketType(t.ID) == nil {
			unset["types."+t.ID] = ""
			filter["types."+t.ID+".available"] = t.Capacity // none is taken
		}
	}
	change = bson.M{"$set": set}
	if len(inc) > 0 {
		change["$inc"] = inc
	}
	if len(unset) > 0 {
		change["$unset"] = unset
	}
	return filter, change
}

// Delete implements event.Store.
func (s *Store) Delete(ctx context.Context, id string, check func(*event.Event) error) error {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	for try := 0; ; try++ {
		doc, err := s.document(ctx, id)
		if err != nil {
			return err
		}
		e := doc.event()
		if err := check(e); err != nil {
			return err
		}
		if e.Available() < e.Capacity() {
			return event.ErrEventHasBookings
		}
		if doc.MessageDue != 0 {
			return event.ErrNotTold // the message would go with it
		}
		// Before the event goes, so that a crash leaves nothing behind that
		// nobody looks for.
		if err := s.intendDelete(ctx, id); err != nil {
			return err
		}
		ok, err := s.events.Remove(ctx, bson.M{"_id": id, "version": e.Version, "inventory": e.Inventory, "message_due": absent})
		if err != nil || ok {
			return err
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return err
		}
	}
}
