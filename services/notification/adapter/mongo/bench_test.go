//go:build integration

package mongo_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
)

// outside takes every mail and SMS, and knows a phone of everybody.
type outside struct{}

func (outside) Send(context.Context, notification.Mail) error { return nil }

func (outside) Contact(context.Context, string) (notification.Contact, error) {
	return notification.Contact{Email: "ada@example.com", Name: "Ada", Phone: "+4930123456"}, nil
}

func (outside) AccountMail(context.Context, string) (notification.AccountMail, error) {
	return notification.AccountMail{}, notification.ErrNotDue
}

func (outside) LinkMail(context.Context, string) (notification.LinkMail, error) {
	return notification.LinkMail{}, notification.ErrNotDue
}

func (outside) Delivery(context.Context, notification.Wanted) (notification.Delivery, error) {
	return notification.Delivery{}, nil
}

type texts struct{}

func (texts) Send(context.Context, notification.Text) error { return nil }

// settling tells of every delivery that is settled for good.
type settling struct {
	notification.Store
	settled chan struct{}
}

func (s settling) Settle(ctx context.Context, n notification.Notification) error {
	err := s.Store.Settle(ctx, n)
	if err == nil && !n.Status.Open() {
		s.settled <- struct{}{}
	}
	return err
}

// BenchmarkConfirmations is the way of confirmations of paid bookings, of which 32
// are handled at a time, as a process does, until both a mail and an SMS are
// recorded, by a server of which each answer takes 10 ms longer. `make bench` prints
// it. Figures of a server without indexes get worse with their number.
//
//	go test -tags integration -run '^$' -bench Confirmations -benchtime 300x ./services/notification/adapter/mongo
func BenchmarkConfirmations(b *testing.B) {
	b.Log(mongotest.Serving(b))
	url, network := mongotest.Through(b, mongotest.New(b))
	var commands atomic.Int64
	db, err := mongo.Open(b.Context(), mongodb.Options{URL: url, Monitor: &event.CommandMonitor{
		Started: func(context.Context, *event.CommandStartedEvent) { commands.Add(1) },
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	store := settling{db, make(chan struct{}, 64)}
	s, err := notification.New(notification.Options{
		Store: store, Mailer: outside{}, SMS: texts{}, Contacts: outside{}, AccountMails: outside{}, Deliveries: outside{}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	network.SlowAnswers(10 * time.Millisecond)
	ctx, cancel := context.WithCancel(b.Context())
	var running, handlers sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	defer running.Wait()
	defer cancel()
	b.ResetTimer()
	before := commands.Load()
	left := atomic.Int64{}
	left.Store(int64(b.N))
	for range 32 {
		handlers.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.Handle(b.Context(), confirmation(b)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	taken := make(chan time.Duration, 1)
	running.Go(func() {
		handlers.Wait()
		taken <- b.Elapsed()
	})
	for range 2 * b.N {
		<-store.settled
	}
	b.ReportMetric(float64(b.N)/(<-taken).Seconds(), "taken-in/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
	b.ReportMetric(float64(commands.Load()-before)/float64(b.N), "commands/op")
}

func confirmation(tb testing.TB) events.Message {
	tb.Helper()
	price := money.Amount{AmountMinor: 4500, Currency: "EUR"}
	data, err := json.Marshal(events.Booking{
		BookingID: uuid.NewString(), UserID: newID(), UserEmail: "ada@example.com", Version: 2, Total: price, OccurredAt: time.Now(),
		Event: events.Event{ID: uuid.NewString(), Title: "Event", StartsAt: time.Now().AddDate(0, 1, 0), TimeZone: "UTC"},
		Items: []events.Item{{TicketTypeID: uuid.NewString(), Name: "Standing", Quantity: 1, UnitPrice: price}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return events.Message{ID: newID(), Type: events.TypeBookingConfirmed, Time: time.Now(), Data: data}
}
