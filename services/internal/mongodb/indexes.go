package mongodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// indexTimeout bounds the creation of a collection's indexes, which takes its
// time where they are new and the collection is not.
const indexTimeout = 10 * time.Minute

// Index is one that a collection has besides the one of _id. One of another
// shape has another name.
type Index struct {
	Collection, Name string
	Keys             bson.D
	Unique           bool
}

// createIndexes creates those that are missing. Others may be at it as well, so
// that a failure counts only when an index is still missing afterwards. Not
// every server bears being asked for an index that it has.
func (db *DB) createIndexes(ctx context.Context, indexes []Index) error {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	done := map[string]bool{}
	for _, i := range indexes {
		if done[i.Collection] {
			continue
		}
		done[i.Collection] = true
		var failure error
		for try := 0; ; try++ {
			wanted, err := db.missing(ctx, i.Collection, indexes)
			if err != nil {
				return err
			}
			if len(wanted) == 0 {
				break
			}
			if try == 5 {
				return failure
			}
			if try > 0 {
				if err := Pause(ctx, try); err != nil {
					return err
				}
			}
			_, failure = db.database.Collection(i.Collection).Indexes().CreateMany(ctx, wanted)
		}
	}
	return nil
}

// errIndex is for whoever runs the database: a query would be slow, or a second
// document taken, without a word.
var errIndex = errors.New("an index has the right name and another shape: drop it, and start again")

// is reports whether spec has i's shape.
func (i Index) is(spec mongo.IndexSpecification) bool {
	var keys bson.D
	if err := bson.Unmarshal(spec.KeysDocument, &keys); err != nil || len(keys) != len(i.Keys) {
		return false
	}
	for n, key := range keys {
		// Servers store a direction as any kind of number.
		if want := i.Keys[n]; key.Key != want.Key || fmt.Sprint(key.Value) != fmt.Sprint(want.Value) {
			return false
		}
	}
	return i.Unique == (spec.Unique != nil && *spec.Unique)
}

// missing returns those of a collection's indexes that it does not have.
func (db *DB) missing(ctx context.Context, collection string, indexes []Index) ([]mongo.IndexModel, error) {
	ctx, cancel := db.Limit(ctx, 0)
	defer cancel()
	specs, err := db.database.Collection(collection).Indexes().ListSpecifications(ctx)
	if err != nil {
		return nil, err
	}
	there := map[string]mongo.IndexSpecification{}
	for _, spec := range specs {
		there[spec.Name] = spec
	}
	var missing []mongo.IndexModel
	for _, i := range indexes {
		if i.Collection != collection {
			continue
		}
		spec, ok := there[i.Name]
		if ok && !i.is(spec) {
			return nil, fmt.Errorf("%w: %s of %s has the keys %s", errIndex, i.Name, collection, spec.KeysDocument)
		}
		if !ok {
			o := options.Index().SetName(i.Name)
			if i.Unique {
				o.SetUnique(true)
			}
			missing = append(missing, mongo.IndexModel{Keys: i.Keys, Options: o})
		}
	}
	return missing, nil
}
