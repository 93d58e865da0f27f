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
	if q.IsSearch() {
		read = s.events.Search
	}
	page := []event.Event{}
	for _, filter := range filtersOf(q) {
		if len(page) == q.Limit {
			break
		}
		var docs []eventDoc
		if err := read(ctx, mongodb.Page{Filter: filter, Order: orderOf(q), Projection: eventOnly, Limit: q.Limit - len(page)}, &docs); err != nil {
			return nil, err
		}
		for i := range docs {
			page = append(page, *docs[i].event())
		}
	}
	return page, nil
}

// place is the field that q's order begins with.
func place(q event.Query) string {
	if q.Sort == event.ByTitle {
		return "title_key"
	}
	return "starts_at"
}

// orderOf is an index's, so that a page is read in it; or, of a search, from
// another index, if the server finds that to be less.
func orderOf(q event.Query) bson.D {
	direction := 1
	if q.Sort == event.ByStartLatest {
		direction = -1
	}
	return bson.D{{Key: place(q), Value: direction}, {Key: "_id", Value: direction}}
}

// filtersOf select what q asks for, one after the other: from the start, all; after
// an event, first what is left of those that share its place, and then what comes
// after that place. Each bounds the part of the index that is read on both sides.
func filtersOf(q event.Query) []bson.D {
	if q.After == nil {
		return []bson.D{filterOf(q)}
	}
	var at any = micros(q.After.StartsAt)
	if q.Sort == event.ByTitle {
		at = q.After.TitleKey
	}
	after := "$gt"
	if q.Sort == event.ByStartLatest {
		after = "$lt"
	}
	return []bson.D{
		filterOf(q, bson.M{place(q): at}, bson.M{"_id": bson.M{after: q.After.ID}}),
		filterOf(q, bson.M{place(q): bson.M{after: at}}),
	}
}

// filterOf is q's filters, and others.
func filterOf(q event.Query, also ...bson.M) bson.D {
	filter := bson.D{}
	and := func(field string, condition any) { filter = append(filter, bson.E{Key: field, Value: condition}) }
	if category := event.Fold(q.Category); category != "" {
		and("category_key", category)
	}
	if city := event.Fold(q.City); city != "" {
		and("city_key", city)
	}
	if q.Month != "" {
		and("months", q.Month)
	}
	if q.MostPrice != nil {
		and("currency", q.MostPrice.Currency)
		and("lowest_price", bson.M{"$lte": q.MostPrice.AmountMinor})
	}
	var all bson.A // conditions on fields that others have conditions on, too
	for _, condition := range also {
		all = append(all, condition)
	}
	if !q.From.IsZero() {
		all = append(all, bson.M{"starts_at": bson.M{"$gte": micros(q.From)}})
	}
	if !q.To.IsZero() {
		all = append(all, bson.M{"starts_at": bson.M{"$lt": micros(q.To)}})
	}
	for _, t := range q.Terms() {
		// What a regular expression begins with bounds the part of the index that
		// is read. A term has letters and digits alone.
		all = append(all, bson.M{"words": bson.Regex{Pattern: "^" + t}})
	}
	if len(all) > 0 {
		and("$and", all)
	}
	return filter
}
