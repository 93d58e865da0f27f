package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
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
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// bus is a broker of one consumer that delivers when it is told to.
type bus struct {
	broker.Subscription
	services *authtest.Services // that the app knows
}

func (b *bus) Subscribe(s broker.Subscription) error {
	b.Subscription = s
	return nil
}

// deliver does what a broker does with one message.
func (b *bus) deliver(ctx context.Context, m events.Message) error {
	err := b.Handle(ctx, m)
	if errors.Is(err, broker.ErrReject) {
		return b.DeadLetter(ctx, m, err.Error())
	}
	return err
}

func newApp(t *testing.T, deps app.Deps) (*app.App, *bus) {
	t.Helper()
	return newAppAt(t, authtest.New(t), chargesAnything(t), deps)
}

// chargesAnything is where a booking service charges any price in euros.
func chargesAnything(t *testing.T) (url string) {
	t.Helper()
	b := httptest.NewServer(http.HandlerFunc(answerLimits))
	t.Cleanup(b.Close)
	return b.URL
}

func answerLimits(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"currency":"EUR","step_minor":1,"minimum_minor":1,"maximum_minor":99999999}`)
}

// newAppAt is one that finds booking there.
func newAppAt(t *testing.T, services *authtest.Services, booking string, deps app.Deps) (*app.App, *bus) {
	t.Helper()
	b := &bus{services: services}
	deps.Log, deps.Subscriber = slog.New(slog.DiscardHandler), b
	deps.OpenDatabase = storage.At(filepath.Join(t.TempDir(), "event.db"), onsqlite.Open)
	a, err := app.New(t.Context(), app.Config{
		Addr:       "127.0.0.1:0",
		JWKSURL:    "http://127.0.0.1:1/jwks",
		BookingURL: booking, ServiceKey: services.Private("event"), ServiceKeys: services.Public, EventsPerOrganizer: 200,
	}, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a, b
}

func create(t *testing.T, a *app.App, capacity int) *event.Event {
	t.Helper()
	e, err := a.Service().Create(t.Context(), organizer(), draft(capacity))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// organizer has not verified an email address.
func organizer() identity.Caller {
	return identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}
}

func draft(capacity int) event.Draft {
	return event.Draft{
		Title: "Night", Venue: events.Venue{Name: "Hall"}, TimeZone: "Europe/Berlin",
		StartsAt: time.Now().Add(time.Hour), EndsAt: time.Now().Add(2 * time.Hour),
		TicketTypes: []event.TicketTypeDraft{{Name: "Standard", Price: money.Amount{AmountMinor: 100, Currency: "EUR"}, Capacity: capacity}},
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	a, b := newApp(t, app.Deps{})
	e := create(t, a, 10)
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json", "/docs", "/events", "/events/" + e.ID} {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s is answered %d %s", path, w.Code, w.Body)
		}
	}
	if b.Topic != events.TopicBookings || b.Consumer != "event" {
		t.Errorf("subscribed to %q as %q", b.Topic, b.Consumer)
	}
}

func TestHearsBookings(t *testing.T) {
	t.Parallel()
	a, b := newApp(t, app.Deps{})
	e := create(t, a, 10)
	k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
	if _, err := a.Service().Book(t.Context(), event.BookRequest{Key: k, Tickets: 3}); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(events.Booking{BookingID: k.BookingID, Attempt: 1, Event: e.Snapshot()})
	if err != nil {
		t.Fatal(err)
	}
	good := events.Message{ID: uuid.NewString(), Type: events.TypeBookingCancelled, Data: data}
	if err := b.deliver(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Service().Get(t.Context(), e.ID); err != nil || got.Available() != 10 {
		t.Errorf("%d tickets are available (%v), want 10", got.Available(), err)
	}
	// What nobody understands becomes a dead letter, and no error.
	bad := events.Message{ID: uuid.NewString(), Type: events.TypeBookingCancelled, Data: json.RawMessage(`{}`)}
	if err := b.deliver(t.Context(), bad); err != nil {
		t.Error(err)
	}

	// Both have a receipt.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/receipts",
		strings.NewReader(`{"ids":["`+good.ID+`","`+bad.ID+`","`+uuid.NewString()+`"]}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Service-Token", b.services.Token("booking", "event"))
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	var receipts struct{ Known []string }
	if err := json.Unmarshal(w.Body.Bytes(), &receipts); err != nil {
		t.Fatal(err)
	}
	slices.Sort(receipts.Known)
	want := []string{good.ID, bad.ID}
	slices.Sort(want)
	if !slices.Equal(receipts.Known, want) {
		t.Errorf("the receipts are %s, want %q", w.Body, want)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	a, _ := newApp(t, app.Deps{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
}

// The control run: the same buyers, once on the real inventory and once on one
// that looks before it takes. Only if the second oversells does the first show
// anything.
func TestOversellingIsSeen(t *testing.T) {
	t.Parallel()
	const buyers, seats = 40, 10
	sold := func(deps app.Deps) int64 {
		a, _ := newApp(t, deps)
		e := create(t, a, seats)
		var n atomic.Int64
		var wg sync.WaitGroup
		for range buyers {
			wg.Go(func() {
				k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
				switch _, err := a.Service().Book(t.Context(), event.BookRequest{Key: k, Tickets: 1}); {
				case err == nil:
					n.Add(1)
				case !errors.Is(err, event.ErrSoldOut):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return n.Load()
	}
	if n := sold(app.Deps{}); n != seats {
		t.Errorf("%d seats are sold %d times", seats, n)
	}
	if n := sold(app.Deps{Inventory: eventtest.Racy}); n <= seats {
		t.Errorf("the racy inventory sells only %d of %d seats: the test shows nothing", n, seats)
	}
}

func TestALimitOfNoEventsIsRefused(t *testing.T) {
	t.Parallel()
	const want = "EVENTS_PER_ORGANIZER is 0, not at least 1"
	if _, err := app.New(t.Context(), app.Config{}, app.Deps{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}
