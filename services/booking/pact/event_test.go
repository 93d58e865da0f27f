//go:build pact

package pact_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// with gives call a client as the service's own wiring makes it.
func with(call func(context.Context, *httpkit.Client) error) func(*testing.T, string) {
	return func(t *testing.T, base string) {
		t.Helper()
		client, err := httpkit.NewClient(base, pacttest.As("booking"), eventapi.Timeout)
		if err != nil {
			t.Fatal(err)
		}
		if err := call(t.Context(), client); err != nil {
			t.Error(err)
		}
	}
}

func TestConsumerOfEvent(t *testing.T) {
	pact := pacttest.New(t, "booking", "event")
	want := booking.Reservation{
		BookingID: bookingID, Attempt: 1, EventID: eventID, Items: []events.Item{{TicketTypeID: typeID, Quantity: 2}},
	}
	held := pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
		"booking_id": bookingID,
		"event": pacttest.Body{
			"id": eventID, "organizer_id": pacttest.UUID(organizerID), "title": pacttest.Like(snapshot.Title), "starts_at": pacttest.Time("2040-06-21T18:00:00Z"),
			"ends_at": pacttest.Time("2040-06-21T21:00:00Z"), "doors_at": pacttest.Time("2040-06-21T17:00:00Z"), "no_transfers": pacttest.Like(true),
			"time_zone": pacttest.Like(snapshot.TimeZone), "venue": pacttest.Venue,
			"cancellation_policy": pacttest.Body{"free_hours": pacttest.Integer(48), "fee_basis_points": pacttest.Integer(1000)},
		},
		"items": pacttest.Each(pacttest.Body{
			"ticket_type_id": typeID, "name": pacttest.Like("Standard"), "quantity": 2, "unit_price": pacttest.Money(2500), "position": pacttest.Integer(1),
		}),
		"total": pacttest.Money(5000),
	}}
	reserve := func(event string, reserved booking.Reserved, refused error) func(*testing.T, string) {
		return with(func(ctx context.Context, client *httpkit.Client) error {
			r := want
			r.EventID = event
			got, err := eventapi.New(client).Reserve(ctx, r)
			return errors.Join(wrong(err, refused), diff(reserved, got))
		})
	}
	book := func(event string) pacttest.Request {
		return asService(http.MethodPut, "/events/"+event+"/book", map[string]any{
			"booking_id": bookingID, "attempt": 1, "items": []any{map[string]any{"ticket_type_id": typeID, "quantity": 2}},
		})
	}
	pact.Exchange(t, "there is an event", "a booking's tickets are held", book(eventID), held,
		reserve(eventID, booking.Reserved{Event: snapshot, Items: items, Total: total}, nil))
	for _, refused := range []struct {
		state, name, event string
		status             int
		code               problem.Code
		err                error
	}{
		{"an event is sold out", "tickets that are gone", eventID, 409, problem.SoldOut, booking.ErrSoldOut},
		{"an event sells one ticket to a booking", "more tickets than a booking may have", eventID, 409, problem.TooManyTickets, booking.ErrTooManyForBooking},
		{"an event is cancelled", "tickets that are not sold any more", eventID, 409, problem.SalesClosed, booking.ErrSalesClosed},
		{"an event's tickets are not on sale yet", "tickets that are not sold yet", eventID, 409, problem.NotOnSaleYet, booking.ErrNotOnSaleYet},
		{"there is an event with other tickets", "tickets of a type that is not there", eventID, 422, problem.TicketTypeNotFound, booking.ErrTicketTypeNotFound},
		{"a booking's first attempt is released", "tickets under a closed attempt", eventID, 409, problem.ReservationReleased, booking.ErrReservationReleased},
		{"there are no events", "tickets of an event that is not there", noEventID, 404, problem.EventNotFound, booking.ErrEventNotFound},
	} {
		pact.Exchange(t, refused.state, refused.name, book(refused.event), pacttest.Problem(refused.status, refused.code),
			reserve(refused.event, booking.Reserved{}, refused.err))
	}

	available := pacttest.Request{Method: http.MethodGet, Path: "/events/" + eventID + "/availability"}
	pact.Exchange(t, "there is an event", "a look at what is left of an event's tickets", available,
		pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{
			"event_id": eventID, "max_per_booking": pacttest.Like(20),
			"ticket_types": pacttest.Each(pacttest.Body{
				"id": pacttest.UUID(typeID), "name": pacttest.Like("Standard"), "price": pacttest.Money(2500), "available": pacttest.Like(100),
				"state": "ON_SALE",
			}),
		}},
		with(func(ctx context.Context, client *httpkit.Client) error {
			got, err := eventapi.New(client).Availability(ctx, eventID)
			return errors.Join(err, diff(booking.Availability{EventID: eventID, MaxPerBooking: 20, Types: []booking.TicketType{
				{ID: typeID, Name: "Standard", Price: price, Available: 100, Sale: booking.OnSale},
			}}, got))
		}))
	pact.Exchange(t, "there are no events", "a look at the tickets of an event that is not there", available,
		pacttest.Problem(http.StatusNotFound, problem.EventNotFound),
		with(func(ctx context.Context, client *httpkit.Client) error {
			_, err := eventapi.New(client).Availability(ctx, eventID)
			return wrong(err, booking.ErrEventNotFound)
		}))

	release := asService(http.MethodPut, "/events/"+eventID+"/release", map[string]any{"booking_id": bookingID, "attempt": 1})
	giveBack := func(want error) func(*testing.T, string) {
		return with(func(ctx context.Context, client *httpkit.Client) error {
			return wrong(eventapi.New(client).Release(ctx, eventID, bookingID, 1), want)
		})
	}
	pact.Exchange(t, "a booking's tickets are held", "a booking's tickets are given back", release,
		pacttest.Answer{Status: http.StatusNoContent}, giveBack(nil))
	pact.Exchange(t, "there are no events", "tickets of an event that is not there are given back", release,
		pacttest.Problem(http.StatusNotFound, problem.EventNotFound), giveBack(booking.ErrEventNotFound))

	some := func(n int) pacttest.Request {
		return asService(http.MethodPost, "/events/"+eventID+"/return", map[string]any{
			"booking_id": bookingID, "attempt": 1, "return_id": cancellationID,
			"items": []any{map[string]any{"ticket_type_id": typeID, "quantity": n}},
		})
	}
	giveSomeBack := func(n int, want error) func(*testing.T, string) {
		return with(func(ctx context.Context, client *httpkit.Client) error {
			return wrong(eventapi.New(client).Return(ctx, booking.Return{
				EventID: eventID, BookingID: bookingID, Attempt: 1, CancellationID: cancellationID,
				Items: []events.Item{{TicketTypeID: typeID, Quantity: n}},
			}), want)
		})
	}
	pact.Exchange(t, "a booking's tickets are held", "some of a booking's tickets are given back", some(1),
		pacttest.Answer{Status: http.StatusNoContent}, giveSomeBack(1, nil))
	pact.Exchange(t, "a booking's tickets are held", "more tickets are given back than a booking has", some(2),
		pacttest.Problem(http.StatusConflict, problem.TicketsNotBooked), giveSomeBack(2, booking.ErrReturnRefused))
	pact.Exchange(t, "a booking's tickets came back in part", "other tickets are given back by the same cancellation", some(2),
		pacttest.Problem(http.StatusConflict, problem.ReservationMismatch), giveSomeBack(2, booking.ErrReturnRefused))
	pact.Exchange(t, "there are no events", "some tickets of an event that is not there are given back", some(1),
		pacttest.Problem(http.StatusNotFound, problem.EventNotFound), giveSomeBack(1, booking.ErrEventNotFound))

	holdings := func(after string, want ...booking.Holding) func(*testing.T, string) {
		return with(func(ctx context.Context, client *httpkit.Client) error {
			got, err := eventapi.New(client).Holdings(ctx, after, 100)
			return errors.Join(err, diff(append([]booking.Holding{}, want...), got))
		})
	}
	asBooking := pacttest.Header{"X-Service-Token": pacttest.Is(pacttest.ServiceToken("booking"))}
	pact.Exchange(t, "a booking's tickets are held", "the question who has tickets",
		pacttest.Request{Method: http.MethodGet, Path: "/reservations", Query: map[string]string{"limit": "100"}, Header: asBooking},
		pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": pacttest.Each(pacttest.Body{
			"event_id": pacttest.UUID(eventID), "booking_id": pacttest.UUID(bookingID), "attempt": pacttest.Like(1), "tickets": pacttest.Like(1),
		})}},
		holdings("", booking.Holding{EventID: eventID, BookingID: bookingID, Attempt: 1, Tickets: 1}))
	pact.Exchange(t, "a booking's tickets are held", "the question who has tickets after the last booking",
		pacttest.Request{
			Method: http.MethodGet, Path: "/reservations", Query: map[string]string{"after": bookingID, "limit": "100"}, Header: asBooking,
		},
		pacttest.Answer{Status: 200, Header: asJSON, Body: pacttest.Body{"items": []any{}}}, holdings(bookingID))

	receipts(t, pact)
	cancelledEvent(t, pact)
}

func TestConsumerOfNotification(t *testing.T) {
	receipts(t, pacttest.New(t, "booking", "notification"))
}

// wrong is nil where got is the sentinel want.
func wrong(got, want error) error {
	if errors.Is(got, want) {
		return nil
	}
	return errors.Join(errors.New("want another error"), got, want)
}

func diff(want, got any) error {
	if d := cmp.Diff(want, got); d != "" {
		return errors.New("(-want +got):\n" + d)
	}
	return nil
}
