//go:build pact

// Package pact_test is what booking expects of other services, and that it
// keeps what they expect of it.
package pact_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// The examples.
const (
	eventID   = "01970000-0000-7000-8000-0000000000e1"
	noEventID = "01970000-0000-7000-8000-0000000000e0"
	typeID    = "01970000-0000-7000-8000-0000000000a1"
	bookingID = "01970000-0000-7000-8000-0000000000b1"
	messageID = "01970000-0000-7000-8000-0000000000f1"
	lostID    = "01970000-0000-7000-8000-0000000000f0"

	cancellationID = "01970000-0000-7000-8000-0000000000c1"
	organizerID    = "01970000-0000-7000-8000-0000000000d1"
)

var (
	price = money.Amount{AmountMinor: 2500, Currency: "EUR"}
	total = money.Amount{AmountMinor: 5000, Currency: "EUR"}
	items = []events.Item{{TicketTypeID: typeID, Name: "Standard", Quantity: 2, UnitPrice: price, Position: 1}}

	snapshot = events.Event{
		ID: eventID, OrganizerID: organizerID, Title: "Night of Strings", StartsAt: time.Date(2040, 6, 21, 18, 0, 0, 0, time.UTC), TimeZone: "Europe/Berlin",
		EndsAt: time.Date(2040, 6, 21, 21, 0, 0, 0, time.UTC), DoorsAt: time.Date(2040, 6, 21, 17, 0, 0, 0, time.UTC), NoTransfers: true,
		Venue: events.Venue{Name: "Philharmonie", Address: "Herbert-von-Karajan-Str. 1", City: "Berlin", Country: "DE"},

		CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
	}

	asJSON = pacttest.Header{"Content-Type": pacttest.Is("application/json")}
)

func asService(method, path string, body any) pacttest.Request {
	return pacttest.Request{Method: method, Path: path, Body: body, Header: pacttest.Header{
		"X-Service-Token": pacttest.Is(pacttest.ServiceToken("booking")), "Content-Type": pacttest.Is("application/json"),
	}}
}

// receipts is what the outbox asks each consumer of its messages.
func receipts(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	pact.Exchange(t, "a message has arrived", "the question which messages have arrived",
		asService(http.MethodPost, "/receipts", map[string]any{"ids": []string{messageID, lostID}}),
		pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"known": []string{messageID}}},
		with(func(ctx context.Context, client *httpkit.Client) error {
			known, err := inboxrest.NewClient(client).Known(ctx, []string{messageID, lostID})
			if err != nil {
				return err
			}
			return diff([]string{messageID}, known)
		}))
}
