//go:build pact

package pact_test

import (
	"net/http"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

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
	pacttest.New(t, "user", "notification").Exchange(t,
		"the customer was notified of a booking", "a request for what was sent about a booking", in, out, through(in, out))
}
