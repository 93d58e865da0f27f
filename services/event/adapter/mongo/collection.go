package mongo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// collection is the few requests that the package makes of one.
type collection struct {
	c      *driver.Collection
	before func(context.Context) error
}

func (c collection) ready(ctx context.Context) error {
	if c.before == nil {
		return nil
	}
	return c.before(ctx)
}

// insert reports whether the document is new: false where one with its _id is
// there.
func (c collection) insert(ctx context.Context, doc any) (bool, error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	_, err := c.c.InsertOne(ctx, doc)
	if driver.IsDuplicateKeyError(err) {
		return false, nil
	}
	return err == nil, err
}

// update changes one document, and reports whether filter matched one.
func (c collection) update(ctx context.Context, filter, change bson.M) (bool, error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	res, err := c.c.UpdateOne(ctx, filter, change)
	if err != nil {
		return false, err
	}
	return res.MatchedCount == 1, nil
}

// updated is update, and decodes the whole document as it is then.
func (c collection) updated(ctx context.Context, filter, change bson.M, into any) (bool, error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	err := c.c.FindOneAndUpdate(ctx, filter, change,
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(into)
	return found(err)
}

// one decodes the document with this _id, and reports whether there is one.
func (c collection) one(ctx context.Context, id string, projection bson.M, into any) (bool, error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	return found(c.c.FindOne(ctx, bson.M{"_id": id}, options.FindOne().SetProjection(projection)).Decode(into))
}

// all decodes all documents that filter matches into a slice.
func (c collection) all(ctx context.Context, filter, into any, o *options.FindOptionsBuilder) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	cursor, err := c.c.Find(ctx, filter, o)
	if err != nil {
		return err
	}
	return cursor.All(ctx, into)
}

// remove deletes one document, and reports whether filter matched one.
func (c collection) remove(ctx context.Context, filter bson.M) (bool, error) {
	if err := c.ready(ctx); err != nil {
		return false, err
	}
	res, err := c.c.DeleteOne(ctx, filter)
	if err != nil {
		return false, err
	}
	return res.DeletedCount == 1, nil
}

func (c collection) removeAll(ctx context.Context, filter bson.M) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	_, err := c.c.DeleteMany(ctx, filter)
	return err
}

func found(err error) (bool, error) {
	if errors.Is(err, driver.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}

// absent is the condition that a field is not there.
var absent = bson.M{"$exists": false}

// pause lets others go first before the n-th try, or returns ctx's error.
func pause(ctx context.Context, n int) error {
	limit := time.Millisecond << min(n, 5)
	timer := time.NewTimer(rand.N(limit) + time.Millisecond) //nolint:gosec // any number will do
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
