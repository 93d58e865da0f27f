//go:build pact

// Package pact_test is what web expects of the services that answer it through the
// gateway.
package pact_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/gateway"
)

// The examples.
const (
	eventID   = "01970000-0000-7000-8000-0000000000e1"
	typeID    = "01970000-0000-7000-8000-0000000000a1"
	bookingID = "01970000-0000-7000-8000-0000000000b1"
	ticketID  = "3db81985-47ce-5b7e-b4e5-05f1665aac01" // its first
	sessionID = "01970000-0000-7000-8000-0000000000a2"
)

var (
	customer = web.Caller{AccessToken: "customer"}
	link     = web.Caller{BookingKey: "link-to-booking"}
	nobody   = web.Caller{}

	asCustomer = pacttest.Header{"Authorization": pacttest.Is("Bearer customer")}
	byLink     = pacttest.Header{"Booking-Key": pacttest.Is("link-to-booking")}
	asJSON     = pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	withJSON   = pacttest.Header{"Content-Type": pacttest.Is("application/json")}
)

func and(all ...pacttest.Header) pacttest.Header {
	out := pacttest.Header{}
	for _, h := range all {
		maps.Copy(out, h)
	}
	return out
}

func once(key string) pacttest.Header { return pacttest.Header{"Idempotency-Key": pacttest.Is(key)} }

// exchange is one request, the answer to it, and what web makes of that.
type exchange struct {
	state, name string
	in          pacttest.Request
	out         pacttest.Answer
	call        func(ctx context.Context, g *gateway.Gateway) error
}

// draw draws a pact up with web's own adapter. The service sees what the gateway passes
// on, which is neither web's token nor the visitor's address.
func draw(t *testing.T, provider string, token func() (string, error), exchanges []exchange) {
	t.Helper()
	pact := pacttest.New(t, "web", provider)
	for _, e := range exchanges {
		pact.Exchange(t, e.state, e.name, e.in, e.out, func(t *testing.T, base string) {
			t.Helper()
			client, err := httpkit.NewClient(base, token, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.call(t.Context(), gateway.New(client, client)); err != nil {
				t.Error(err)
			}
		})
	}
}

// wrong says that err is not want.
func wrong(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("want %w, got %w", want, err)
}

// refused says that err is not the refusal with this code.
func refused(err error, code problem.Code) error {
	if web.Refused(err) == string(code) {
		return nil
	}
	return fmt.Errorf("want %s, got %w", code, err)
}

func has(what string, ok bool, err error) error {
	if err == nil && !ok {
		err = fmt.Errorf("%s is another", what)
	}
	return err
}

var price = money.Amount{AmountMinor: 2500, Currency: "EUR"}

func TestConsumerOfEvent(t *testing.T) {
	event := pacttest.Body{
		"id": pacttest.UUID(eventID), "title": pacttest.Like("Night of Strings"), "description": pacttest.Like("Bach."), "category": pacttest.Like("Concert"),
		"venue": pacttest.Venue, "starts_at": pacttest.Time("2040-06-21T18:00:00Z"), "ends_at": pacttest.Time("2040-06-21T21:00:00Z"),
		"time_zone": pacttest.Like("Europe/Berlin"), "organizer_id": pacttest.UUID("01970000-0000-7000-8000-0000000000d1"), "status": "PUBLISHED",
		"ticket_types": pacttest.Each(pacttest.Body{
			"id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "price": pacttest.Money(2500), "capacity": pacttest.Integer(100),
			"available": pacttest.Integer(100), "state": pacttest.Text("ON_SALE", "^(ON_SALE|NOT_YET|CLOSED|SOLD_OUT)$"),
		}),
		"cancellation_policy": pacttest.Body{"free_hours": pacttest.Integer(48), "fee_basis_points": pacttest.Integer(1000)},
		"max_per_booking":     pacttest.Integer(20), "transfers": pacttest.Like(true), "updated_at": pacttest.Time("2026-01-02T03:04:05Z"),
	}
	whole := func(e web.Event) bool {
		return e.ID == eventID && e.Zone.String() == "Europe/Berlin" && e.StartsAt.Hour() == 20 && e.Venue.City == "Berlin" && len(e.TicketTypes) == 1 &&
			e.TicketTypes[0].Price == price && e.TicketTypes[0].State == web.OnSale && e.CancellationPolicy.FeeBasisPoints == 1000 && e.MaxPerBooking == 20
	}
	draw(t, "event", nil, []exchange{
		{
			"there are more events than a page has", "a search for events",
			pacttest.Request{Method: http.MethodGet, Path: "/events", Query: map[string]string{"from": "2026-01-01T00:00:00Z", "limit": "1", "q": "strings", "city": "Berlin"}},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(event), "next_cursor": pacttest.Like("eyJ4IjoxfQ")}},
			func(ctx context.Context, g *gateway.Gateway) error {
				page, err := g.Events(ctx, nobody, web.EventQuery{Text: "strings", City: "Berlin", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 1})
				return has("the page", len(page.Events) == 1 && whole(page.Events[0]) && page.Next != "", err)
			},
		},
		{
			"there is an event", "a request for an event",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID},
			pacttest.Answer{Status: 200, Header: asJSON, Body: event},
			func(ctx context.Context, g *gateway.Gateway) error {
				e, err := g.Event(ctx, nobody, eventID)
				return has("the event", whole(e), err)
			},
		},
		{
			"there are no events", "a request for an event that is not there",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID},
			pacttest.Problem(404, problem.EventNotFound),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Event(ctx, nobody, eventID)
				return wrong(err, web.ErrNotFound)
			},
		},
		{
			"there is an event", "a request for a picture that is not there",
			pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID + "/image/480"},
			pacttest.Problem(404, problem.ImageNotFound),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Image(ctx, nobody, eventID, 480)
				return wrong(err, web.ErrNotFound)
			},
		},
		{
			"there are no events", "a request for events after a cursor that is none",
			pacttest.Request{Method: http.MethodGet, Path: "/events", Query: map[string]string{"from": "2026-01-01T00:00:00Z", "cursor": "x"}},
			pacttest.Problem(422, problem.InvalidCursor),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Events(ctx, nobody, web.EventQuery{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Cursor: "x"})
				return refused(err, problem.InvalidCursor)
			},
		},
	})
}

// booked is a booking as web reads it.
func booked(status, payment string) pacttest.Body {
	return pacttest.Body{
		"id": pacttest.UUID(bookingID), "event_id": eventID, "status": status,
		"buyer": pacttest.Body{"name": pacttest.Like("Ada Lovelace"), "email": pacttest.Like("ada@example.com")},
		"event": pacttest.Body{
			"title": pacttest.Like("Night of Strings"), "starts_at": pacttest.Time("2040-06-21T18:00:00Z"), "time_zone": pacttest.Like("Europe/Berlin"),
			"venue": pacttest.Venue, "cancellation_policy": pacttest.Body{"free_hours": pacttest.Integer(48), "fee_basis_points": pacttest.Integer(1000)},
		},
		"items": pacttest.Each(pacttest.Body{
			"ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "quantity": pacttest.Integer(2), "unit_price": pacttest.Money(2500),
		}),
		"total": pacttest.Money(5000), "payment": pacttest.Body{"provider": pacttest.Like("sandbox"), "status": payment},
		"created_at": pacttest.Time("2026-01-02T03:04:05Z"),
	}
}

func isBooked(b web.Booking, err error, status web.BookingStatus) error {
	return has("the booking", b.ID == bookingID && b.EventID == eventID && b.Status == status && b.Event.Zone.String() == "Europe/Berlin" && len(b.Items) == 1 && b.Total.AmountMinor == 5000 && b.Buyer.Email != "", err)
}

func document(mediaType string) pacttest.Answer {
	return pacttest.Answer{Status: 200, Header: pacttest.Header{"Content-Type": pacttest.Text(mediaType, "^"+regexp.QuoteMeta(mediaType)+"(;.*)?$")}}
}

func TestConsumerOfBooking(t *testing.T) {
	const of = "the customer has a booking"
	path := "/bookings/" + bookingID
	held := booked("PENDING", "awaiting")
	held["payment"].(pacttest.Body)["expires_at"] = pacttest.Time("2026-01-02T03:14:05Z")
	cancelled, inPart := booked("CANCELLED", "refunded"), booked("CONFIRMED", "partially_refunded")
	inPart["items"] = pacttest.Each(pacttest.Body{"ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "quantity": pacttest.Integer(1), "unit_price": pacttest.Money(2500)})
	inPart["total"] = pacttest.Money(5000)
	for all, b := range map[bool]pacttest.Body{true: cancelled, false: inPart} {
		b["refunds"] = pacttest.Each(pacttest.Body{"id": pacttest.UUID(ticketID), "amount": pacttest.Money(2500), "status": "refunded"})
		b["cancellations"] = pacttest.Each(pacttest.Body{
			"id": pacttest.UUID(ticketID), "price": pacttest.Money(2500), "fee": pacttest.Money(0), "all": all, "status": "DONE", "at": pacttest.Time("2026-01-03T03:04:05Z"),
			"items": pacttest.Each(pacttest.Body{"ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "quantity": pacttest.Integer(1), "unit_price": pacttest.Money(2500)}),
		})
	}
	ticket := pacttest.Body{
		"id": pacttest.UUID(ticketID), "number": pacttest.Integer(1), "ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "status": "VALID",
		"holder": pacttest.Body{"name": pacttest.Like("Ada Lovelace"), "email": pacttest.Like("ada@example.com")}, "issue": pacttest.Integer(1),
	}
	begin := func(ctx context.Context, g *gateway.Gateway) (web.Booking, error) {
		return g.Begin(ctx, customer, "order-4711", eventID, []web.Quantity{{TicketTypeID: typeID, Quantity: 2}}, money.Amount{AmountMinor: 5000, Currency: "EUR"})
	}
	beginning := pacttest.Request{
		Method: http.MethodPost, Path: "/bookings", Header: and(asCustomer, withJSON, once("order-4711")),
		Body: map[string]any{
			"event_id": eventID, "items": []any{map[string]any{"ticket_type_id": typeID, "quantity": 2}}, "checkout": true,
			"expected_total": map[string]any{"amount_minor": 5000, "currency": "EUR"},
		},
	}
	file := func(name, below, ticket string, kind web.DocumentKind, mediaType string) exchange {
		return exchange{
			of, name, pacttest.Request{Method: http.MethodGet, Path: path + below, Header: asCustomer}, document(mediaType),
			func(ctx context.Context, g *gateway.Gateway) error {
				d, err := g.Document(ctx, customer, bookingID, ticket, kind, "")
				if err != nil {
					return err
				}
				_, err = io.Copy(io.Discard, d.Body)
				return errors.Join(err, d.Body.Close())
			},
		}
	}
	draw(t, "booking", nil, []exchange{
		{"the customer has no bookings", "a request for who takes the money", pacttest.Request{Method: http.MethodGet, Path: "/payments/config"},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"provider": pacttest.Like("sandbox")}},
			func(ctx context.Context, g *gateway.Gateway) error {
				c, err := g.Config(ctx, nobody)
				return has("the provider", c.Provider != "", err)
			}},
		{"an event has tickets left", "a checkout", beginning, pacttest.Answer{Status: 201, Header: asJSON, Body: held},
			func(ctx context.Context, g *gateway.Gateway) error {
				b, err := begin(ctx, g)
				return errors.Join(isBooked(b, err, web.Pending), has("its end", !b.Payment.ExpiresAt.IsZero(), nil))
			}},
		{"an event is sold out", "a checkout of tickets that are gone", beginning, pacttest.Problem(409, problem.SoldOut),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := begin(ctx, g)
				return refused(err, problem.SoldOut)
			}},
		{of, "a payment of a booking that is paid",
			pacttest.Request{Method: http.MethodPost, Path: path + "/payment", Header: and(asCustomer, withJSON, once("pay-4711")), Body: map[string]any{"token": "tok_visa"}},
			pacttest.Problem(409, problem.AlreadyPaid),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Pay(ctx, customer, "pay-4711", bookingID, "tok_visa")
				return refused(err, problem.AlreadyPaid)
			}},
		{of, "an extension of a booking that is paid",
			pacttest.Request{Method: http.MethodPost, Path: path + "/extension", Header: and(asCustomer, once("more-4711"))}, pacttest.Problem(409, problem.AlreadyPaid),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Extend(ctx, customer, "more-4711", bookingID)
				return refused(err, problem.AlreadyPaid)
			}},
		{of, "the cancellation of a booking", pacttest.Request{Method: http.MethodPut, Path: path + "/cancel", Header: asCustomer},
			pacttest.Answer{Status: 200, Header: asJSON, Body: cancelled},
			func(ctx context.Context, g *gateway.Gateway) error {
				b, err := g.Abandon(ctx, customer, bookingID)
				return errors.Join(isBooked(b, err, web.BookingCancelled), has("what goes back", len(b.Refunds) == 1 && len(b.Cancellations) == 1 && b.Cancellations[0].All, nil))
			}},
		{of, "another contact, which guests alone have",
			pacttest.Request{Method: http.MethodPatch, Path: path, Header: and(asCustomer, withJSON), Body: map[string]any{"name": "Ada", "email": "ada@example.com", "phone": "", "locale": "en"}},
			pacttest.Problem(403, problem.Forbidden),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Correct(ctx, customer, bookingID, web.Buyer{Name: "Ada", Email: "ada@example.com", Locale: "en"})
				return wrong(err, web.ErrNotFound)
			}},
		{"the customer has no bookings", "an answer to a challenge of the sandbox that is not there",
			pacttest.Request{Method: http.MethodPost, Path: "/payments/sandbox/challenge/AAAAAAAAAAAAAAAAAAAAAAAAAA", Query: map[string]string{"outcome": "confirmed"}}, pacttest.Problem(404, problem.RouteNotFound),
			func(ctx context.Context, g *gateway.Gateway) error {
				return wrong(g.AnswerSandbox(ctx, nobody, "/payments/sandbox/challenge/AAAAAAAAAAAAAAAAAAAAAAAAAA", true), web.ErrNotFound)
			}},
		{of, "a request for one's bookings", pacttest.Request{Method: http.MethodGet, Path: "/bookings", Header: asCustomer},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(booked("CONFIRMED", "captured")), "next_cursor": nil}},
			func(ctx context.Context, g *gateway.Gateway) error {
				items, next, err := g.Bookings(ctx, customer, "")
				return has("the page", len(items) == 1 && next == "", err)
			}},
		{of, "a request for a booking", pacttest.Request{Method: http.MethodGet, Path: path, Header: asCustomer}, pacttest.Answer{Status: 200, Header: asJSON, Body: booked("CONFIRMED", "captured")},
			func(ctx context.Context, g *gateway.Gateway) error {
				b, err := g.Booking(ctx, customer, bookingID)
				return isBooked(b, err, web.Confirmed)
			}},
		{of, "a request for a booking by its link", pacttest.Request{Method: http.MethodGet, Path: path, Header: byLink}, pacttest.Answer{Status: 200, Header: asJSON, Body: booked("CONFIRMED", "captured")},
			func(ctx context.Context, g *gateway.Gateway) error {
				b, err := g.Booking(ctx, link, bookingID)
				return isBooked(b, err, web.Confirmed)
			}},
		{of, "a request for a booking without a token", pacttest.Request{Method: http.MethodGet, Path: path}, pacttest.Problem(401, problem.Unauthenticated),
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.Booking(ctx, nobody, bookingID)
				return wrong(err, web.ErrSignedOut)
			}},
		{of, "a request for the tickets of a booking", pacttest.Request{Method: http.MethodGet, Path: path + "/tickets", Header: asCustomer},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(ticket)}},
			func(ctx context.Context, g *gateway.Gateway) error {
				all, err := g.Tickets(ctx, customer, bookingID)
				return has("the ticket", len(all) == 1 && all[0].Status == web.Valid && all[0].Holder.Name != "", err)
			}},
		{of, "a new holder of a ticket",
			pacttest.Request{Method: http.MethodPatch, Path: path + "/tickets/" + ticketID, Header: and(asCustomer, withJSON), Body: map[string]any{"holder": map[string]any{"name": "Grace", "email": ""}}},
			pacttest.Answer{Status: 200, Header: asJSON, Body: ticket},
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.ChangeHolder(ctx, customer, bookingID, ticketID, web.Holder{Name: "Grace"})
				return err
			}},
		{of, "the return of a ticket",
			pacttest.Request{Method: http.MethodPost, Path: path + "/cancellations", Header: and(asCustomer, withJSON, once("back-4711")), Body: map[string]any{"tickets": []any{ticketID}}},
			pacttest.Answer{Status: 201, Header: asJSON, Body: inPart},
			func(ctx context.Context, g *gateway.Gateway) error {
				b, err := g.Return(ctx, customer, "back-4711", bookingID, []string{ticketID})
				return has("what goes back", b.Status == web.Confirmed && len(b.Refunds) == 1 && b.Cancellations[0].Done, err)
			}},
		file("the tickets to print", "/tickets.pdf", "", web.TicketsPDF, "application/pdf"),
		file("a calendar entry", "/calendar.ics", "", web.Calendar, "text/calendar"),
		file("a ticket to print", "/tickets/"+ticketID+"/pdf", ticketID, web.TicketPDF, "application/pdf"),
		file("a QR code in pixels", "/tickets/"+ticketID+"/qr.png", ticketID, web.TicketPNG, "image/png"),
		file("a QR code in lines", "/tickets/"+ticketID+"/qr.svg", ticketID, web.TicketSVG, "image/svg+xml"),
		{of, "the tickets once more by mail", pacttest.Request{Method: http.MethodPost, Path: path + "/resend", Header: and(asCustomer, once("again-4711"))}, pacttest.Answer{Status: 202},
			func(ctx context.Context, g *gateway.Gateway) error {
				return g.Resend(ctx, customer, "again-4711", bookingID)
			}},
		{"a guest has a booking", "a guest's booking claimed by an account", pacttest.Request{Method: http.MethodPost, Path: path + "/claim", Header: and(asCustomer, byLink)},
			pacttest.Answer{Status: 200, Header: asJSON, Body: booked("CONFIRMED", "captured")},
			func(ctx context.Context, g *gateway.Gateway) error {
				b, err := g.Claim(ctx, web.Caller{AccessToken: "customer", BookingKey: "link-to-booking"}, bookingID)
				return isBooked(b, err, web.Confirmed)
			}},
		{"the customer has no bookings", "a mail with the links to one's bookings", pacttest.Request{Method: http.MethodPost, Path: "/bookings/links", Header: withJSON, Body: map[string]any{"email": "ada@example.com"}}, pacttest.Answer{Status: 202},
			func(ctx context.Context, g *gateway.Gateway) error { return g.Find(ctx, nobody, "ada@example.com") }},
		{of, "the end of the links to a booking", pacttest.Request{Method: http.MethodDelete, Path: path + "/links", Header: byLink}, pacttest.Answer{Status: 204},
			func(ctx context.Context, g *gateway.Gateway) error { return g.End(ctx, link, bookingID) }},
	})
}
