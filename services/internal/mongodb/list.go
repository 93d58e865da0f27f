package mongodb

import (
	"context"
	"reflect"
	"sync"
	"time"

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

// List decodes the documents of one page into a slice. One that cannot be decoded
// is left out and logged: the page has those that come after it. It never has more than a
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
	return lane.Do(ctx, func(ctx context.Context) error {
		return c.do(ctx, func(ctx context.Context) error {
			for limit := p.Limit; ; {
				batch, err := c.find(ctx, p, limit)
				if err != nil {
					return err
				}
				if batch.Unmarshal(into) == nil {
					return nil
				}
				var docs []bson.Raw
				if err := batch.Unmarshal(&docs); err != nil {
					return err
				}
				page := reflect.ValueOf(into).Elem()
				left := c.decodeReadable(ctx, docs, page)
				if len(docs) < limit || page.Len() >= p.Limit {
					page.SetLen(min(page.Len(), p.Limit))
					return nil
				}
				limit = p.Limit + left
			}
		})
	})
}

// find returns the documents of one page, as an array.
func (c Collection) find(ctx context.Context, p Page, limit int) (bson.RawValue, error) {
	command := bson.D{
		{Key: "find", Value: c.c.Name()}, {Key: "filter", Value: p.Filter}, {Key: "sort", Value: p.Order},
		{Key: "limit", Value: limit}, {Key: "batchSize", Value: limit}, {Key: "singleBatch", Value: true},
		{Key: "readConcern", Value: bson.M{"level": "majority"}},
	}
	if p.Projection != nil {
		command = append(command, bson.E{Key: "projection", Value: p.Projection})
	}
	var answer struct {
		Cursor struct {
			FirstBatch bson.RawValue `bson:"firstBatch"`
		} `bson:"cursor"`
	}
	err := c.db.database.RunCommand(ctx, command).Decode(&answer)
	return answer.Cursor.FirstBatch, err
}

// decodeReadable decodes into page, a slice, what can be decoded of docs, and
// returns how many it has left out.
func (c Collection) decodeReadable(ctx context.Context, docs []bson.Raw, page reflect.Value) (left int) {
	page.SetLen(0)
	for _, raw := range docs {
		doc := reflect.New(page.Type().Elem())
		if err := bson.Unmarshal(raw, doc.Interface()); err != nil {
			left++
			id := raw.Lookup("_id")
			name, ok := id.StringValueOK()
			if !ok {
				name = id.String()
			}
			c.Unreadable(ctx, name, err)
			continue
		}
		page.Set(reflect.Append(page, doc.Elem()))
	}
	return left
}

// Unreadable logs that a document cannot be decoded: once in a while, for lists and
// workers find it again and again.
func (c Collection) Unreadable(ctx context.Context, id string, err error) {
	if c.db.unreadable.fresh(c.c.Name()+" "+id, time.Now()) {
		c.db.log.ErrorContext(ctx, "a document cannot be read and is left out", "collection", c.c.Name(), "id", id, "error", err)
	}
}

const (
	reportEvery = time.Hour
	maxReported = 10_000
)

// reported is what was logged when.
type reported struct {
	mu sync.Mutex
	at map[string]time.Time
}

// fresh reports whether key was not logged in the last reportEvery, and notes that
// it is now.
func (r *reported) fresh(key string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, known := r.at[key]; known && now.Sub(at) < reportEvery {
		return false
	}
	if r.at == nil || len(r.at) >= maxReported {
		r.at = map[string]time.Time{}
	}
	r.at[key] = now
	return true
}
