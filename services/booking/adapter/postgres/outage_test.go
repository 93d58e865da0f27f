//go:build integration

package postgres_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// tally is what the writers were told.
type tally struct {
	mu             sync.Mutex
	tried, refused int
	confirmed      []booking.Booking
	pending        []booking.Booking // created; the confirmation was refused
	slowest        time.Duration
	acknowledged   atomic.Int64
}

func (a *tally) add(update func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	update()
}

// book creates a booking and confirms it, as a request does, and tells what
// came of it.
func (a *tally) book(t *testing.T, s *postgres.Store) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	b := booking.Booking{
		ID: newID(), UserID: newID(), EventID: newID(), Status: booking.Pending, Version: 1,
		CreatedAt: now, UpdatedAt: now, Lease: booking.Lease{Token: newID(), Until: now.Add(time.Minute)},
	}
	err := s.Create(t.Context(), b, booking.Key{Value: b.ID, Fingerprint: "f"}, nil)
	created := err == nil
	if created {
		_, err = s.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
			b.Status, b.Lease = booking.Confirmed, booking.Lease{}
			b.Effects.Messages = []events.Message{{ID: b.ID, Type: events.TypeBookingConfirmed, Time: now, Data: []byte(`{}`)}}
			return nil
		})
	}
	took := time.Since(now)
	if err != nil && !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("refused with %v, want ErrUnavailable", err)
	}
	a.add(func() {
		a.tried++
		a.slowest = max(a.slowest, took)
		switch {
		case err == nil:
			a.confirmed = append(a.confirmed, b)
			a.acknowledged.Add(1)
		case created:
			a.refused++
			a.pending = append(a.pending, b)
		default:
			a.refused++
		}
	})
}

// The server is killed and started again, twice, while 32 write: what was
// acknowledged is there, and what was refused is there whole or not at all.
func TestNothingAcknowledgedIsLostInAnOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	s := open(t, postgresdb.Options{URL: server.New(t, postgres.Migrate), Timeout: 30 * time.Second})
	var a tally
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 32 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					a.book(t, s)
				}
			}
		})
	}
	stop := sync.OnceFunc(func() {
		close(done)
		wg.Wait()
	})
	defer stop()
	more := func(n int64) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for deadline, want := time.Now().Add(5*time.Minute), a.acknowledged.Load()+n; a.acknowledged.Load() < want; <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("no %d bookings more in five minutes", n)
			}
		}
	}
	var away time.Duration
	for range 2 {
		more(100)
		begin := time.Now()
		if err := server.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		away += time.Since(begin)
	}
	more(100) // it returns by itself
	stop()

	messages := messagesOf(t, s)
	lost, half := 0, 0
	for _, b := range a.confirmed {
		got, err := s.ByKey(t.Context(), b.UserID, booking.Key{Value: b.ID, Fingerprint: "f"}, time.Now())
		if err != nil || got.Status != booking.Confirmed || !messages[b.ID] {
			lost++
		}
	}
	for _, b := range a.pending {
		got, err := s.Get(t.Context(), b.ID)
		if err != nil {
			lost++ // its creation was acknowledged
		} else if (got.Status == booking.Confirmed) != messages[b.ID] {
			half++
		}
	}
	if lost > 0 || half > 0 {
		t.Errorf("%d acknowledged bookings are lost, and %d have half of their change", lost, half)
	}
	how := "killed" // or, where the server is not ours to kill
	if !server.Kills() {
		how = "cut off"
	}
	t.Logf("PostgreSQL %s twice, away %v: %d requests tried, %d refused, %d confirmed, lost = %d; the slowest took %v",
		how, away.Round(time.Millisecond), a.tried, a.refused, len(a.confirmed), lost, a.slowest.Round(time.Millisecond))
}

// messagesOf returns the ids of the messages in the outbox.
func messagesOf(t *testing.T, s *postgres.Store) map[string]bool {
	t.Helper()
	far := time.Now().Add(time.Hour)
	ids := map[string]bool{}
	for {
		entries, err := s.Outbox().Claim(t.Context(), far, far.Add(time.Hour), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return ids
		}
		for _, e := range entries {
			ids[e.Message.ID] = true
		}
	}
}
