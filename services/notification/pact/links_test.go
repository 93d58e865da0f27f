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

// links is what notification reads of a message that asks for the links to a guest's
// bookings, and asks when it sends the mail. A pact has no key, but a name in its place.
func links(t *testing.T, pact *pacttest.Pact, told pacttest.Body) {
	t.Helper()
	pact.Message(t, "the links to the bookings of a guest are asked for", pacttest.Envelope(events.TypeBookingLinksRequested, messageID, told), func(t *testing.T, wire []byte) {
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
		if err != nil || len(mails) != 1 || mails[0].Kind != notification.Links {
			t.Errorf("the mails are %+v (%v)", mails, err)
		}
	})

	const key = "the key of the link"
	want := notification.LinkMail{To: "ada@example.com", Name: "Ada Lovelace", Bookings: []notification.LinkedBooking{{
		BookingID: bookingID, Tickets: 2, LinkKey: key,
		Event: events.Event{Title: "Night of Strings", StartsAt: time.Date(2040, 6, 21, 18, 0, 0, 0, time.UTC), TimeZone: "Europe/Berlin", Venue: events.Venue{Name: "Philharmonie"}},
	}}}
	body := pacttest.Body{"to": pacttest.Like(want.To), "name": pacttest.Like(want.Name), "bookings": pacttest.Each(pacttest.Body{
		"booking_id": pacttest.UUID(bookingID), "status": "CONFIRMED", "tickets": pacttest.Integer(2), "link_key": pacttest.Like(key),
		"event": pacttest.Body{
			"title": pacttest.Like("Night of Strings"), "starts_at": pacttest.Time("2040-06-21T18:00:00Z"), "time_zone": pacttest.Like("Europe/Berlin"),
			"venue": pacttest.Body{"name": pacttest.Like("Philharmonie")},
		},
	})}
	asJSON := pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	for _, c := range []struct {
		state, name string
		answer      pacttest.Answer
		want        notification.LinkMail
		wantErr     error
	}{
		{"a guest is to be mailed the links to bookings", "a request for what a mail with links says", pacttest.Answer{Status: 200, Header: asJSON, Body: body}, want, nil},
		{"the customer has no bookings", "a request for what a mail with links says that is not due", pacttest.Problem(http.StatusConflict, problem.TicketMailNotDue), notification.LinkMail{}, notification.ErrNotDue},
	} {
		pact.Exchange(t, c.state, c.name, pacttest.Request{
			Method: http.MethodGet, Path: "/link-mails/" + messageID,
			Header: pacttest.Header{"X-Service-Token": pacttest.Is(pacttest.ServiceToken("notification"))},
		}, c.answer, func(t *testing.T, base string) {
			client, err := httpkit.NewClient(base, pacttest.As("notification"), bookingapi.Timeout)
			if err != nil {
				t.Fatal(err)
			}
			got, err := bookingapi.New(client).LinkMail(t.Context(), messageID)
			if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.wantErr) {
				t.Errorf("error %v, want %v (-want +got):\n%s", err, c.wantErr, diff)
			}
		})
	}
}
