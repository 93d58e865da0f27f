package booking_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// world is everything that outlives a process: databases, the event service,
// the payment provider, and the time.
type world struct {
	store    store
	payments booking.Payments
	catalog  *bookingtest.MemoryCatalog
	// books says what a booking's payments have moved.
	books      func(t *testing.T, id string) (captured, refunded int64, entries int)
	clock      atomic.Int64 // microseconds
	restoredAt time.Time    // of the databases; zero if they never were
	// ticketsPerAccount is the limit; 0 for the default.
	ticketsPerAccount int

	mu        sync.Mutex
	users     map[string]bool
	capacity  map[string]int                         // event → tickets
	told      map[string]bool                        // bookings that a customer was answered with
	calledOff map[string]time.Time                   // events that the organizer has cancelled
	cancelled map[string]bool                        // those of which booking has heard
	unmended  bool                                   // whether refunds may be due, and tickets left behind
	seated    map[string]seated                      // tickets
	left      map[string]bool                        // bookings that have tickets which were left behind
	unheard   []events.Message                       // that a consumer has lost
	sent      map[string]map[string][]events.Booking // what the outbox had, by booking and type
}

// store is what the adapters have.
type store interface {
	booking.Store
	booking.CancelledEvents
	booking.StuckBookings
	booking.AuditLog
	booking.Records
	Outbox() outbox.Store
}

// Five tickets at this price is what an event has.
const capacity = 5

var price = money.Amount{AmountMinor: 2550, Currency: "EUR"}

func newWorld(t *testing.T) *world {
	t.Helper()
	pay, err := sandbox.Open(t.Context(), filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pay.Close(); err != nil {
			t.Error(err)
		}
	})
	return worldOf(openSQLite(t), pay, func(t *testing.T, id string) (captured, refunded int64, entries int) {
		t.Helper()
		moved, err := pay.Entries(t.Context(), id, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range moved {
			if e.Kind == "charge" {
				captured += e.Amount.AmountMinor
			} else {
				refunded += e.Amount.AmountMinor
			}
		}
		return captured, refunded, len(moved)
	})
}

func openSQLite(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// worldOf is a world around a store and a payment provider with such books.
func worldOf(s store, pay booking.Payments, books func(t *testing.T, id string) (captured, refunded int64, entries int)) *world {
	w := &world{
		store: s, payments: pay, books: books, catalog: bookingtest.NewMemoryCatalog(),
		users: map[string]bool{}, capacity: map[string]int{}, told: map[string]bool{}, seated: map[string]seated{},
		sent: map[string]map[string][]events.Booking{}, cancelled: map[string]bool{}, calledOff: map[string]time.Time{},
	}
	w.rewind()
	return w
}

// rewind sets the clock a month before the events.
func (w *world) rewind() {
	w.clock.Store(bookingtest.StartsAt.Add(-30*24*time.Hour + 123_456*time.Microsecond).UnixMicro())
}

func (w *world) now() time.Time          { return time.UnixMicro(w.clock.Load()) }
func (w *world) advance(d time.Duration) { w.clock.Add(d.Microseconds()) }

// newEvent publishes an event with one type of ticket at this price.
func (w *world) newEvent(price money.Amount) (eventID string) {
	eventID, _ = w.catalog.NewEvent(booking.TicketType{Name: "Parkett", Price: price, Available: capacity})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.capacity[eventID] = capacity
	return eventID
}

func (w *world) available(t *testing.T, eventID string) int {
	t.Helper()
	a, err := w.catalog.Availability(t.Context(), eventID)
	if err != nil {
		t.Fatal(err)
	}
	return a.Types[0].Available
}

func (w *world) newCustomer() identity.Caller {
	c := identity.Caller{UserID: uuid.NewString(), Email: "zoe@example.com", Name: "Zoë", Role: identity.Customer}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users[c.UserID] = true
	return c
}

var admin = identity.Caller{UserID: uuid.NewString(), Role: identity.Admin}

// service is a process that meets the world through f; nil for no faults.
func (w *world) service(f *faults) *booking.Service {
	if f == nil {
		f = &faults{}
	}
	f.Store, f.Catalog, f.Payments = w.store, w.catalog, w.payments
	f.holdings = w.catalog
	f.books, _ = w.payments.(booking.Statements)
	return booking.New(booking.Options{
		Store: f, StuckBookings: w.store, CancelledEvents: w.store, Catalog: f, Payments: f,
		Records: w.store, Holdings: f, Statements: f, Recheck: w.recheck, Log: slog.New(slog.DiscardHandler), Now: w.now,
		CatalogTimeout: time.Minute, // on a busy machine, racing requests wait for their turn
		RecoverEvery:   time.Millisecond, TicketsPerAccount: w.ticketsPerAccount, RestoredAt: w.restoredAt,
		TraceParent: func(context.Context) string { return "00-trace" },
	})
}

// create asks s for a booking, and remembers what the customer was told.
func (w *world) create(ctx context.Context, s *booking.Service, c identity.Caller, r booking.Request) (booking.Booking, error) {
	b, err := s.Create(ctx, c, r)
	if err == nil {
		w.mu.Lock()
		w.told[b.ID] = true
		w.mu.Unlock()
	}
	return b, err
}

// book books so many tickets, which must succeed.
func (w *world) book(t *testing.T, s *booking.Service, c identity.Caller, r booking.Request) booking.Booking {
	t.Helper()
	b, err := w.create(t.Context(), s, c, r)
	if err != nil || b.Status != booking.Confirmed {
		t.Fatalf("booking %s %q: %v", b.ID, b.Status, err)
	}
	return b
}

// bookings returns all bookings, oldest first.
func (w *world) bookings(t *testing.T) []booking.Booking {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []booking.Booking
	for user := range w.users {
		some, err := w.store.List(context.WithoutCancel(t.Context()), booking.Query{UserID: user, Limit: 1000})
		// On a busy machine a list may not be read in time.
		for deadline := time.Now().Add(5 * time.Minute); errors.Is(err, storage.ErrBusy) && time.Now().Before(deadline); {
			some, err = w.store.List(context.WithoutCancel(t.Context()), booking.Query{UserID: user, Limit: 1000})
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b booking.Booking) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// recover runs the recovery of these processes, or of a new one, until every
// booking is settled.
func (w *world) recover(t *testing.T, services ...*booking.Service) {
	t.Helper()
	if len(services) == 0 {
		services = []*booking.Service{w.service(nil)}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for _, s := range services {
		workers.Go(func() {
			if err := s.Recover(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(time.Minute)
	for i := 0; ; i++ {
		if i%50 == 0 {
			w.advance(11 * time.Minute) // leases end, and what waits for a customer
		}
		var open []string
		for _, b := range w.bookings(t) {
			if !b.Lease.Until.IsZero() || w.cancelled[b.EventID] && (b.Status == booking.Confirmed || w.owesFee(b)) {
				open = append(open, fmt.Sprintf("%s %s %v", b.ID, b.Status, b.Timeline))
			}
		}
		if len(open) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not settled in a minute: %s", open)
		}
		<-tick.C
	}
}

// owesFee reports whether b has kept a fee since its event was called off.
func (w *world) owesFee(b booking.Booking) bool {
	at := b.FeeKeptAt()
	return b.Status == booking.Cancelled && !at.IsZero() && !at.Before(w.calledOff[b.EventID])
}

// get returns the booking as it is stored.
func (w *world) get(t *testing.T, id string) booking.Booking {
	t.Helper()
	b, err := w.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// messages returns what the outbox has had, by booking and type. What it has is
// taken out.
func (w *world) messages(t *testing.T) map[string]map[string][]events.Booking {
	t.Helper()
	later := w.now().Add(1000 * time.Hour)
	for {
		entries, err := w.store.Outbox().Claim(t.Context(), later, later, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return w.sent
		}
		ids := make([]string, len(entries))
		for i, e := range entries {
			var data events.Booking
			if err := json.Unmarshal(e.Message.Data, &data); err != nil {
				t.Fatal(err)
			}
			if w.sent[data.BookingID] == nil {
				w.sent[data.BookingID] = map[string][]events.Booking{}
			}
			w.sent[data.BookingID][e.Message.Type] = append(w.sent[data.BookingID][e.Message.Type], data)
			ids[i] = e.Message.ID
		}
		if err := w.store.Outbox().Close(t.Context(), ids, later); err != nil {
			t.Fatal(err)
		}
	}
}

// begin forgets everything but what is stored.
func (w *world) begin() {
	w.users, w.capacity, w.told, w.seated = map[string]bool{}, map[string]int{}, map[string]bool{}, map[string]seated{}
	w.sent, w.cancelled, w.calledOff = map[string]map[string][]events.Booking{}, map[string]bool{}, map[string]time.Time{}
	w.catalog = bookingtest.NewMemoryCatalog()
}

// cancelEvent cancels the event, as its message tells s.
func (w *world) cancelEvent(ctx context.Context, s *booking.Service, eventID string) error {
	w.callOff(eventID)
	return w.hearCancelled(ctx, s, eventID)
}

// callOff is the organizer's part of it: booking has not heard of it yet.
func (w *world) callOff(eventID string) {
	w.catalog.CloseSales(eventID)
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, already := w.calledOff[eventID]; !already {
		w.calledOff[eventID] = w.now()
	}
}

// hearCancelled lets s hear that the event is called off.
func (w *world) hearCancelled(ctx context.Context, s *booking.Service, eventID string) error {
	w.mu.Lock()
	at := w.calledOff[eventID]
	w.mu.Unlock()
	data, err := json.Marshal(events.EventCancelled{Event: events.Event{ID: eventID, Title: "Sommernacht"}, Version: 2, By: admin.UserID, Note: "Zoë is ill.", OccurredAt: at})
	if err != nil {
		return err
	}
	err = s.HandleEvent(ctx, events.Message{ID: uuid.NewString(), Type: events.TypeEventCancelled, Data: data})
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cancelled[eventID] = true
	}
	return err
}

// recheck is how the world finds out what its consumers have lost.
func (w *world) recheck(context.Context, time.Time) (checked int, again []events.Message, err error) {
	again, w.unheard = w.unheard, nil
	return len(w.sent), again, nil
}
