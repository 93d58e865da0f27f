package standalone_test

import (
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/rest"
	eventsqlite "github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Booking's Catalog over HTTP, and its Holdings, keep their promises with the
// real event service on the other side. They stand here because nobody else may
// see both.
func TestCatalogContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestCatalog(t, func(t *testing.T) bookingtest.CatalogUnderTest {
		t.Helper()
		return overHTTP(t).CatalogUnderTest
	})
}

func TestHoldingsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestHoldings(t, overHTTP)
}

func overHTTP(t *testing.T) bookingtest.HoldingsUnderTest {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), eventsqlite.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	store := eventsqlite.New(db)
	service, err := event.New(event.Options{Store: store, Inventory: store, Holdings: store, Payments: eventtest.AnyPrice{}})
	if err != nil {
		t.Fatal(err)
	}
	services := authtest.New(t)
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	rest.Register(httpkit.NewAPI(mux, "event", ""), service, &auth.Guard{VerifyService: services.Keys().Verifier("event")})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := httpkit.NewClient(server.URL, services.Own["booking"].TokenFor("event"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	catalog := eventapi.New(client)
	return bookingtest.HoldingsUnderTest{Holdings: catalog, CatalogUnderTest: bookingtest.CatalogUnderTest{
		Catalog: catalog,
		NewEvent: func(types ...booking.TicketType) (string, []string) {
			return newEvent(t, service, types)
		},
		LimitBookings: func(id string, n int) {
			if _, err := store.Update(t.Context(), id, func(e *event.Event) error {
				e.MaxPerBooking = n
				return nil
			}); err != nil {
				t.Error(err)
			}
		},
		PutOffSales: func(id string) {
			if _, err := store.Update(t.Context(), id, func(e *event.Event) error {
				for i := range e.TicketTypes {
					e.TicketTypes[i].SalesFrom = e.StartsAt.Add(-time.Hour)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		},
		CloseSales: func(id string) {
			if _, err := store.Update(t.Context(), id, func(e *event.Event) error {
				e.Status = event.Cancelled
				return nil
			}); err != nil {
				t.Error(err)
			}
		},
	}}
}

func newEvent(t *testing.T, s *event.Service, types []booking.TicketType) (eventID string, typeIDs []string) {
	t.Helper()
	draft := event.Draft{
		Title: "Ärger im Paradies", Category: "comedy", TimeZone: "Europe/Berlin",
		Venue:    events.Venue{Name: "Bühne", Address: "Weg 1", City: "Köln", Country: "DE"},
		StartsAt: time.Now().Add(24 * time.Hour), EndsAt: time.Now().Add(26 * time.Hour),
	}
	for _, tt := range types {
		draft.TicketTypes = append(draft.TicketTypes, event.TicketTypeDraft{Name: tt.Name, Price: tt.Price, Capacity: tt.Available})
	}
	e, err := s.Create(t.Context(), identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}, draft)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range e.TicketTypes {
		typeIDs = append(typeIDs, tt.ID)
	}
	return e.ID, typeIDs
}
