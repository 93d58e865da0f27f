//go:build pact

package pact_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

func TestConsumerOfEvent(t *testing.T) {
	pact := pacttest.New(t, "user", "event")
	ticketType := pacttest.Body{
		"id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "price": pacttest.Money(2500),
		"capacity": pacttest.Like(100), "available": pacttest.Like(98),
	}
	event := pacttest.Body{
		"id": pacttest.UUID(eventID), "title": pacttest.Like("Night of Strings"), "description": pacttest.Like("Two quartets"),
		"category": pacttest.Like("Concert"), "venue": pacttest.Venue,
		"starts_at": pacttest.Time("2040-06-21T18:00:00Z"), "ends_at": pacttest.Time("2040-06-21T21:00:00Z"),
		"time_zone": pacttest.Like("Europe/Berlin"), "organizer_id": pacttest.UUID(organizerID),
		"status": "PUBLISHED", "ticket_types": pacttest.Each(ticketType),
		"cancellation_policy": pacttest.Body{"free_hours": pacttest.Integer(48), "fee_basis_points": pacttest.Integer(1000)},
	}
	cancelled := maps.Clone(event)
	cancelled["status"] = "CANCELLED"
	tagged := pacttest.Header{
		"Content-Type": pacttest.Is("application/json"), "ETag": pacttest.Text(`"1.0"`, `^"[^"]+"$`),
	}
	cancellation := pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID + "/cancellation", Header: asOrganizer}
	for _, e := range []struct {
		state, name string
		in          pacttest.Request
		out         pacttest.Answer
	}{
		{
			"there is an event", "a search for events",
			pacttest.Request{
				Method: http.MethodGet, Path: "/events",
				Query: map[string]string{"q": "strings", "city": "berlin", "category": "concert", "sort": "-starts_at", "limit": "1"},
			},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(event), "next_cursor": nil}},
		},
		{
			"there are more events than a page has", "a page of events",
			pacttest.Request{Method: http.MethodGet, Path: "/events", Query: map[string]string{"limit": "1"}},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"items": pacttest.Each(event), "next_cursor": pacttest.Like("b3BhcXVl"),
			}},
		},
		{
			"there are no events", "a page of no events",
			pacttest.Request{Method: http.MethodGet, Path: "/events"},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": []any{}, "next_cursor": nil}},
		},
		{
			"there is an event", "a cursor that no list gave out",
			pacttest.Request{Method: http.MethodGet, Path: "/events", Query: map[string]string{"cursor": "made-up"}},
			pacttest.Problem(http.StatusUnprocessableEntity, problem.InvalidCursor),
		},
		{
			"there is an event", "a request for an event",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID},
			pacttest.Answer{Status: 200, Header: tagged, Body: event},
		},
		{
			"there is an event", "a request for an event that is not there",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + noEventID},
			pacttest.Problem(http.StatusNotFound, problem.EventNotFound),
		},
		{
			"there is an event", "a request for what is left of an event's tickets",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID + "/availability"},
			pacttest.Answer{Status: 200, Header: tagged, Body: pacttest.Body{
				"event_id": pacttest.UUID(eventID), "capacity": pacttest.Like(100), "available": pacttest.Like(98), "sales_open": true,
				"ticket_types": pacttest.Each(ticketType),
			}},
		},
		{
			"there is an event", "the cancellation of an event", cancelEvent("organizer"),
			pacttest.Answer{Status: 200, Header: tagged, Body: cancelled},
		},
		{
			"there is an event", "the cancellation of somebody else's event", cancelEvent("customer"),
			pacttest.Problem(http.StatusForbidden, problem.Forbidden),
		},
		{
			"an event is cancelled", "a look at how far an event's cancellation is", cancellation,
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"event_id": pacttest.UUID(eventID), "cancelled_at": pacttest.Time("2026-01-02T03:04:05Z"), "note": pacttest.Like("The singer is ill."),
				"told": true, "done": pacttest.Like(false),
				"bookings": pacttest.Body{
					"pending": pacttest.Integer(1), "confirmed": pacttest.Integer(2), "cancelling": pacttest.Integer(3), "cancelled": pacttest.Integer(4),
					"refunds_due": pacttest.Integer(5),
				},
			}},
		},
		{
			"there is an event", "a look at the cancellation of an event that is not cancelled", cancellation,
			pacttest.Problem(http.StatusNotFound, problem.EventNotCancelled),
		},
	} {
		pact.Exchange(t, e.state, e.name, e.in, e.out, through(e.in, e.out))
	}
}

func cancelEvent(caller string) pacttest.Request {
	return pacttest.Request{
		Method: http.MethodPost, Path: "/events/" + eventID + "/cancel", Body: map[string]any{"note": "The singer is ill."},
		Header: pacttest.Header{"Authorization": pacttest.Is("Bearer " + caller), "Content-Type": pacttest.Is("application/json")},
	}
}
