package mongodb

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Collection is the requests that the services make of one. Each has an effect
// on one document at most, unless it says otherwise, and is made again when it
// met another one and had none. An error that is storage.ErrUnavailable leaves
// open whether a write took effect.
type Collection struct {
	db *DB
	c  *mongo.Collection
}

// Collection returns the one of this name.
func (db *DB) Collection(name string) Collection { return Collection{db, db.database.Collection(name)} }

// Driver is the collection as the driver has it.
func (c Collection) Driver() *mongo.Collection { return c.c }

func (c Collection) do(ctx context.Context, request func(ctx context.Context) error) error {
	ctx, cancel := c.db.Limit(ctx, 0)
	defer cancel()
	if c.db.before != nil {
		if err := c.db.before(ctx); err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		err := request(ctx)
		if !conflict(err) || attempt == maxAttempts {
			return failed(err)
		}
		if err := Pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// Insert reports whether the document is new: false where it would be a second
// one of its _id, or in a unique index.
func (c Collection) Insert(ctx context.Context, doc any) (fresh bool, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		_, err := c.c.InsertOne(ctx, doc)
		fresh = err == nil
		if mongo.IsDuplicateKeyError(err) {
			return nil
		}
		return err
	})
	return fresh, err
}

// InsertEach inserts several documents by one request, and returns how many of
// them are new, as Insert says.
func (c Collection) InsertEach(ctx context.Context, docs []any) (fresh int, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		_, err := c.c.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
		fresh = len(docs)
		var bulk mongo.BulkWriteException
		if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
			return err
		}
		for _, failure := range bulk.WriteErrors {
			if !mongo.IsDuplicateKeyError(failure.WriteError) {
				return err
			}
			fresh--
		}
		return nil
	})
	return fresh, err
}

// Change is one of UpdateEach.
type Change struct{ Filter, Change any }

// UpdateEach changes one document for each change by one request, in no order,
// and returns how many filters matched one.
func (c Collection) UpdateEach(ctx context.Context, changes []Change) (matched int, err error) {
	if len(changes) == 0 {
		return 0, ctx.Err()
	}
	models := make([]mongo.WriteModel, len(changes))
	for i, change := range changes {
		models[i] = mongo.NewUpdateOneModel().SetFilter(change.Filter).SetUpdate(change.Change)
	}
	err = c.do(ctx, func(ctx context.Context) error {
		res, err := c.c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		if err == nil {
			matched = int(res.MatchedCount)
		}
		return err
	})
	return matched, err
}

// Update changes one document, and reports whether filter matched one.
func (c Collection) Update(ctx context.Context, filter, change any) (matched bool, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		res, err := c.c.UpdateOne(ctx, filter, change)
		matched = err == nil && res.MatchedCount == 1
		return err
	})
	return matched, err
}

// Updated is Update, and decodes the whole document as it is then.
func (c Collection) Updated(ctx context.Context, filter, change, into any) (matched bool, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		matched, err = found(c.c.FindOneAndUpdate(ctx, filter, change,
			options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(into))
		return err
	})
	return matched, err
}

// One decodes a document that filter matches, and reports whether there is one.
// A nil projection is all of it.
func (c Collection) One(ctx context.Context, filter, projection, into any) (there bool, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		there, err = found(c.c.FindOne(ctx, filter, options.FindOne().SetProjection(projection)).Decode(into))
		return err
	})
	return there, err
}

// All decodes all documents that filter matches into a slice.
func (c Collection) All(ctx context.Context, filter, into any, o ...options.Lister[options.FindOptions]) error {
	command, err := c.findCommand(filter, o)
	if err != nil {
		return err
	}
	return c.do(ctx, func(ctx context.Context) error {
		cursor, err := c.db.database.RunCommandCursor(ctx, command)
		if unreachable(err) && !mongo.IsTimeout(err) {
			cursor, err = c.db.database.RunCommandCursor(ctx, command) // as the driver does with Find
		}
		if err != nil {
			return err
		}
		return cursor.All(ctx, into)
	})
}

// findCommand is the command of Find: with Find itself, the driver does not tell
// the server how long it may take.
func (c Collection) findCommand(filter any, o []options.Lister[options.FindOptions]) (bson.D, error) {
	var args options.FindOptions
	for _, lister := range o {
		for _, set := range lister.List() {
			if err := set(&args); err != nil {
				return nil, err
			}
		}
	}
	command := bson.D{
		{Key: "find", Value: c.c.Name()}, {Key: "filter", Value: filter}, {Key: "readConcern", Value: bson.M{"level": "majority"}},
	}
	if args.Sort != nil {
		command = append(command, bson.E{Key: "sort", Value: args.Sort})
	}
	if args.Projection != nil {
		command = append(command, bson.E{Key: "projection", Value: args.Projection})
	}
	if args.Limit != nil {
		command = append(command, bson.E{Key: "limit", Value: *args.Limit})
	}
	return command, nil
}

// AllReadable is All for a worker, which one bad document must not stop: it leaves
// out what cannot be decoded, logs it, and says how many these are. They take no
// place: of at least limit documents it decodes limit, 0 being all.
func (c Collection) AllReadable(ctx context.Context, filter any, limit int, into any, o ...options.Lister[options.FindOptions]) (left int, err error) {
	page := reflect.ValueOf(into).Elem()
	for {
		var docs []bson.Raw
		if err := c.All(ctx, filter, &docs, append(o[:len(o):len(o)], options.Find().SetLimit(int64(limit+left)))...); err != nil {
			return 0, err
		}
		full := limit > 0 && len(docs) == limit+left
		if left = c.decodeReadable(ctx, docs, page); !full || page.Len() >= limit {
			if limit > 0 {
				page.SetLen(min(page.Len(), limit))
			}
			return left, nil
		}
	}
}

// UpdateAll changes every document that filter matches.
func (c Collection) UpdateAll(ctx context.Context, filter, change any) error {
	return c.do(ctx, func(ctx context.Context) error {
		_, err := c.c.UpdateMany(ctx, filter, change)
		return err
	})
}

// Indexes returns the names of the collection's indexes.
func (c Collection) Indexes(ctx context.Context) (names []string, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		there, err := c.c.Indexes().ListSpecifications(ctx)
		names = nil
		for _, index := range there {
			names = append(names, index.Name)
		}
		return err
	})
	return names, err
}

// DropIndexes drops those of the indexes with these names that there are.
func (c Collection) DropIndexes(ctx context.Context, names []string) error {
	there, err := c.Indexes(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(there, name) {
			continue
		}
		err := c.do(ctx, func(ctx context.Context) error { return c.c.Indexes().DropOne(ctx, name) })
		var server mongo.ServerError
		if err != nil && !(errors.As(err, &server) && server.HasErrorCode(indexNotFound)) {
			return err
		}
	}
	return nil
}

// indexNotFound is the code of an index that somebody else has dropped.
const indexNotFound = 27

// Remove deletes one document, and reports whether filter matched one.
func (c Collection) Remove(ctx context.Context, filter any) (matched bool, err error) {
	err = c.do(ctx, func(ctx context.Context) error {
		res, err := c.c.DeleteOne(ctx, filter)
		matched = err == nil && res.DeletedCount == 1
		return err
	})
	return matched, err
}

// RemoveAll deletes every document that filter matches, in many requests where
// there are many.
func (c Collection) RemoveAll(ctx context.Context, filter any) error {
	const batch = 1000
	for {
		var docs []struct {
			ID any `bson:"_id"`
		}
		if err := c.All(ctx, filter, &docs, options.Find().SetProjection(bson.M{"_id": 1}).SetLimit(batch)); err != nil {
			return err
		}
		if len(docs) == 0 {
			return nil
		}
		ids := make(bson.A, len(docs))
		for i, d := range docs {
			ids[i] = d.ID
		}
		if err := c.do(ctx, func(ctx context.Context) error {
			_, err := c.c.DeleteMany(ctx, bson.M{"$and": bson.A{bson.M{"_id": bson.M{"$in": ids}}, filter}})
			return err
		}); err != nil {
			return err
		}
		if len(docs) < batch {
			return nil
		}
	}
}

func found(err error) (bool, error) {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}
