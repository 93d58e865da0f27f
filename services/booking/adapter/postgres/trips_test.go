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

// An update shares the event before it locks its booking: whoever records the event's
// cancellation has the event first, too, and so the two never wait for each other.
func TestAnUpdateWaitsForTheEventBeforeItsBooking(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, postgres.Migrate)
	s := open(t, postgresdb.Options{URL: url})
	now := time.Now().UTC().Truncate(time.Microsecond)
	b := booking.Booking{ID: newID(), UserID: newID(), EventID: newID(), Status: booking.Pending, Version: 1, CreatedAt: now, UpdatedAt: now, Checkout: &booking.Checkout{ExpiresAt: now}}
	if err := s.Create(t.Context(), b, booking.Key{}, nil); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock(hashtextextended('cancelled_events ' || $1::text, 0))`, b.EventID); err != nil {
		t.Fatal(err)
	}
	updated := make(chan error, 1)
	go func() {
		_, err := s.Update(t.Context(), b.ID, "", func(b *booking.Booking) error {
			b.Checkout.Attempts = append(b.Checkout.Attempts, booking.Attempt{At: now})
			return nil
		})
		updated <- err
	}()
	for waits, deadline := false, time.Now().Add(time.Minute); !waits; {
		if err := tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the update does not wait for the event")
		}
	}
	if _, err := tx.Exec(t.Context(), `SELECT 1 FROM bookings WHERE id = $1 FOR UPDATE NOWAIT`, b.ID); err != nil {
		t.Errorf("the update has its booking while it waits for the event: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-updated; err != nil {
		t.Error(err)
	}
}
