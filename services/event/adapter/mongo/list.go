package mongo

import (
	"context"
	"regexp"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
)

// List implements event.Store.
func (s *Store) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	filter, order := listQuery(q)
	var docs []eventDoc
	if err := s.events.All(ctx, filter, &docs,
		options.Find().SetSort(order).SetLimit(int64(q.Limit)).SetProjection(eventOnly)); err != nil {
		return nil, err
	}
	page := make([]event.Event, len(docs))
	for i := range docs {
		page[i] = *docs[i].event()
	}
	return page, nil
}

// listQuery reads one page, in the order of an index. A word may stand within
// another, so the search text of what the index gives is looked through: an
// index of words would not find it.
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
	if q.Category != "" {
		and("category_key", event.Fold(q.Category))
	}
	if q.City != "" {
		and("city_key", event.Fold(q.City))
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
	for _, w := range q.Words() {
		all = append(all, bson.M{"search": bson.Regex{Pattern: literal(w)}})
	}
	if len(all) > 0 {
		and("$and", all)
	}
	return filter, order
}

// literal is the regular expression that finds w itself. BSON has no zero
// bytes in one.
func literal(w string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(w), "\x00", `\x00`)
}
