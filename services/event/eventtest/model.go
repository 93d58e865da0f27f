package eventtest

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/openboxoffice/boxoffice/services/event"
)

// model is the inventory as a few lines of arithmetic: one event with two
// ticket types, a handful of bookings, three attempts each.
type model struct {
	capacity [2]int
	holds    map[attempt]*modelHold
	closed   map[string]int // by booking
	asked    map[attempt][2]int
}

type attempt struct {
	booking string
	n       int
}

type modelHold struct {
	quantity [2]int
	state    event.State
	returns  map[string][2]int // by id
}

// left is what has not come back.
func (h *modelHold) left(i int) int {
	n := h.quantity[i]
	for _, returned := range h.returns {
		n -= returned[i]
	}
	return n
}

func (m *model) taken(i int) int {
	n := 0
	for _, h := range m.holds {
		if h.state != event.Released {
			n += h.left(i)
		}
	}
	return n
}

func (m *model) reserve(at attempt, quantity [2]int) error {
	h := m.holds[at]
	switch {
	case at.n <= m.closed[at.booking]:
		return event.ErrReservationReleased
	case h != nil && h.quantity != quantity:
		return event.ErrReservationMismatch
	case h != nil:
		return nil
	case m.taken(0)+quantity[0] > m.capacity[0] || m.taken(1)+quantity[1] > m.capacity[1]:
		return event.ErrSoldOut
	}
	m.holds[at] = &modelHold{quantity: quantity, state: event.Held, returns: map[string][2]int{}}
	return nil
}

func (m *model) release(at attempt) {
	m.closed[at.booking] = max(m.closed[at.booking], at.n)
	for k, h := range m.holds {
		if k.booking == at.booking && k.n <= at.n {
			h.state = event.Released
		}
	}
}

func (m *model) giveSomeBack(at attempt, returnID string, quantity [2]int) error {
	h := m.holds[at]
	if h == nil {
		return event.ErrReservationNotFound
	}
	earlier, repeated := h.returns[returnID]
	switch {
	case repeated && earlier != quantity:
		return event.ErrReservationMismatch
	case repeated, h.state == event.Released:
		return nil
	case quantity[0] > h.left(0) || quantity[1] > h.left(1):
		return event.ErrReturnTooMany
	}
	h.returns[returnID] = quantity
	return nil
}

func agreesWithModel(t *testing.T, a Adapter) {
	ctx := t.Context()
	rapid.Check(t, func(t *rapid.T) {
		e := newEvent(6, 3)
		if err := a.Create(ctx, e, 1000); err != nil {
			t.Fatal(err)
		}
		m := &model{capacity: [2]int{6, 3}, holds: map[attempt]*modelHold{}, closed: map[string]int{}, asked: map[attempt][2]int{}}
		bookings := []string{id(), id(), id()}
		sales, returns := map[attempt]string{}, map[attempt]string{} // the messages
		message := func(of map[attempt]string, at attempt) string {
			if of[at] == "" {
				of[at] = id()
			}
			return of[at]
		}
		wanted := func(quantity [2]int) (want []event.Request) {
			for i, n := range quantity {
				if n > 0 {
					want = append(want, of(e, i, n))
				}
			}
			return want
		}
		returnIDs := []string{id(), id(), id()}
		aReturn := func(t *rapid.T) (returnID string, quantity [2]int) {
			quantity = rapid.SampledFrom([][2]int{{1, 0}, {0, 1}, {1, 1}, {2, 0}, {3, 1}}).Draw(t, "returned")
			return rapid.SampledFrom(returnIDs).Draw(t, "return"), quantity
		}
		anAttempt := func(t *rapid.T) (attempt, event.Key) {
			at := attempt{rapid.SampledFrom(bookings).Draw(t, "booking"), rapid.IntRange(1, 3).Draw(t, "attempt")}
			return at, event.Key{EventID: e.ID, BookingID: at.booking, Attempt: at.n}
		}
		same := func(t *rapid.T, got, want error) {
			if !errors.Is(got, want) || (want == nil && got != nil) {
				t.Fatalf("the adapter says %v, the model %v", got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) { agree(ctx, t, a, e, m) },
			"reserve": func(t *rapid.T) {
				at, k := anAttempt(t)
				quantity := [2]int{rapid.IntRange(1, 4).Draw(t, "first"), rapid.IntRange(0, 2).Draw(t, "second")}
				if asked, ok := m.asked[at]; ok && m.holds[at] == nil {
					quantity = asked // an attempt that was refused asks for the same again
				}
				m.asked[at] = quantity
				_, err := a.Reserve(ctx, k, wanted(quantity), now)
				same(t, err, m.reserve(at, quantity))
			},
			"release": func(t *rapid.T) {
				at, k := anAttempt(t)
				same(t, a.Release(ctx, k), nil)
				m.release(at)
			},
			"sell": func(t *rapid.T) {
				at, k := anAttempt(t)
				redelivered := sales[at] != ""
				same(t, a.Sell(ctx, message(sales, at), k), nil)
				if h := m.holds[at]; h != nil && h.state == event.Held && !redelivered {
					h.state = event.Sold
				}
			},
			"give back": func(t *rapid.T) {
				at, k := anAttempt(t)
				// A repeat says nothing new: the attempts up to it are closed.
				same(t, a.GiveBack(ctx, message(returns, at), k), nil)
				m.release(at)
			},
			"return": func(t *rapid.T) {
				at, k := anAttempt(t)
				returnID, quantity := aReturn(t)
				same(t, a.Return(ctx, k, returnID, wanted(quantity)), m.giveSomeBack(at, returnID, quantity))
			},
			"return as a message says": func(t *rapid.T) {
				at, k := anAttempt(t)
				returnID, quantity := aReturn(t)
				want := m.giveSomeBack(at, returnID, quantity)
				if errors.Is(want, event.ErrReservationNotFound) {
					want = nil
				}
				same(t, a.ReturnHeard(ctx, id(), k, returnID, wanted(quantity)), want)
			},
			"edit": func(t *rapid.T) {
				capacity := rapid.IntRange(1, 9).Draw(t, "capacity")
				var want error
				if capacity < m.taken(0) {
					want = event.ErrCapacityBelowSold
				}
				_, err := a.Update(ctx, e.ID, func(e *event.Event) error {
					e.TicketTypes[0].Capacity = capacity
					return nil
				})
				same(t, err, want)
				if want == nil {
					m.capacity[0] = capacity
				}
			},
		})
	})
}

// agree compares everything that can be seen.
func agree(ctx context.Context, t *rapid.T, a Adapter, e *event.Event, m *model) {
	got, err := a.Get(ctx, e.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, tt := range got.TicketTypes {
		if tt.Capacity != m.capacity[i] || tt.Available != m.capacity[i]-m.taken(i) {
			t.Fatalf("type %d has %d of %d available, the model %d of %d", i, tt.Available, tt.Capacity, m.capacity[i]-m.taken(i), m.capacity[i])
		}
	}
	for at, h := range m.holds {
		r, err := a.Reservation(ctx, event.Key{EventID: e.ID, BookingID: at.booking, Attempt: at.n})
		if err != nil || r.State != h.state {
			t.Fatalf("attempt %d is %v (%v), the model's %s", at.n, r, err, h.state)
		}
	}
}
