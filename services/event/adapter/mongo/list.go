package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// List implements event.Store.
func (s *Store) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.FindsNothing() {
		return []event.Event{}, nil
	}
	read := s.events.List
	if len(q.Terms()) > 0 {
		read = s.events.Search
	}
	filter, order := listQuery(q)
	var docs []eventDoc
	if err := read(ctx, mongodb.Page{Filter: filter, Order: order, Projection: eventOnly, Limit: q.Limit}, &docs); err != nil {
		return nil, err
	}
	page := make([]event.Event, len(docs))
	for i := range docs {
		page[i] = *docs[i].event()
	}
	return page, nil
}

// listQuery reads one page, in the order of an index; or, of a search, from the
// index of words, if the server finds that to be less.
func listQuery(q event.Query) (filter, order bson.D) {
	field, direction, after := "starts_at", 1, "$gt"
	if q.Sort == event.ByTitle {
		field = "title_key"
	}
	if q.Sort == event.ByStartLatest {
		direction, after = -1, "$lt"
	}
	order = bson.D{{Key: field, Value: direction}, {Key: "_id", Value: direction}}

	filter = bson.D{}
	and := func(field string, condition any) { filter = append(filter, bson.E{Key: field, Value: condition}) }
	if category := event.Fold(q.Category); category != "" {
		and("category_key", category)
	}
	if city := event.Fold(q.City); city != "" {
		and("city_key", city)
	}
	var all bson.A // conditions on fields that others have conditions on, too
	if !q.From.IsZero() {
		all = append(all, bson.M{"starts_at": bson.M{"$gte": micros(q.From)}})
	}
	if !q.To.IsZero() {
		all = append(all, bson.M{"starts_at": bson.M{"$lt": micros(q.To)}})
	}
	if q.After != nil {
		var at any = micros(q.After.StartsAt)
		if q.Sort == event.ByTitle {
			at = q.After.TitleKey
		}
		// The first says the same as the second, less exactly: it bounds the
		// part of the index that is read.
		all = append(all, bson.M{field: bson.M{after + "e": at}}, bson.M{"$or": bson.A{
			bson.M{field: bson.M{after: at}},
			bson.M{field: at, "_id": bson.M{after: q.After.ID}},
		}})
	}
	for _, t := range q.Terms() {
		// What a regular expression begins with bounds the part of the index that
		// is read. A term has letters and digits alone.
		all = append(all, bson.M{"words": bson.Regex{Pattern: "^" + t}})
	}
	if len(all) > 0 {
		and("$and", all)
	}
	return filter, order
}
