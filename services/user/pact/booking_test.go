//go:build pact

package pact_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

func TestConsumerOfBooking(t *testing.T) {
	pact := pacttest.New(t, "user", "booking")
	location := pacttest.Header{
		"Content-Type": pacttest.Is("application/json"),
		"Location":     pacttest.Text("/bookings/"+bookingID, "^/bookings/[0-9a-f-]{36}$"),
	}
	declined := pacttest.Problem(http.StatusPaymentRequired, problem.PaymentDeclined)
	declined.Body.(pacttest.Body)["booking_id"] = pacttest.UUID(bookingID)
	cancelled, inPart := booked("CANCELLED", "refunded"), booked("CONFIRMED", "partially_refunded")
	for all, b := range map[bool]pacttest.Body{true: cancelled, false: inPart} {
		b["refunds"] = pacttest.Each(pacttest.Body{
			"id": pacttest.UUID(refundID), "amount": pacttest.Money(2500), "status": "refunded",
		})
		b["cancellations"] = pacttest.Each(pacttest.Body{
			"id": pacttest.UUID(cancellationID), "items": pacttest.Each(item), "price": pacttest.Money(2500), "fee": pacttest.Money(0),
			"refund_id": pacttest.UUID(refundID), "all": all, "status": "DONE", "at": pacttest.Time("2026-01-03T03:04:05Z"),
		})
	}
	report := pacttest.Body{
		"id": pacttest.UUID("01970000-0000-7000-8000-0000000000f1"), "by": pacttest.Like("recovery"), "since": pacttest.Time("2025-12-03T03:04:05Z"),
		"started_at": pacttest.Time("2026-01-02T03:04:05Z"), "finished_at": pacttest.Time("2026-01-02T03:04:06Z"),
		"checked": pacttest.Body{
			"bookings": pacttest.Integer(12), "charges": pacttest.Integer(11), "holdings": pacttest.Integer(10), "messages": pacttest.Integer(13),
		},
		"findings": pacttest.Like([]any{}), "left_out": pacttest.Integer(0), "counts": pacttest.Like([]any{}),
	}
	reportOfFindings := maps.Clone(report)
	reportOfFindings["findings"] = pacttest.Each(pacttest.Body{
		"kind": pacttest.Like("charge_unknown"), "booking_id": pacttest.UUID(bookingID), "detail": pacttest.Like("There is no such booking"),
		"repaired": pacttest.Like(false),
	})
	reportOfFindings["counts"] = pacttest.Each(pacttest.Body{"kind": pacttest.Like("charge_unknown"), "found": pacttest.Integer(1), "open": pacttest.Integer(1)})
	for _, e := range []struct {
		state, name string
		in          pacttest.Request
		out         pacttest.Answer
	}{
		{
			"an event has tickets left", "a booking of tickets by type", create("tok_visa"),
			pacttest.Answer{Status: 201, Header: location, Body: booked("CONFIRMED", "captured")},
		},
		{
			"an event has tickets left", "a booking whose payment is declined", create("tok_declined"),
			declined,
		},
		{
			"payments take longer than a booking waits", "a booking whose payment is not answered in time", create("tok_timeout"),
			pacttest.Answer{Status: 202, Header: location, Body: booked("PENDING", "pending")},
		},
		{
			"an event is sold out", "a booking of tickets that are gone", create("tok_visa"),
			pacttest.Problem(http.StatusConflict, problem.SoldOut),
		},
		{
			"the customer has a booking", "a request for one's bookings",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings", Query: map[string]string{"limit": "20"}, Header: asUser},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"items": pacttest.Each(booked("CONFIRMED", "captured")), "next_cursor": nil,
			}},
		},
		{
			"the customer has a booking", "a request for the bookings of a user",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/user/" + pacttest.CustomerID, Header: asUser},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"items": pacttest.Each(booked("CONFIRMED", "captured")), "next_cursor": nil,
			}},
		},
		{
			"the customer has a booking", "a request for a booking",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/" + bookingID, Header: asUser},
			pacttest.Answer{Status: 200, Header: asJSON, Body: booked("CONFIRMED", "captured")},
		},
		{
			"the customer has a booking", "a request for a booking by the link to it",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/" + bookingID, Header: byLink},
			pacttest.Answer{Status: 200, Header: asJSON, Body: booked("CONFIRMED", "captured")},
		},
		{
			"the customer has a booking", "a request for a booking by a forged link",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/" + bookingID, Header: pacttest.Header{"Booking-Key": pacttest.Is("forged")}},
			pacttest.Problem(http.StatusNotFound, problem.BookingNotFound),
		},
		{
			"the customer has a booking", "the mail with the tickets of a booking once more",
			pacttest.Request{Method: http.MethodPost, Path: "/bookings/" + bookingID + "/resend", Header: pacttest.Header{
				"Authorization": pacttest.Is("Bearer customer"), "Idempotency-Key": pacttest.Is("resend-4711"),
			}},
			pacttest.Answer{Status: 202},
		},
		{
			"a guest has a booking", "a guest's booking claimed by an account",
			pacttest.Request{Method: http.MethodPost, Path: "/bookings/" + bookingID + "/claim", Header: pacttest.Header{
				"Authorization": pacttest.Is("Bearer customer"), "Booking-Key": pacttest.Is("link-to-booking"),
			}},
			pacttest.Answer{Status: 200, Header: asJSON, Body: booked("CONFIRMED", "captured")},
		},
		{
			"the customer has a booking", "the end of the links to a booking",
			pacttest.Request{Method: http.MethodDelete, Path: "/bookings/" + bookingID + "/links", Header: byLink},
			pacttest.Answer{Status: 204},
		},
		{
			"a guest has a booking", "the links to the bookings of an address",
			pacttest.Request{Method: http.MethodPost, Path: "/bookings/links", Header: pacttest.Header{"Content-Type": pacttest.Is("application/json")}, Body: pacttest.Body{"email": "ana@example.com"}},
			pacttest.Answer{Status: 202},
		},
		{
			"the customer has a booking", "the cancellation of a booking",
			pacttest.Request{Method: http.MethodPut, Path: "/bookings/" + bookingID + "/cancel", Header: asUser},
			pacttest.Answer{Status: 200, Header: location, Body: cancelled},
		},
		{
			"the customer has a booking", "the cancellation of some of a booking's tickets", cancelTickets(1),
			pacttest.Answer{Status: 201, Header: location, Body: inPart},
		},
		{
			"the customer has a booking", "the cancellation of a ticket by its id", cancelTicket(ticketID),
			pacttest.Answer{Status: 201, Header: location, Body: inPart},
		},
		{
			"the customer has a booking", "a request for the tickets of a booking",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/" + bookingID + "/tickets", Header: asUser},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(pacttest.Body{
				"id": pacttest.UUID(ticketID), "number": pacttest.Integer(1), "ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"),
				"status": "VALID", "holder": pacttest.Body{"name": pacttest.Like("Ada Lovelace"), "email": pacttest.Like("ada@example.com")}, "issue": pacttest.Integer(1),
			})}},
		},
		{
			"the customer has a booking", "a new holder of a ticket",
			pacttest.Request{Method: http.MethodPatch, Path: "/bookings/" + bookingID + "/tickets/" + ticketID, Header: pacttest.Header{
				"Authorization": pacttest.Is("Bearer customer"), "Content-Type": pacttest.Is("application/json"),
			}, Body: map[string]any{"holder": map[string]any{"name": "Grace Hopper", "email": "grace@example.com"}}},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"id": pacttest.UUID(ticketID), "number": pacttest.Integer(1), "ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"),
				"status": "VALID", "holder": pacttest.Body{"name": "Grace Hopper", "email": "grace@example.com"}, "issue": pacttest.Integer(2),
			}},
		},
		{
			"the customer has a booking", "the cancellation of more tickets than a booking has", cancelTickets(3),
			pacttest.Problem(http.StatusConflict, problem.TicketsNotBooked),
		},
		{
			"the customer has a booking", "what was done to the money and tickets of a booking",
			pacttest.Request{Method: http.MethodGet, Path: "/admin/audit", Query: map[string]string{"booking_id": bookingID}, Header: asAdmin},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"items": pacttest.Each(pacttest.Body{
					"number": pacttest.Integer(4711), "at": pacttest.Time("2026-01-02T03:04:05Z"), "by": pacttest.Like("recovery"),
					"step": pacttest.Like("created"), "detail": pacttest.Like(""), "booking_id": bookingID, "event_id": eventID,
					"version": pacttest.Integer(2),
				}),
				"next_cursor": nil,
			}},
		},
		{
			"the customer has a booking", "a customer's request for what was done to money and tickets",
			pacttest.Request{Method: http.MethodGet, Path: "/admin/audit", Header: asUser},
			pacttest.Problem(http.StatusForbidden, problem.Forbidden),
		},
		{
			"a booking is set aside", "a request for the bookings that are set aside",
			pacttest.Request{Method: http.MethodGet, Path: "/admin/stuck-bookings", Query: map[string]string{"limit": "20"}, Header: asAdmin},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
				"items": pacttest.Each(pacttest.Body{
					"booking_id": bookingID, "event_id": eventID, "status": pacttest.Like("PENDING"), "error": pacttest.Like("panic: a defect"),
					"since": pacttest.Time("2026-01-02T03:04:05Z"), "tries": pacttest.Integer(1), "retry_at": pacttest.Time("2026-01-02T03:04:05Z"),
				}),
				"next_cursor": nil,
			}},
		},
		{
			"a booking is set aside", "a retry of a booking that is set aside",
			pacttest.Request{Method: http.MethodPost, Path: "/admin/stuck-bookings/" + bookingID + "/retry", Header: asAdmin},
			pacttest.Answer{Status: 204},
		},
		{
			"there was a reconciliation", "a request for what reconciliations have found",
			pacttest.Request{Method: http.MethodGet, Path: "/admin/reconciliations", Query: map[string]string{"limit": "20"}, Header: asAdmin},
			pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(reportOfFindings), "next_cursor": nil}},
		},
		{
			"the customer has a booking", "a reconciliation of the last days",
			pacttest.Request{Method: http.MethodPost, Path: "/admin/reconciliations", Query: map[string]string{"days": "7"}, Header: asAdmin},
			pacttest.Answer{Status: 201, Header: asJSON, Body: report},
		},
		{
			"the customer has no bookings", "a request for a booking that is not there",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/" + bookingID, Header: asUser},
			pacttest.Problem(http.StatusNotFound, problem.BookingNotFound),
		},
		{
			"the customer has a booking", "a request for somebody else's booking",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings/" + bookingID, Header: pacttest.Header{
				"Authorization": pacttest.Is("Bearer stranger"),
			}},
			pacttest.Problem(http.StatusForbidden, problem.Forbidden),
		},
		{
			"the customer has no bookings", "a request for bookings without an access token",
			pacttest.Request{Method: http.MethodGet, Path: "/bookings"},
			pacttest.Problem(http.StatusUnauthorized, problem.Unauthenticated),
		},
	} {
		pact.Exchange(t, e.state, e.name, e.in, e.out, through(e.in, e.out))
	}
}

func create(token string) pacttest.Request {
	return pacttest.Request{
		Method: http.MethodPost, Path: "/bookings",
		Header: pacttest.Header{
			"Authorization": pacttest.Is("Bearer customer"), "Idempotency-Key": pacttest.Is("order-4711"),
			"Content-Type": pacttest.Is("application/json"),
		},
		Body: map[string]any{
			"event_id": eventID,
			"items":    []any{map[string]any{"ticket_type_id": typeID, "quantity": 2}},
			"payment":  map[string]any{"token": token},
		},
	}
}

func cancelTickets(n int) pacttest.Request {
	return cancel(map[string]any{"items": []any{map[string]any{"ticket_type_id": typeID, "quantity": n}}})
}

func cancelTicket(id string) pacttest.Request { return cancel(map[string]any{"tickets": []any{id}}) }

func cancel(body map[string]any) pacttest.Request {
	return pacttest.Request{
		Method: http.MethodPost, Path: "/bookings/" + bookingID + "/cancellations",
		Header: pacttest.Header{
			"Authorization": pacttest.Is("Bearer customer"), "Idempotency-Key": pacttest.Is("cancel-4711"),
			"Content-Type": pacttest.Is("application/json"),
		},
		Body: body,
	}
}

var item = pacttest.Body{
	"ticket_type_id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "quantity": pacttest.Like(2),
	"unit_price": pacttest.Money(2500),
}

// booked is a booking as clients read it.
func booked(status, payment string) pacttest.Body {
	return pacttest.Body{
		"id": pacttest.UUID(bookingID), "user_id": pacttest.CustomerID, "event_id": eventID,
		"event": pacttest.Body{
			"id": eventID, "title": pacttest.Like("Night of Strings"), "starts_at": pacttest.Time("2040-06-21T18:00:00Z"),
			"time_zone": pacttest.Like("Europe/Berlin"), "venue": pacttest.Venue,
		},
		"items":   pacttest.Each(item),
		"tickets": pacttest.Like(2), "total": pacttest.Money(5000), "status": status,
		"payment": pacttest.Body{"provider": pacttest.Like("sandbox"), "reference": pacttest.Like(""), "status": payment},
		"timeline": pacttest.Each(pacttest.Body{
			"at": pacttest.Time("2026-01-02T03:04:05Z"), "step": pacttest.Like("created"), "detail": pacttest.Like(""),
		}),
		"created_at": pacttest.Time("2026-01-02T03:04:05Z"), "updated_at": pacttest.Time("2026-01-02T03:04:06Z"),
	}
}
