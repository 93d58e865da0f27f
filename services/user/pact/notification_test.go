//go:build pact

package pact_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// receipts is what the outbox asks each consumer of its messages.
func receipts(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	const messageID, lostID = "01970000-0000-7000-8000-0000000000f1", "01970000-0000-7000-8000-0000000000f9"
	pact.Exchange(t, "a message has arrived", "the question which messages have arrived", pacttest.Request{
		Method: http.MethodPost, Path: "/receipts", Body: map[string]any{"ids": []string{messageID, lostID}},
		Header: pacttest.Header{"X-Service-Token": pacttest.Is(pacttest.ServiceToken("user")), "Content-Type": pacttest.Is("application/json")},
	}, pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"known": []string{messageID}}}, func(t *testing.T, base string) {
		client, err := httpkit.NewClient(base, pacttest.As("user"), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		known, err := inboxrest.NewClient(client).Known(t.Context(), []string{messageID, lostID})
		if err != nil || !slices.Equal(known, []string{messageID}) {
			t.Errorf("known are %v (%v)", known, err)
		}
	})
}

func TestConsumerOfNotification(t *testing.T) {
	in := pacttest.Request{
		Method: http.MethodGet, Path: "/notifications", Header: asUser,
		Query: map[string]string{"status": "SENT", "booking_id": bookingID},
	}
	out := pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
		"items": pacttest.Each(pacttest.Body{
			"id": pacttest.UUID("01970000-0000-7000-8000-0000000000d2"), "booking_id": bookingID, "user_id": pacttest.CustomerID,
			"channel": pacttest.Text("email", "^(email|sms)$"), "to": pacttest.Like("ada@example.com"),
			"subject": pacttest.Like("Booking confirmed: Night of Strings"), "status": "SENT", "attempts": pacttest.Like(1),
			"created_at": pacttest.Time("2026-01-02T03:04:05Z"), "sent_at": pacttest.Time("2026-01-02T03:04:06Z"),
		}),
		"next_cursor": nil,
	}}
	pact := pacttest.New(t, "user", "notification")
	pact.Exchange(t,
		"the customer was notified of a booking", "a request for what was sent about a booking", in, out, through(in, out))
	receipts(t, pact)
}
