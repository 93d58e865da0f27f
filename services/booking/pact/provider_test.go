//go:build pact

package pact_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

func TestProvider(t *testing.T) { provider(t).Verify(t, pacttest.Dir(t)) }

func provider(t testing.TB) pacttest.Provider {
	issuer := pacttest.NewIssuer(t)
	state := func(left int, patience time.Duration, set func(context.Context, *world) error) func(testing.TB) (http.Handler, error) {
		return func(t testing.TB) (http.Handler, error) {
			w, err := newWorld(t, catalog(left), patience)
			if err == nil && set != nil {
				err = set(t.Context(), w)
			}
			if err != nil {
				return nil, err
			}
			mux := httpkit.NewRouter(quiet)
			guard := &auth.Guard{
				Verify:   auth.NewVerifier(issuer.URL, quiet).Verify,
				Services: map[string]string{"event": pacttest.ServiceToken("event")},
			}
			api := httpkit.NewAPI(mux, "booking", "")
			rest.Register(api, w.service, rest.Options{
				Guard: guard, AuditLog: w.store, CancelledEvents: w.store, Records: w.store, Ledger: w.payments,
			})
			inboxrest.Register(api, guard, inboxrest.Options{Store: w.store.Inbox(), Callers: []string{"event"}, Log: quiet})
			return mux, nil
		}
	}
	return pacttest.Provider{
		Name: "booking", Consumers: []string{"event", "notification", "user"}, Issuer: issuer, Messages: messages,
		States: map[string]func(testing.TB) (http.Handler, error){
			"an event has tickets left":                 state(100, patient, nil),
			"payments take longer than a booking waits": state(100, impatient, nil),
			"an event is sold out":                      state(0, patient, nil),
			"the customer has no bookings":              state(100, patient, nil),
			"the customer has a booking":                state(100, patient, aBooking),
		},
	}
}

var quiet = slog.New(slog.DiscardHandler)

// How long a booking waits for its payment: as in its process, or hardly.
const (
	patient   = 9 * time.Second
	impatient = 200 * time.Millisecond
)

// world is the service on new databases, beside an event service that has
// tickets or has none.
type world struct {
	store    *sqlite.Store
	payments *sandbox.Sandbox
	service  *booking.Service
}

func newWorld(t testing.TB, c booking.Catalog, patience time.Duration) (*world, error) {
	w := &world{}
	dir := t.TempDir()
	var err error
	if w.store, err = sqlite.Open(t.Context(), filepath.Join(dir, "booking.db")); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if w.payments, err = sandbox.Open(t.Context(), filepath.Join(dir, "sandbox.db"), sandbox.Options{Slow: time.Hour}); err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = w.payments.Close() })
	w.service = booking.New(booking.Options{
		Store: w.store, CancelledEvents: w.store, Catalog: c, Payments: w.payments, Log: quiet,
		PaymentTimeout: patience, SettleAfter: time.Millisecond, RecoverEvery: time.Millisecond,
	})
	return w, nil
}

// aBooking is the customer's, confirmed and paid.
func aBooking(ctx context.Context, w *world) error {
	c, at := pacttest.Callers["customer"], time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	charged, err := w.payments.Charge(ctx, booking.Charge{BookingID: bookingID, Amount: total, Token: sandbox.Visa})
	return errors.Join(err, w.store.Create(ctx, booking.Booking{
		ID: bookingID, UserID: c.UserID, UserEmail: c.Email, UserName: c.Name, EventID: eventID,
		Event: snapshot, Items: items, Total: total, Status: booking.Confirmed, Attempt: 1, Version: 2,
		Payment:   booking.Payment{Provider: w.payments.Provider(), Reference: charged.Reference, Status: booking.PaymentCaptured, Captured: total},
		Timeline:  []booking.Step{{At: at, Step: "created"}, {At: at, Step: "confirmed"}},
		CreatedAt: at, UpdatedAt: at,
	}, booking.Key{}))
}

// catalog is an event service with one event, and so many tickets left of it.
type catalog int

func (c catalog) Availability(context.Context, string) (booking.Availability, error) {
	return booking.Availability{EventID: eventID, SalesOpen: true, Types: []booking.TicketType{
		{ID: typeID, Name: "Standard", Price: price, Available: int(c)},
	}}, nil
}

func (c catalog) Reserve(context.Context, booking.Reservation) (booking.Reserved, error) {
	return booking.Reserved{Event: snapshot, Items: items, Total: total}, nil
}

func (c catalog) Release(context.Context, string, string, int) error { return nil }

func (c catalog) Return(context.Context, booking.Return) error { return nil }
