//go:build integration

package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// trips counts the round trips to the server.
type trips struct{ n atomic.Int64 }

func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (*trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// A booking is created with its key in one round trip, and confirmed with its
// message in another.
func TestABookingIsTwoRoundTrips(t *testing.T) {
	t.Parallel()
	var c trips
	s := open(t, postgresdb.Options{URL: pgtest.New(t, postgres.Migrate), Tracer: &c})
	now := time.Now().UTC().Truncate(time.Microsecond)
	b := booking.Booking{
		ID: newID(), UserID: newID(), EventID: newID(), Address: "a", Items: []events.Item{{Quantity: 2}}, Status: booking.Pending, Version: 1,
		CreatedAt: now, UpdatedAt: now, Lease: booking.Lease{Token: newID(), Until: now.Add(time.Minute)},
		Timeline: []booking.Step{{At: now, Step: "created"}},
	}
	before := c.n.Load()
	if err := s.Create(t.Context(), b, booking.Key{Value: "k", Fingerprint: "f"}, func(booking.Account) error { return nil }); err != nil {
		t.Fatal(err)
	}
	after := b.Clone()
	after.Status, after.Lease = booking.Confirmed, booking.Lease{}
	after.Effects.Messages = []events.Message{{ID: newID(), Type: events.TypeBookingConfirmed, Time: now, Data: []byte(`{}`)}}
	if _, err := s.Save(t.Context(), b, after); err != nil {
		t.Fatal(err)
	}
	if n := c.n.Load() - before; n > 2 {
		t.Errorf("%d round trips, want 2", n)
	}
}
