// Package eventapi is the booking.Catalog that asks the event service over
// HTTP.
package eventapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Catalog is a booking.Catalog.
type Catalog struct {
	client *httpkit.Client
	asked  *together
}

var _ booking.Catalog = (*Catalog)(nil)

// New returns a Catalog of the event service that client calls.
func New(client *httpkit.Client) *Catalog {
	c := &Catalog{client: client}
	c.asked = newTogether(c.availability)
	return c
}

// Availability implements booking.Catalog.
func (c *Catalog) Availability(ctx context.Context, eventID string) (booking.Availability, error) {
	return c.asked.get(ctx, eventID)
}

func (c *Catalog) availability(ctx context.Context, eventID string) (booking.Availability, error) {
	var out struct {
		EventID       string `json:"event_id"`
		MaxPerBooking int    `json:"max_per_booking"`
		TicketTypes   []struct {
			ID        string       `json:"id"`
			Name      string       `json:"name"`
			Price     money.Amount `json:"price"`
			Available int          `json:"available"`
			State     string       `json:"state"`
		} `json:"ticket_types"`
	}
	err := c.client.Do(ctx, http.MethodGet, []string{"events", eventID, "availability"}, nil, &out)
	if err != nil {
		return booking.Availability{}, translate(err)
	}
	a := booking.Availability{EventID: out.EventID, MaxPerBooking: out.MaxPerBooking}
	for _, t := range out.TicketTypes {
		a.Types = append(a.Types, booking.TicketType{ID: t.ID, Name: t.Name, Price: t.Price, Available: t.Available, Sale: sales[t.State]})
	}
	return a, nil
}

// sales are the states of a ticket type. One that is not known is "": whether such
// tickets are sold, Reserve says.
var sales = map[string]booking.Sale{
	"ON_SALE": booking.OnSale, "SOLD_OUT": booking.OnSale, "NOT_YET": booking.NotYet, "CLOSED": booking.Closed,
}

// Reserve implements booking.Catalog.
func (c *Catalog) Reserve(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
	in := struct {
		BookingID string `json:"booking_id"`
		Attempt   int    `json:"attempt"`
		Items     []item `json:"items"`
	}{r.BookingID, r.Attempt, wanted(r.Items)}
	var out struct {
		BookingID string        `json:"booking_id"`
		Event     events.Event  `json:"event"`
		Items     []events.Item `json:"items"`
		Total     money.Amount  `json:"total"`
	}
	if err := c.client.Do(ctx, http.MethodPut, []string{"events", r.EventID, "book"}, in, &out); err != nil {
		return booking.Reserved{}, translate(err)
	}
	if out.BookingID != r.BookingID || len(out.Items) != len(r.Items) || out.Total.AmountMinor < 0 {
		return booking.Reserved{}, fmt.Errorf("%w: the answer is about something else", booking.ErrOutcomeUnknown)
	}
	return booking.Reserved{Event: out.Event, Items: out.Items, Total: out.Total}, nil
}

// Release implements booking.Catalog.
func (c *Catalog) Release(ctx context.Context, eventID, bookingID string, attempt int) error {
	in := struct {
		BookingID string `json:"booking_id"`
		Attempt   int    `json:"attempt"`
	}{bookingID, attempt}
	return translate(c.client.Do(ctx, http.MethodPut, []string{"events", eventID, "release"}, in, nil))
}

// Return implements booking.Catalog.
func (c *Catalog) Return(ctx context.Context, r booking.Return) error {
	in := struct {
		BookingID string `json:"booking_id"`
		Attempt   int    `json:"attempt"`
		ReturnID  string `json:"return_id"`
		Items     []item `json:"items"`
	}{r.BookingID, r.Attempt, r.CancellationID, wanted(r.Items)}
	err := c.client.Do(ctx, http.MethodPost, []string{"events", r.EventID, "return"}, in, nil)
	var p *problem.Problem
	if errors.As(err, &p) && (p.Code == problem.TicketsNotBooked || p.Code == problem.ReservationMismatch) {
		return booking.ErrReturnRefused
	}
	return translate(err)
}

// item is some tickets of one type.
type item struct {
	TicketTypeID string `json:"ticket_type_id"`
	Quantity     int    `json:"quantity"`
}

func wanted(items []events.Item) []item {
	out := make([]item, len(items))
	for i, it := range items {
		out[i] = item{it.TicketTypeID, it.Quantity}
	}
	return out
}

// translate turns anything but a known refusal into an unknown outcome: a
// refusal that is not understood must not be taken for "nothing happened".
func translate(err error) error {
	if refused := problem.Refused(err, booking.ErrEventNotFound, booking.ErrTicketTypeNotFound, booking.ErrSoldOut,
		booking.ErrNotOnSaleYet, booking.ErrSalesClosed, booking.ErrTooManyForBooking, booking.ErrReservationReleased); refused != nil {
		return refused
	}
	if err != nil {
		return fmt.Errorf("%w: event: %w", booking.ErrOutcomeUnknown, err)
	}
	return nil
}

// Timeout is how long one call may take; the caller's context, or answerTime,
// usually says less.
const Timeout = 3 * time.Second
