package mongodb

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Each lane has few of the pool's connections at a time.
const (
	listing   = 4
	searching = 2
)

// Page is one page of a list.
type Page struct {
	Filter, Order, Projection any
	Limit                     int
}

// List decodes the documents of one page into a slice. It never has more than a
// few of the pool's connections. storage.ErrBusy means that too many lists are
// being read, or that this one took too long; the server has given it up then.
func (c Collection) List(ctx context.Context, p Page, into any) error {
	return c.page(ctx, c.db.lists, p, into)
}

// Search is List for what is dearer than a list, and takes nothing from lists
// either.
func (c Collection) Search(ctx context.Context, p Page, into any) error {
	return c.page(ctx, c.db.searches, p, into)
}

// page runs the command itself: with Find, the driver does not tell the server
// how long it may take.
func (c Collection) page(ctx context.Context, lane *storage.Lane, p Page, into any) error {
	command := bson.D{
		{Key: "find", Value: c.c.Name()}, {Key: "filter", Value: p.Filter}, {Key: "sort", Value: p.Order},
		{Key: "limit", Value: p.Limit}, {Key: "batchSize", Value: p.Limit}, {Key: "singleBatch", Value: true},
		{Key: "readConcern", Value: bson.M{"level": "majority"}},
	}
	if p.Projection != nil {
		command = append(command, bson.E{Key: "projection", Value: p.Projection})
	}
	return lane.Do(ctx, func(ctx context.Context) error {
		return c.do(ctx, func(ctx context.Context) error {
			var answer struct {
				Cursor struct {
					FirstBatch bson.RawValue `bson:"firstBatch"`
				} `bson:"cursor"`
			}
			if err := c.db.database.RunCommand(ctx, command).Decode(&answer); err != nil {
				return err
			}
			return answer.Cursor.FirstBatch.Unmarshal(into)
		})
	})
}
