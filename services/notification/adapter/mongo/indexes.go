package mongo

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// indexes are all indexes there are, by name, but for those on _id.
func (db *DB) indexes() map[*mongo.Collection]map[string]mongo.IndexModel {
	messages := map[string]mongo.IndexModel{
		// A booking is told once of each kind.
		"once": {Keys: bson.D{{Key: "once", Value: 1}}, Options: options.Index().SetUnique(true)},
		// Enqueue: what is known of a booking, and since which version. List: of one booking.
		"booking": index("booking_id", "version"),
	}
	for _, c := range channels {
		maps.Copy(messages, map[string]mongo.IndexModel{
			c + "_due":    index(c+".status", c+".due"),                          // Claim
			c + "_id":     index(c + ".id"),                                      // Settle
			c + "_newest": index("-"+c+".created_at", "-"+c+".id"),               // List
			c + "_user":   index(c+".user_id", "-"+c+".created_at", "-"+c+".id"), // List: of one user
		})
	}
	for name, model := range messages {
		model.Options = cmp.Or(model.Options, options.Index()).SetName(name)
		messages[name] = model
	}
	return map[*mongo.Collection]map[string]mongo.IndexModel{db.messages: messages}
}

// index is one of these fields, descending where a name begins with "-".
func index(fields ...string) mongo.IndexModel {
	var keys bson.D
	for _, field := range fields {
		if name, descending := strings.CutPrefix(field, "-"); descending {
			keys = append(keys, bson.E{Key: name, Value: -1})
		} else {
			keys = append(keys, bson.E{Key: name, Value: 1})
		}
	}
	return mongo.IndexModel{Keys: keys}
}

// createIndexes creates those that are missing. Others may be at it as well, so
// that a failure counts only when an index is still missing afterwards. Not
// every server bears being asked for an index that it has: they are told by
// their names, and one of another shape has another name.
func (db *DB) createIndexes(ctx context.Context) error {
	for collection, models := range db.indexes() {
		var failure error
		for try := 0; ; try++ {
			wanted, err := missing(ctx, collection, models)
			if err != nil {
				return err
			}
			if len(wanted) == 0 {
				break
			}
			if try == 5 {
				return failure
			}
			_, failure = collection.Indexes().CreateMany(ctx, wanted)
		}
	}
	return nil
}

// missing returns those of models that collection does not have.
func missing(ctx context.Context, collection *mongo.Collection, models map[string]mongo.IndexModel) ([]mongo.IndexModel, error) {
	there, err := collection.Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, err
	}
	for _, index := range there {
		delete(models, index.Name)
	}
	return slices.Collect(maps.Values(models)), nil
}
