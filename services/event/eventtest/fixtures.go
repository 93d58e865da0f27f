// Package eventtest holds the contract of the event service's ports: every
// adapter passes the suites, and a broken one fails them. It is for tests
// alone.
package eventtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Adapter is the ports over the same data.
type Adapter struct {
	event.Store
	event.Inventory
	Holdings event.Holdings

	// Known is the receipts of the messages heard: those of ids that have had
	// their effect.
	Known func(ctx context.Context, ids []string) ([]string, error)
	// Outbox is the messages that the events have to tell.
	Outbox outbox.Store
}

// now is the moment at which the suites reserve.
var now = time.Date(2031, 5, 6, 7, 8, 9, 123_456_000, time.UTC)

func id() string { return uuid.Must(uuid.NewV7()).String() }

// newEvent is an event a month ahead, with a ticket type for each capacity. Every
// second one has a description, and times for its sale.
func newEvent(capacities ...int) *event.Event {
	e := &event.Event{
		ID: id(), OrganizerID: id(), Title: "Zoë & the Ödipus Trio — Грусть 寂しさ", Description: "Two lines\nof \"text\" 🎷",
		Summary: "An evening – ערב", Language: "pt-BR", Category: "Jazz", Status: event.Published, TimeZone: "Europe/Berlin",
		Venue:    events.Venue{Name: "Große Halle", Address: "Straße 1", City: "Köln", Country: "DE"},
		StartsAt: now.AddDate(0, 1, 0), EndsAt: now.AddDate(0, 1, 0).Add(2 * time.Hour),
		DoorsAt: now.AddDate(0, 1, 0).Add(-90 * time.Minute), MaxPerBooking: event.MaxTickets, NoTransfers: true,
		CreatedAt: now, UpdatedAt: now, Version: 1,
		CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1050},
	}
	for i, c := range capacities {
		e.TicketTypes = append(e.TicketTypes, event.TicketType{
			ID: id(), Name: fmt.Sprintf("Type %d", i), Price: money.Amount{AmountMinor: int64(1000 * (i + 1)), Currency: "EUR"},
			Capacity: c, Available: c,
		})
		if i%2 == 1 {
			t := &e.TicketTypes[i]
			t.Description, t.SalesFrom, t.SalesUntil = "With “wine” 🍷", now.Add(-time.Microsecond), e.StartsAt
		}
	}
	return e
}

// create stores a new event with these capacities, and edits of it.
func (a Adapter) create(t *testing.T, capacities []int, edits ...func(*event.Event)) *event.Event {
	t.Helper()
	e := newEvent(capacities...)
	for _, edit := range edits {
		edit(e)
	}
	must(t, a.Create(t.Context(), e, 1000))
	return e
}

func (a Adapter) get(t *testing.T, id string) *event.Event {
	t.Helper()
	e, err := a.Get(t.Context(), id)
	must(t, err)
	return e
}

// key is the first attempt of a new booking of e.
func key(e *event.Event) event.Key { return event.Key{EventID: e.ID, BookingID: id(), Attempt: 1} }

// of is n tickets of e's i-th type.
func of(e *event.Event, i, n int) event.Request {
	return event.Request{TicketTypeID: e.TicketTypes[i].ID, Quantity: n}
}

// hold reserves n tickets of e's first type for k.
func (a Adapter) hold(t *testing.T, k event.Key, e *event.Event, n int) *event.Reservation {
	t.Helper()
	r, err := a.Reserve(t.Context(), k, []event.Request{of(e, 0, n)}, now)
	must(t, err)
	return r
}

// left fails t unless e's ticket types have these numbers available.
func (a Adapter) left(t *testing.T, e *event.Event, want ...int) {
	t.Helper()
	got := a.get(t, e.ID)
	for i, n := range want {
		if got.TicketTypes[i].Available != n {
			t.Errorf("%d tickets of type %d are available, want %d", got.TicketTypes[i].Available, i, n)
		}
	}
}

// state fails t unless k's reservation is in this state; "" is that it has none.
func (a Adapter) state(t *testing.T, k event.Key, want event.State) {
	t.Helper()
	r, err := a.Reservation(t.Context(), k)
	switch {
	case want == "" && errors.Is(err, event.ErrReservationNotFound):
	case err != nil:
		t.Errorf("reservation: %v, want it %q", err, want)
	case r.State != want:
		t.Errorf("the reservation is %s, want %q", r.State, want)
	}
}

// known fails t unless the message has a receipt, or has none.
func (a Adapter) known(t *testing.T, message string, want bool) {
	t.Helper()
	ids, err := a.Known(t.Context(), []string{id(), message})
	must(t, err)
	if got := slices.Contains(ids, message); got != want || len(ids) > 1 {
		t.Errorf("the message is known: %t, want %t", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("the error is %v, want %v", err, want)
	}
}

// race runs work n times at once and waits for all.
func race(n int, work func(i int)) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			work(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// yield lets the others run.
func yield() {
	for range 10 {
		runtime.Gosched()
	}
}
