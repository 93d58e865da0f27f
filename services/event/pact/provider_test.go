//go:build pact

// Package pact_test is what event expects of other services, and that it keeps
// what they expect of it.
package pact_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// The ids in the pacts.
const (
	eventID   = "01970000-0000-7000-8000-0000000000e1"
	otherID   = "01970000-0000-7000-8000-0000000000e2"
	typeID    = "01970000-0000-7000-8000-0000000000a1"
	bookingID = "01970000-0000-7000-8000-0000000000b1"
	messageID = "01970000-0000-7000-8000-0000000000f1"

	cancellationID = "01970000-0000-7000-8000-0000000000c1"
)

func provider(t testing.TB) pacttest.Provider {
	issuer, services := pacttest.NewIssuer(t), authtest.New(t)
	state := func(set func(t testing.TB, s *sqlite.Store) error) func(testing.TB) (http.Handler, error) {
		return func(t testing.TB) (http.Handler, error) { return serve(t, issuer, services, set) }
	}
	return pacttest.Provider{
		Name: "event", Consumers: []string{"booking", "user", "web"}, Issuer: issuer, Services: services, Messages: messages,
		States: map[string]func(testing.TB) (http.Handler, error){
			"there are no events": state(func(testing.TB, *sqlite.Store) error { return nil }),
			"there is an event": state(func(t testing.TB, s *sqlite.Store) error {
				return s.Create(t.Context(), anEvent(eventID, 100), 1000)
			}),
			"there are more events than a page has": state(func(t testing.TB, s *sqlite.Store) error {
				if err := s.Create(t.Context(), anEvent(otherID, 100), 1000); err != nil {
					return err
				}
				return s.Create(t.Context(), anEvent(eventID, 100), 1000)
			}),
			"there is an event with other tickets": state(func(t testing.TB, s *sqlite.Store) error {
				e := anEvent(eventID, 100)
				e.TicketTypes[0].ID = otherID
				return s.Create(t.Context(), e, 1000)
			}),
			"an event sells one ticket to a booking": state(func(t testing.TB, s *sqlite.Store) error {
				e := anEvent(eventID, 100)
				e.MaxPerBooking = 1
				return s.Create(t.Context(), e, 1000)
			}),
			"an event's tickets are not on sale yet": state(func(t testing.TB, s *sqlite.Store) error {
				e := anEvent(eventID, 100)
				e.TicketTypes[0].SalesFrom = e.StartsAt.AddDate(0, -1, 0)
				return s.Create(t.Context(), e, 1000)
			}),
			"an event is cancelled": state(func(t testing.TB, s *sqlite.Store) error {
				e := anEvent(eventID, 100)
				e.Status, e.CancelledAt, e.CancellationNote = event.Cancelled, e.UpdatedAt, "The singer is ill."
				return s.Create(t.Context(), e, 1000)
			}),
			"an event is sold out": state(func(t testing.TB, s *sqlite.Store) error {
				return held(t, s, event.Key{EventID: eventID, BookingID: otherID, Attempt: 1}, 1)
			}),
			"a booking's tickets are held": state(func(t testing.TB, s *sqlite.Store) error {
				return held(t, s, attempt, 100)
			}),
			"a booking's first attempt is released": state(func(t testing.TB, s *sqlite.Store) error {
				return errors.Join(held(t, s, attempt, 100), s.Release(t.Context(), attempt))
			}),
			"a booking's tickets came back in part": state(func(t testing.TB, s *sqlite.Store) error {
				one := []event.Request{{TicketTypeID: typeID, Quantity: 1}}
				return errors.Join(held(t, s, attempt, 100), s.Return(t.Context(), attempt, cancellationID, one))
			}),
			"a message has arrived": state(func(t testing.TB, s *sqlite.Store) error {
				return errors.Join(held(t, s, attempt, 100), s.Sell(t.Context(), messageID, attempt))
			}),
		},
	}
}

var attempt = event.Key{EventID: eventID, BookingID: bookingID, Attempt: 1}

// held publishes the event, with so many tickets, and holds one of them.
func held(t testing.TB, s *sqlite.Store, k event.Key, tickets int) error {
	return heldSome(t, s, k, tickets, 1)
}

// heldSome publishes the event, with so many tickets, and holds some of them.
func heldSome(t testing.TB, s *sqlite.Store, k event.Key, tickets, some int) error {
	if err := s.Create(t.Context(), anEvent(eventID, tickets), 1000); err != nil {
		return err
	}
	_, err := s.Reserve(t.Context(), k, []event.Request{{TicketTypeID: typeID, Quantity: some}}, time.Now())
	return err
}

func TestProvider(t *testing.T) { provider(t).Verify(t, pacttest.Dir(t)) }

// serve runs the service as its process does, on a new database that set fills. Its
// booking service knows of every cancelled event, and charges euros.
func serve(t testing.TB, issuer *pacttest.Issuer, services *authtest.Services, set func(testing.TB, *sqlite.Store) error) (http.Handler, error) {
	path := filepath.Join(t.TempDir(), "event.db")
	db, err := sqlitedb.Open(t.Context(), path, sqlite.Migrations())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := set(t, sqlite.New(db)); err != nil {
		return nil, err
	}
	booking := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/charge-limits/EUR" {
			_, _ = io.WriteString(w, `{"currency":"EUR","step_minor":1,"minimum_minor":1,"maximum_minor":99999999}`)
			return
		}
		_, _ = io.WriteString(w, `{"event_id":"`+eventID+`","done":false,"pending":1,"confirmed":2,"cancelling":3,"cancelled":4,"refunds_due":5}`)
	}))
	t.Cleanup(booking.Close)
	a, err := app.New(t.Context(), app.Config{
		Addr: "127.0.0.1:0", JWKSURL: issuer.URL, BookingURL: booking.URL,
		ServiceKey: services.Private("event"), ServiceKeys: services.Public, EventsPerOrganizer: 200,
	}, app.Deps{Log: slog.New(slog.DiscardHandler), OpenDatabase: storage.At(path, onsqlite.Open)})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.Close() })
	return a.Handler(), nil
}

// anEvent is far ahead, so that its sales are open for as long as this is run.
func anEvent(id string, tickets int) *event.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &event.Event{
		ID: id, OrganizerID: "01970000-0000-7000-8000-0000000000d1", Title: "Night of Strings", Description: "Two quartets",
		Category: "Concert", TimeZone: "Europe/Berlin", Status: event.Published,
		Venue:    events.Venue{Name: "Philharmonie", Address: "Herbert-von-Karajan-Str. 1", City: "Berlin", Country: "DE"},
		StartsAt: time.Date(2040, 6, 21, 18, 0, 0, 0, time.UTC), EndsAt: time.Date(2040, 6, 21, 21, 0, 0, 0, time.UTC),
		DoorsAt: time.Date(2040, 6, 21, 17, 0, 0, 0, time.UTC), NoTransfers: true,
		TicketTypes: []event.TicketType{{
			ID: typeID, Name: "Standard", Price: money.Amount{AmountMinor: 2500, Currency: "EUR"}, Capacity: tickets, Available: tickets,
		}},
		CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
		CreatedAt:          at, UpdatedAt: at, Version: 1,
	}
}
