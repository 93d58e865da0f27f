//go:build pact

package pact_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/document"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

func TestProvider(t *testing.T) { provider(t).Verify(t, pacttest.Dir(t)) }

func provider(t testing.TB) pacttest.Provider {
	issuer, services := pacttest.NewIssuer(t), authtest.New(t)
	ticketKeys, err := ticketcode.NewKeys([]byte(strings.Repeat("k", ticketcode.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := document.New()
	if err != nil {
		t.Fatal(err)
	}
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
				Verify:        auth.NewVerifier(issuer.URL, quiet).Verify,
				VerifyService: services.Keys().Verifier("booking"),
			}
			api := httpkit.NewAPI(mux, "booking", "")
			rest.Register(api, w.service, rest.Options{
				Guard: guard, Address: func(*http.Request) string { return "" }, AuditLog: w.store, CancelledEvents: w.store, Records: w.store, Ledger: w.payments, TicketKeys: ticketKeys, Documents: documents,
			})
			inboxrest.Register(api, guard, inboxrest.Options{Store: w.store.Inbox(), Callers: []string{"event"}, Log: quiet})
			return byName(mux), nil
		}
	}
	return pacttest.Provider{
		Name: "booking", Consumers: []string{"event", "notification", "user", "web"}, Issuer: issuer, Services: services, Messages: messages,
		States: map[string]func(testing.TB) (http.Handler, error){
			"an event has tickets left":                 state(100, patient, nil),
			"payments take longer than a booking waits": state(100, impatient, nil),
			"an event is sold out":                      state(0, patient, nil),
			"the customer has no bookings":              state(100, patient, nil),
			"the customer has a booking":                state(100, patient, aBooking),

			"a guest has a booking":                            state(100, patient, aGuestsBooking),
			"a guest is to be mailed the links to bookings":    state(100, patient, aLinkMail),
			"booking has heard that an event is cancelled":     state(100, patient, aCancelledEvent),
			"booking has not heard that an event is cancelled": state(100, patient, aBooking),
			"a message has arrived":                            state(100, patient, aCancelledEvent),
			"the payment provider charges every currency":      state(100, patient, nil),
			"the payment provider charges euros alone":         state(100, patient, eurosAlone),
			"a booking is set aside":                           state(100, patient, aStuckBooking),
			"there was a reconciliation":                       state(100, patient, aReport),
		},
	}
}

// linkKeys are the secrets of links to bookings.
var linkKeys = booking.LinkKeys{[]byte("a secret of at least 32 random bytes")}

// byName puts the key of the link to the booking in the place of its name.
func byName(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Booking-Key") == "link-to-booking" {
			r.Header.Set("Booking-Key", linkKeys.Buyer(&booking.Booking{ID: bookingID}))
		}
		h.ServeHTTP(w, r)
	})
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
		Store: w.store, StuckBookings: w.store, CancelledEvents: w.store, Catalog: c, Payments: w.payments, Log: quiet,
		Records: w.store, Holdings: holdings{}, Statements: w.payments, LinkKeys: linkKeys, LinkMails: w.store.LinkMails(),
		Recheck:        func(context.Context, time.Time) (int, []events.Message, error) { return 0, nil, nil },
		PaymentTimeout: patience, SettleAfter: time.Millisecond, RecoverEvery: time.Millisecond,
	})
	return w, nil
}

// eurosAlone lets the payment provider charge nothing else.
func eurosAlone(_ context.Context, w *world) error {
	w.service.Payments = euros{w.payments}
	return nil
}

type euros struct{ booking.Payments }

func (e euros) Limits(currency string) (booking.ChargeLimits, error) {
	if currency != "EUR" {
		return booking.ChargeLimits{}, booking.ErrCurrencyNotSupported
	}
	return e.Payments.Limits(currency)
}

// aStuckBooking sets the booking aside.
func aStuckBooking(ctx context.Context, w *world) error {
	if err := aBooking(ctx, w); err != nil {
		return err
	}
	lease := booking.Lease{Token: "driver", Until: time.Now().Add(time.Minute)}
	if _, err := w.store.Update(ctx, bookingID, "", func(b *booking.Booking) error { b.Lease = lease; return nil }); err != nil {
		return err
	}
	return w.store.SetAside(ctx, bookingID, lease.Token, booking.SetAside(errors.New("panic: a defect"), 1, time.Now()))
}

// aBooking is the customer's, confirmed and paid.
func aBooking(ctx context.Context, w *world) error {
	c, at := pacttest.Callers["customer"], time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := snapshot
	event.NoTransfers = false
	charged, err := w.payments.Charge(ctx, booking.Charge{BookingID: bookingID, Attempt: 1, Amount: total, Token: sandbox.Visa})
	return errors.Join(err, w.store.Create(ctx, booking.Booking{
		ID: bookingID, UserID: c.UserID, UserEmail: c.Email, UserName: c.Name, EventID: eventID,
		Event: event, Items: items, Total: total, Status: booking.Confirmed, Attempt: 1, Version: 2,
		Payment:   booking.Payment{Provider: w.payments.Provider(), Reference: charged.Reference, Status: booking.PaymentCaptured, Captured: total},
		Timeline:  []booking.Step{{At: at, Step: "created"}, {At: at, Step: "confirmed"}},
		CreatedAt: at, UpdatedAt: at,
	}, booking.Key{}, nil))
}

// aGuestsBooking is of somebody without an account.
func aGuestsBooking(ctx context.Context, w *world) error {
	if err := aBooking(ctx, w); err != nil {
		return err
	}
	_, err := w.store.Update(ctx, bookingID, "", func(b *booking.Booking) error { b.UserID, b.Guest = messageID, true; return nil })
	return err
}

// aLinkMail is to have the link to a guest's booking.
func aLinkMail(ctx context.Context, w *world) error {
	if err := aGuestsBooking(ctx, w); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	within := booking.Span{After: now.Add(-time.Hour), Before: now.Add(time.Hour)}
	key, links := pacttest.Callers["customer"].Email, w.store.LinkMails()
	if err := links.Request(ctx, booking.LinkRequest{ID: messageID, Key: key, Mailbox: key, At: now}, within, 1); err != nil {
		return err
	}
	_, err := links.WorkOff(ctx, within, 1, func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error) {
		return &booking.LinkMail{ID: messageID, Key: key, Mailbox: key, CreatedAt: now}, events.Message{ID: messageID, Time: now, Data: []byte("{}")}, nil
	})
	return err
}

// aCancelledEvent has bookings at every stage, and was told of by a message.
func aCancelledEvent(ctx context.Context, w *world) error {
	c, at := pacttest.Callers["customer"], time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	errs := []error{aBooking(ctx, w)}
	for i, status := range []booking.Status{booking.Pending, booking.Cancelling, booking.Cancelled} {
		b := booking.Booking{
			ID: bookingID[:len(bookingID)-1] + strconv.Itoa(2+i), UserID: c.UserID, UserEmail: c.Email, UserName: c.Name, EventID: eventID,
			Event: snapshot, Items: items, Total: total, Status: status, Attempt: 1, Version: 2, CreatedAt: at, UpdatedAt: at,
		}
		if status == booking.Cancelled {
			b.Reason = problem.EventCancelled
			b.Refunds = []booking.Refund{{ID: cancellationID, Amount: total, Status: booking.RefundDue, Decided: at}}
		}
		errs = append(errs, w.store.Create(ctx, b, booking.Key{}, nil))
	}
	return errors.Join(append(errs, w.store.RecordCancelled(ctx, messageID, booking.CancelledEvent{
		EventID: eventID, Title: snapshot.Title, By: pacttest.Callers["organizer"].UserID, Note: "The singer is ill.", OccurredAt: at, RecordedAt: at,
	}))...)
}

// aReport is of a reconciliation that found a charge for a booking that is not
// there.
func aReport(ctx context.Context, w *world) error {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return w.store.SaveReport(ctx, booking.Report{
		ID: messageID, By: "recovery", Since: at.AddDate(0, 0, -30), StartedAt: at, FinishedAt: at.Add(time.Second),
		Checked: booking.Checked{Bookings: 12, Charges: 11, Holdings: 10, Messages: 13},
		Findings: []booking.Finding{{
			Kind: booking.FoundChargeUnknown, BookingID: bookingID, Detail: "50.00 EUR captured, and there is no such booking",
		}},
	})
}

// catalog is an event service with one event, and so many tickets left of it.
type catalog int

func (c catalog) Availability(context.Context, string) (booking.Availability, error) {
	return booking.Availability{EventID: eventID, Types: []booking.TicketType{
		{ID: typeID, Name: "Standard", Price: price, Available: int(c)},
	}}, nil
}

func (c catalog) Reserve(context.Context, booking.Reservation) (booking.Reserved, error) {
	return booking.Reserved{Event: snapshot, Items: items, Total: total}, nil
}

func (c catalog) Release(context.Context, string, string, int) error { return nil }

func (c catalog) Return(context.Context, booking.Return) error { return nil }

// holdings is an event service that has reserved nothing.
type holdings struct{}

func (holdings) Holdings(context.Context, string, int) ([]booking.Holding, error) { return nil, nil }
