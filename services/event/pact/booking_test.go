//go:build pact

package pact_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/event/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

func TestConsumerOfBooking(t *testing.T) {
	pact := pacttest.New(t, "event", "booking")
	bookingMessages(t, pact)
	bookingRequests(t, pact)
}

// bookingRequests adds the event service's requests: the bookings of a cancelled
// event, the charge limits of a currency, and the receipts of messages.
func bookingRequests(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	asJSON := pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	token := pacttest.Is(pacttest.ServiceToken("event"))
	with := func(call func(context.Context, *httpkit.Client) error) func(*testing.T, string) {
		return func(t *testing.T, base string) {
			client, err := httpkit.NewClient(base, pacttest.As("event"), bookingapi.Timeout)
			if err != nil {
				t.Fatal(err)
			}
			if err := call(t.Context(), client); err != nil {
				t.Error(err)
			}
		}
	}
	ask := pacttest.Request{Method: http.MethodGet, Path: "/cancelled-events/" + eventID, Header: pacttest.Header{"X-Service-Token": token}}
	pact.Exchange(t, "booking has heard that an event is cancelled", "a look at what has become of a cancelled event's bookings", ask,
		pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
			"event_id": eventID, "done": pacttest.Like(false), "pending": pacttest.Integer(1), "confirmed": pacttest.Integer(2),
			"cancelling": pacttest.Integer(3), "cancelled": pacttest.Integer(4), "refunds_due": pacttest.Integer(5),
		}},
		with(func(ctx context.Context, client *httpkit.Client) error {
			got, err := bookingapi.New(client).Progress(ctx, eventID)
			if want := (event.Progress{Pending: 1, Confirmed: 2, Cancelling: 3, Cancelled: 4, RefundsDue: 5}); err == nil && got != want {
				err = fmt.Errorf("it is %+v, want %+v", got, want)
			}
			return err
		}))
	pact.Exchange(t, "booking has not heard that an event is cancelled", "a look at the bookings of an event that booking knows nothing of", ask,
		pacttest.Problem(http.StatusNotFound, problem.EventNotFound),
		with(func(ctx context.Context, client *httpkit.Client) error {
			if _, err := bookingapi.New(client).Progress(ctx, eventID); !errors.Is(err, event.ErrNotTold) {
				return fmt.Errorf("the error is %w, want that it is not told", err)
			}
			return nil
		}))
	limits := func(currency string) pacttest.Request {
		return pacttest.Request{Method: http.MethodGet, Path: "/charge-limits/" + currency, Header: pacttest.Header{"X-Service-Token": token}}
	}
	pact.Exchange(t, "the payment provider charges every currency", "the question which totals can be charged", limits("EUR"),
		pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
			"currency": "EUR", "step_minor": pacttest.Integer(1), "minimum_minor": pacttest.Integer(50), "maximum_minor": pacttest.Integer(99_999_999),
		}},
		with(func(ctx context.Context, client *httpkit.Client) error {
			got, err := bookingapi.New(client).Limits(ctx, "EUR")
			if want := (event.ChargeLimits{Step: 1, Minimum: 50, Maximum: 99_999_999}); err == nil && got != want {
				err = fmt.Errorf("they are %+v, want %+v", got, want)
			}
			return err
		}))
	pact.Exchange(t, "the payment provider charges euros alone", "the question which totals of another currency can be charged", limits("IQD"),
		pacttest.Problem(http.StatusNotFound, problem.CurrencyNotSupported),
		with(func(ctx context.Context, client *httpkit.Client) error {
			if _, err := bookingapi.New(client).Limits(ctx, "IQD"); !errors.Is(err, event.ErrCurrencyNotSupported) {
				return fmt.Errorf("the error is %w, want that it is not charged", err)
			}
			return nil
		}))
	pact.Exchange(t, "a message has arrived", "the question which messages have arrived", pacttest.Request{
		Method: http.MethodPost, Path: "/receipts", Body: map[string]any{"ids": []string{messageID, otherID}},
		Header: pacttest.Header{"X-Service-Token": token, "Content-Type": pacttest.Is("application/json")},
	}, pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"known": []string{messageID}}},
		with(func(ctx context.Context, client *httpkit.Client) error {
			known, err := inboxrest.NewClient(client).Known(ctx, []string{messageID, otherID})
			if err == nil && !slices.Equal(known, []string{messageID}) {
				err = fmt.Errorf("known are %v", known)
			}
			return err
		}))
}

// Of a booking the event service reads which reservation it is about, and which
// of its tickets come back, and no more.
func bookingMessages(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	const tickets, booked = 100, 2
	for _, m := range []struct {
		name, kind string
		inPart     bool
		want       event.State
		available  int
	}{
		{"a booking is confirmed", events.TypeBookingConfirmed, false, event.Sold, tickets - booked},
		{"a booking is cancelled", events.TypeBookingCancelled, false, event.Released, tickets},
		{"some tickets of a booking are cancelled", events.TypeBookingItemsCancelled, true, event.Held, tickets - booked + 1},
		{"a booking has failed", events.TypeBookingFailed, false, event.Released, tickets},
	} {
		data := pacttest.Body{
			"booking_id": pacttest.UUID(bookingID), "attempt": pacttest.Integer(1), "event": pacttest.Body{"id": pacttest.UUID(eventID)},
		}
		if m.inPart {
			data["cancellation"] = pacttest.Body{
				"id":    pacttest.UUID(cancellationID),
				"items": pacttest.Each(pacttest.Body{"ticket_type_id": pacttest.UUID(typeID), "quantity": pacttest.Integer(1)}),
			}
		}
		pact.Message(t, m.name, pacttest.Envelope(m.kind, messageID, data), func(t *testing.T, wire []byte) {
			db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			store := sqlite.New(db)
			service, err := event.New(event.Options{Store: store, Inventory: store, Holdings: store})
			if err != nil {
				t.Fatal(err)
			}
			if err := heldSome(t, store, attempt, tickets, booked); err != nil {
				t.Fatal(err)
			}
			message, err := cloudevent.Decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if err := messaging.Bookings(service)(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			if r, err := store.Reservation(t.Context(), attempt); err != nil || r.State != m.want {
				t.Errorf("the reservation is %+v (%v), want %s", r, err, m.want)
			}
			if e, err := store.Get(t.Context(), eventID); err != nil || e.Available() != m.available {
				t.Errorf("the event is %+v (%v), want %d tickets left", e, err, m.available)
			}
		})
	}
}
