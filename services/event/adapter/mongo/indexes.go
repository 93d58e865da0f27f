package mongo

import (
	"context"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The collections.
const (
	eventsName       = "events"
	reservationsName = "reservations"
	closuresName     = "closures"
	inboxName        = "inbox"
	deadLettersName  = "dead_letters"
)

// indexes are all there are, besides those of _id.
var indexes = []struct {
	collection string
	keys       []string
}{
	// One index for each order, alone and within a category or a city: a page
	// is read from the index in its order, never sorted.
	{eventsName, []string{"starts_at", "_id"}},
	{eventsName, []string{"title_key", "_id"}},
	{eventsName, []string{"category_key", "starts_at", "_id"}},
	{eventsName, []string{"category_key", "title_key", "_id"}},
	{eventsName, []string{"city_key", "starts_at", "_id"}},
	{eventsName, []string{"city_key", "title_key", "_id"}},
	// What the sweeper looks for.
	{eventsName, []string{"held_at"}},
	{eventsName, []string{"marked_at"}},
	{closuresName, []string{"open_since"}},
	// What a release gives back, and what goes with an event.
	{reservationsName, []string{"booking_id", "attempt"}},
	{reservationsName, []string{"event_id"}},
	{closuresName, []string{"event_id"}},
	// What is pruned.
	{inboxName, []string{"received_at"}},
}

// createIndexes creates those that are missing. Several processes may do so at
// once.
func createIndexes(ctx context.Context, db *driver.Database) error {
	for _, name := range []string{eventsName, reservationsName, closuresName, inboxName} {
		for try := 0; ; try++ {
			err := createMissing(ctx, db.Collection(name))
			if err == nil {
				break
			}
			// Another process may have been faster. To MongoDB that is no
			// error; other servers hang up.
			if try == 5 || pause(ctx, try) != nil {
				return fmt.Errorf("indexes of %s: %w", name, err)
			}
		}
	}
	return nil
}

func createMissing(ctx context.Context, c *driver.Collection) error {
	specs, err := c.Indexes().ListSpecifications(ctx)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, spec := range specs {
		there[spec.Name] = true
	}
	var missing []driver.IndexModel
	for _, i := range indexes {
		name := strings.Join(i.keys, "_")
		if i.collection != c.Name() || there[name] {
			continue
		}
		var keys bson.D
		for _, k := range i.keys {
			keys = append(keys, bson.E{Key: k, Value: 1})
		}
		missing = append(missing, driver.IndexModel{Keys: keys, Options: options.Index().SetName(name)})
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.Indexes().CreateMany(ctx, missing)
	return err
}
