//go:build pact

package pact_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/messaging"
)

// ticketID is that of the booking's first ticket: see booking.TicketID.
const ticketID = "3db81985-47ce-5b7e-b4e5-05f1665aac01"

// deliveries are what notification asks when it sends a mail with tickets. A pact has no
// code and no key, but names in their place.
func deliveries(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	const code, key = "what the QR code says", "the key of the link"
	asJSON := pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	body := func(more pacttest.Body) pacttest.Body {
		b := pacttest.Body{"link_key": pacttest.Like(key), "tickets": pacttest.Each(pacttest.Body{
			"number": pacttest.Integer(1), "name": pacttest.Like("Standard"), "holder": pacttest.Body{"name": pacttest.Like("Ada Lovelace")},
			"code": pacttest.Like(code), "qr": pacttest.Text("UE5H", `^[A-Za-z0-9+/]+=*$`),
		})}
		for k, v := range more {
			b[k] = v
		}
		return b
	}
	want := notification.Delivery{LinkKey: key, Tickets: []notification.DeliveredTicket{{Number: 1, Name: "Standard", Holder: "Ada Lovelace", Code: code, QR: []byte("PNG")}}}
	printed := want
	printed.PDF = []byte("PDF")
	for _, c := range []struct {
		state, name string
		wanted      notification.Wanted
		query       map[string]string
		answer      pacttest.Answer
		want        notification.Delivery
		wantErr     error
	}{
		{
			"the customer has a booking", "a request for what a mail to the buyer carries",
			notification.Wanted{BookingID: bookingID, PDF: true, Locale: "de"}, map[string]string{"link_version": "0", "pdf": "true", "locale": "de"},
			pacttest.Answer{Status: 200, Header: asJSON, Body: body(pacttest.Body{"pdf": pacttest.Text("UERG", `^[A-Za-z0-9+/]+=*$`)})}, printed, nil,
		},
		{
			"the customer has a booking", "a request for what a mail to a holder carries",
			notification.Wanted{BookingID: bookingID, TicketID: ticketID, Issue: 1}, map[string]string{"ticket_id": ticketID, "issue": "1"},
			pacttest.Answer{Status: 200, Header: asJSON, Body: body(nil)}, want, nil,
		},
		{
			"the customer has a booking", "a request for what a mail with a link carries that has ended",
			notification.Wanted{BookingID: bookingID, LinkVersion: 1}, map[string]string{"link_version": "1"},
			pacttest.Problem(http.StatusConflict, problem.TicketMailNotDue), notification.Delivery{}, notification.ErrNotDue,
		},
		{
			"the customer has no bookings", "a request for what a mail carries about a booking that is gone",
			notification.Wanted{BookingID: bookingID}, map[string]string{"link_version": "0"},
			pacttest.Problem(http.StatusNotFound, problem.BookingNotFound), notification.Delivery{}, notification.ErrNotDue,
		},
	} {
		pact.Exchange(t, c.state, c.name, pacttest.Request{
			Method: http.MethodGet, Path: "/bookings/" + bookingID + "/delivery", Query: c.query,
			Header: pacttest.Header{"X-Service-Token": pacttest.Is(pacttest.ServiceToken("notification"))},
		}, c.answer, func(t *testing.T, base string) {
			client, err := httpkit.NewClient(base, pacttest.As("notification"), bookingapi.Timeout)
			if err != nil {
				t.Fatal(err)
			}
			got, err := bookingapi.New(client).Delivery(t.Context(), c.wanted)
			if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.wantErr) {
				t.Errorf("error %v, want %v (-want +got):\n%s", err, c.wantErr, diff)
			}
		})
	}
}

// passedOn is what notification reads of a message about a ticket with another holder.
func passedOn(t *testing.T, pact *pacttest.Pact, told pacttest.Body) {
	t.Helper()
	told["passed_on"] = pacttest.Body{
		"ticket_id": pacttest.UUID(ticketID), "number": pacttest.Integer(1), "issue": pacttest.Integer(2),
		"to":   pacttest.Body{"name": pacttest.Like("Grace Hopper"), "email": pacttest.Like("grace@example.com")},
		"from": pacttest.Body{"name": pacttest.Like("Ada Lovelace"), "email": pacttest.Like("ada@example.com")},
	}
	pact.Message(t, "a ticket is passed on", pacttest.Envelope(events.TypeBookingTicketsChanged, messageID, told), func(t *testing.T, wire []byte) {
		store, service, _, _ := newService(t)
		message, err := cloudevent.Decode(wire)
		if err != nil {
			t.Fatal(err)
		}
		if err := messaging.Handler(service)(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		now := time.Now().Add(time.Minute)
		mails, err := store.Claim(t.Context(), notification.Email, now, now.Add(time.Minute), 10)
		got := map[string]notification.Kind{}
		for _, m := range mails {
			got[m.To] = m.Kind
		}
		want := map[string]notification.Kind{"grace@example.com": notification.TicketReceived, "ada@example.com": notification.TicketPassedOn}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, mails (-want +got):\n%s", err, diff)
		}
	})
}
