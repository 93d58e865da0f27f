package eventtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

func lastSeats(t *testing.T, a Adapter) {
	const workers, seats = 64, 20
	e := a.create(t, []int{seats})
	var won, soldOut atomic.Int64
	race(workers, func(int) {
		_, err := a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, now)
		switch {
		case err == nil:
			won.Add(1)
		case errors.Is(err, event.ErrSoldOut):
			soldOut.Add(1)
		default:
			t.Error(err)
		}
	})
	if won.Load() != seats || soldOut.Load() != workers-seats {
		t.Errorf("%d have a seat and %d are refused, want %d and %d", won.Load(), soldOut.Load(), seats, workers-seats)
	}
	a.left(t, e, 0)
}

func racingRepeats(t *testing.T, a Adapter) {
	const workers = 32
	e := a.create(t, []int{100})
	k := key(e)
	got := make([]*event.Reservation, workers)
	race(workers, func(i int) {
		var err error
		if got[i], err = a.Reserve(t.Context(), k, []event.Request{of(e, 0, 2)}, now); err != nil {
			t.Error(err)
		}
	})
	for _, r := range got[1:] {
		if diff := cmp.Diff(got[0], r); diff != "" {
			t.Fatalf("two answers differ:\n%s", diff)
		}
	}
	a.left(t, e, 98)
}

func racingReleases(t *testing.T, a Adapter) {
	e := a.create(t, []int{100})
	k := key(e)
	a.hold(t, k, e, 10)
	a.hold(t, key(e), e, 10)
	race(32, func(i int) {
		if i%2 == 0 {
			if err := a.Release(t.Context(), k); err != nil {
				t.Error(err)
			}
		} else if err := a.GiveBack(t.Context(), id(), k); err != nil {
			t.Error(err)
		}
	})
	a.left(t, e, 90)
}

// reserveReleaseRace: whoever comes first, afterwards nothing is held.
func reserveReleaseRace(t *testing.T, a Adapter) {
	e := a.create(t, []int{100})
	for range 16 {
		k := key(e)
		race(4, func(i int) {
			if i == 0 {
				if err := a.Release(t.Context(), k); err != nil {
					t.Error(err)
				}
			} else if _, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, 3)}, now); err != nil && !errors.Is(err, event.ErrReservationReleased) {
				t.Error(err)
			}
		})
	}
	a.left(t, e, 100)
}

// racingMultiType has two kinds of buyers, who ask for the same two types in
// opposite orders: nobody may end up with one half, or wait for another.
func racingMultiType(t *testing.T, a Adapter) {
	const workers = 64
	e := a.create(t, []int{30, 20})
	var won atomic.Int64
	race(workers, func(i int) {
		want := []event.Request{of(e, 0, 1), of(e, 1, 1)}
		if i%2 == 0 {
			want[0], want[1] = want[1], want[0]
		}
		switch _, err := a.Reserve(t.Context(), key(e), want, now); {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, event.ErrSoldOut):
			t.Error(err)
		}
	})
	if won.Load() != 20 {
		t.Errorf("%d have both tickets, want 20", won.Load())
	}
	a.left(t, e, 10, 0)
}

// mixedRaces reserves, repeats, sells, returns, releases and edits at once, while a
// watcher looks for a moment at which more is taken than there is.
func mixedRaces(t *testing.T, a Adapter) {
	const workers, rounds = 32, 12
	e := a.create(t, []int{25, 12})
	var mu sync.Mutex
	holds := map[event.Key][]event.Request{}

	watching, stop := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for watching.Err() == nil {
			seen, err := a.Get(watching, e.ID)
			if err != nil {
				continue
			}
			for _, tt := range seen.TicketTypes {
				if tt.Available < 0 || tt.Available > tt.Capacity {
					t.Errorf("%d of %d are available", tt.Available, tt.Capacity)
					return
				}
			}
		}
	})
	race(workers, func(i int) {
		rnd := rand.New(rand.NewPCG(1, uint64(i))) //nolint:gosec // any sequence will do
		for range rounds {
			k, want := key(e), []event.Request{of(e, 0, 1+rnd.IntN(2))}
			if rnd.IntN(2) == 0 {
				want = append(want, of(e, 1, 1))
			}
			for range 1 + rnd.IntN(2) {
				switch _, err := a.Reserve(t.Context(), k, want, now); {
				case err == nil:
					mu.Lock()
					holds[k] = slices.Clone(want)
					mu.Unlock()
				case !errors.Is(err, event.ErrSoldOut):
					t.Error(err)
				}
			}
			switch rnd.IntN(5) {
			case 0:
				if err := a.Sell(t.Context(), id(), k); err != nil {
					t.Error(err)
				}
			case 1, 2:
				if err := a.Release(t.Context(), k); err != nil {
					t.Error(err)
				}
				mu.Lock()
				delete(holds, k)
				mu.Unlock()
			case 3:
				err := a.Return(t.Context(), k, id(), []event.Request{of(e, 0, 1)})
				mu.Lock()
				if held := holds[k]; err == nil {
					held[0].Quantity--
				} else if held != nil || !errors.Is(err, event.ErrReservationNotFound) {
					t.Error(err)
				}
				mu.Unlock()
			case 4:
				if _, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
					e.TicketTypes[0].Capacity = 15 + rnd.IntN(20)
					return nil
				}); err != nil && !errors.Is(err, event.ErrCapacityBelowSold) {
					t.Error(err)
				}
			}
		}
	})
	stop()
	watcher.Wait()

	got := a.get(t, e.ID)
	taken := map[string]int{}
	for _, want := range holds {
		for _, w := range want {
			taken[w.TicketTypeID] += w.Quantity
		}
	}
	for _, tt := range got.TicketTypes {
		if taken[tt.ID] > tt.Capacity || tt.Available != tt.Capacity-taken[tt.ID] {
			t.Errorf("%s: %d of %d are held, and %d available", tt.Name, taken[tt.ID], tt.Capacity, tt.Available)
		}
	}
}
