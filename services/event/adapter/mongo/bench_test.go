//go:build integration

package mongo

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// BenchmarkBookings is what this service does for bookings of one event, of which
// 100 are under way at a time, by a server of which each answer takes 10 ms longer:
// a ticket is reserved, and 32 handlers, as many as a process has, sell what is
// confirmed. `make bench` prints it. Figures of a server without indexes get worse with
// their number.
//
//	go test -tags integration -run '^$' -bench Bookings -benchtime 1000x ./services/event/adapter/mongo
func BenchmarkBookings(b *testing.B) {
	b.Log(mongotest.Serving(b))
	url, network := mongotest.Through(b, mongotest.New(b))
	var commands atomic.Int64
	s, err := Open(b.Context(), mongodb.Options{URL: url, Timeout: time.Minute, Monitor: counting(&commands)})
	must(b, err)
	closed(b, s)
	s.limit = time.Minute
	e := &event.Event{
		ID: uuid.NewString(), Title: "Event", Status: event.Published, TimeZone: "UTC",
		StartsAt: now.AddDate(0, 1, 0), EndsAt: now.AddDate(0, 1, 1), CreatedAt: now, UpdatedAt: now,
		TicketTypes: []event.TicketType{{ID: uuid.NewString(), Capacity: b.N, Price: money.Amount{AmountMinor: 100, Currency: "EUR"}}},
	}
	must(b, s.Create(b.Context(), e, 1000))
	network.SlowAnswers(10 * time.Millisecond)

	ctx, cancel := context.WithCancel(b.Context())
	var running, consumers sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx, slog.New(slog.DiscardHandler)) })
	defer running.Wait()
	defer cancel()
	confirmed := make(chan event.Key, b.N)
	for range 32 {
		consumers.Go(func() {
			for k := range confirmed {
				if err := s.Sell(b.Context(), uuid.NewString(), k); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ResetTimer()
	before := commands.Load()
	var buyers sync.WaitGroup
	left := atomic.Int64{}
	left.Store(int64(b.N))
	for range 100 {
		buyers.Go(func() {
			for left.Add(-1) >= 0 {
				k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
				if _, err := s.Reserve(b.Context(), k, []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}}, now); err != nil {
					b.Error(err)
					return
				}
				confirmed <- k
			}
		})
	}
	buyers.Wait()
	close(confirmed)
	reserved := b.Elapsed()
	consumers.Wait()
	b.ReportMetric(float64(b.N)/reserved.Seconds(), "reservations/s")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
	b.ReportMetric(float64(commands.Load()-before)/float64(b.N), "commands/op")
}
