//go:build integration

package mongo_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb/mongodbtest"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// In an outage, no message that was acknowledged is lost, and one that was not,
// and comes again as its publisher sends it, is told once.
func TestOutages(t *testing.T) {
	t.Parallel()
	mongodbtest.TestOutages(t, func(t *testing.T, o mongodb.Options) mongodbtest.Adapter {
		store := open(t, o)
		var mu sync.Mutex
		var acknowledged, refused []notification.Record
		return mongodbtest.Adapter{
			Ping: store.Ping,
			Write: func(ctx context.Context) error {
				r := record(newID(), newID(), notification.Confirmation, 1, time.Now())
				_, err := store.Enqueue(ctx, r)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					acknowledged = append(acknowledged, r)
				} else {
					refused = append(refused, r)
				}
				return err
			},
			Lost: func(t *testing.T) (lost, half int) {
				for _, r := range refused {
					suitetest.Ask(t, func(ctx context.Context) error {
						_, err := store.Enqueue(ctx, r)
						return err
					})
				}
				told := toldOfEach(t, o)
				var ids []string
				for _, r := range acknowledged {
					ids = append(ids, r.MessageID)
				}
				var known []string
				suitetest.Ask(t, func(ctx context.Context) (err error) {
					known, err = store.Inbox().Known(ctx, ids)
					return err
				})
				for _, r := range acknowledged {
					if !slices.Contains(known, r.MessageID) || told[r.BookingID] == 0 {
						lost++
					} else if told[r.BookingID] != 2 {
						half++
					}
				}
				for _, r := range refused {
					if told[r.BookingID] != 2 {
						half++
					}
				}
				return lost, half
			},
		}
	})
}

// toldOfEach is how many deliveries there are of each booking.
func toldOfEach(t *testing.T, o mongodb.Options) map[string]int {
	t.Helper()
	cursor, err := raw(t, o).Find(t.Context(), bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	var docs []struct {
		BookingID  string `bson:"booking_id"`
		Email, SMS *struct{}
	}
	if err := cursor.All(t.Context(), &docs); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, d := range docs {
		if d.Email != nil {
			told[d.BookingID]++
		}
		if d.SMS != nil {
			told[d.BookingID]++
		}
	}
	return told
}
