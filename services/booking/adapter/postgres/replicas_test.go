//go:build integration

package postgres_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// Three replicas start at once on an empty database, and share what a fourth
// left undone: each booking is recovered by one of them, once.
func TestThreeReplicasShareTheWork(t *testing.T) {
	t.Parallel()
	const replicas, bookings = 3, 200
	url := pgtest.New(t, nil)
	stores := make([]*postgres.Store, replicas)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = s.Close() })
			stores[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for range bookings {
		b := booking.Booking{
			ID: newID(), UserID: newID(), EventID: newID(), Status: booking.Pending, Version: 1,
			CreatedAt: now, UpdatedAt: now, Lease: booking.Lease{Token: newID(), Until: now},
		}
		if err := stores[0].Create(t.Context(), b, booking.Key{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	by, times := map[int]int{}, map[string]int{}
	for i, s := range stores {
		wg.Go(func() {
			for {
				lease := booking.Lease{Token: newID(), Until: now.Add(time.Hour)}
				claimed, err := s.Claim(t.Context(), now, lease, 5)
				if err != nil || len(claimed) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				for _, b := range claimed {
					if err := fail(t.Context(), s, b); err != nil {
						t.Errorf("booking %s: %v", b.ID, err)
					}
					mu.Lock()
					by[i]++
					times[b.ID]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for id, n := range times {
		if n != 1 {
			t.Errorf("booking %s was recovered %d times", id, n)
		}
	}
	if len(times) != bookings {
		t.Errorf("%d bookings were recovered, want %d", len(times), bookings)
	}
	t.Logf("bookings recovered by each of %d replicas: %v", replicas, by)
}

func fail(ctx context.Context, s *postgres.Store, b booking.Booking) error {
	_, err := s.Update(ctx, b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Status, b.Lease = booking.Failed, booking.Lease{}
		return nil
	})
	return err
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
