//go:build integration

package mongo

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb/mongodbtest"
)

// In an outage, no reservation that was acknowledged is lost, and no ticket is
// had by nobody, or by two, once the sweeper has been there.
func TestOutages(t *testing.T) {
	t.Parallel()
	mongodbtest.TestOutages(t, func(t *testing.T, o mongodb.Options) mongodbtest.Adapter {
		s := openAt(t, o)
		var on []*event.Event
		for range 4 {
			e := &event.Event{
				ID: uuid.NewString(), Title: "Event", Status: event.Published, TimeZone: "UTC",
				StartsAt: now.AddDate(0, 1, 0), EndsAt: now.AddDate(0, 1, 1), CreatedAt: now, UpdatedAt: now,
				TicketTypes: []event.TicketType{{ID: uuid.NewString(), Capacity: 1_000_000, Price: money.Amount{AmountMinor: 100, Currency: "EUR"}}},
			}
			suitetest.Ask(t, func(ctx context.Context) error { return s.Create(ctx, e, 1000) })
			on = append(on, e)
		}
		var n atomic.Int64
		var mu sync.Mutex
		var acknowledged []event.Key
		return mongodbtest.Adapter{
			Ping: s.Ping,
			Write: func(ctx context.Context) error {
				e := on[n.Add(1)%int64(len(on))]
				k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
				_, err := s.Reserve(ctx, k, []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 2}}, now)
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					acknowledged = append(acknowledged, k)
				}
				return err
			},
			Lost: func(t *testing.T) (lost, half int) {
				later := newStore(s.db)
				later.now = func() time.Time { return time.Now().Add(time.Minute) }
				suitetest.Ask(t, later.Sweep)
				had, held := map[string]int{}, map[event.Key]bool{}
				var recs []recordDoc
				suitetest.Ask(t, func(ctx context.Context) error {
					return s.reservations.All(ctx, bson.M{"state": event.Held}, &recs)
				})
				for _, rec := range recs {
					held[event.Key{EventID: rec.EventID, BookingID: rec.BookingID, Attempt: rec.Attempt}] = true
					had[rec.EventID] += rec.Items[0].Quantity
				}
				for _, k := range acknowledged {
					if !held[k] {
						lost++
					}
				}
				for _, e := range on {
					suitetest.Ask(t, func(ctx context.Context) (err error) {
						e, err = s.Get(ctx, e.ID)
						return err
					})
					if e.Capacity()-e.Available() != had[e.ID] {
						half++
					}
				}
				return lost, half
			},
		}
	})
}

// In an outage, no cancellation that was acknowledged is lost, and no event is
// cancelled without a message, or has one without being cancelled.
func TestOutagesOfCancelling(t *testing.T) {
	t.Parallel()
	mongodbtest.TestOutages(t, func(t *testing.T, o mongodb.Options) mongodbtest.Adapter {
		s := openAt(t, o)
		var mu sync.Mutex
		var acknowledged []string
		return mongodbtest.Adapter{
			Ping: s.Ping,
			Write: func(ctx context.Context) error {
				e := &event.Event{ID: uuid.NewString(), Status: event.Published}
				if err := s.Create(ctx, e, 1000); err != nil {
					return err
				}
				_, err := s.Cancel(ctx, e.ID, func(e *event.Event) (events.Message, error) {
					e.Status = event.Cancelled
					return events.Message{ID: e.ID, Time: now}, nil
				})
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					acknowledged = append(acknowledged, e.ID)
				}
				return err
			},
			Lost: func(t *testing.T) (lost, half int) {
				var docs []eventDoc
				suitetest.Ask(t, func(ctx context.Context) error { return s.events.All(ctx, bson.M{}, &docs) })
				told := map[string]bool{}
				for _, d := range docs {
					told[d.ID] = d.MessageDue != 0
					if told[d.ID] != (d.Status == string(event.Cancelled)) {
						half++
					}
				}
				for _, id := range acknowledged {
					if !told[id] {
						lost++
					}
				}
				return lost, half
			},
		}
	})
}
