// Package bookingapi is the booking service as event needs it.
package bookingapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Timeout is how long one call may take.
const Timeout = 3 * time.Second

// Bookings is an event.Bookings and an event.Payments.
type Bookings struct{ client *httpkit.Client }

var (
	_ event.Bookings = (*Bookings)(nil)
	_ event.Payments = (*Bookings)(nil)
)

// New returns the booking service that client calls.
func New(client *httpkit.Client) *Bookings { return &Bookings{client: client} }

// Progress implements event.Bookings with GET /cancelled-events/{event_id}.
func (b *Bookings) Progress(ctx context.Context, eventID string) (event.Progress, error) {
	var out struct {
		EventID    string `json:"event_id"`
		Done       bool   `json:"done"`
		Pending    int    `json:"pending"`
		Confirmed  int    `json:"confirmed"`
		Cancelling int    `json:"cancelling"`
		Cancelled  int    `json:"cancelled"`
		RefundsDue int    `json:"refunds_due"`
	}
	err := b.client.Do(ctx, http.MethodGet, []string{"cancelled-events", eventID}, nil, &out)
	var p *problem.Problem
	switch {
	case errors.As(err, &p) && p.Code == problem.EventNotFound:
		return event.Progress{}, event.ErrNotTold
	case err != nil:
		return event.Progress{}, fmt.Errorf("%w: %w", event.ErrBookingUnavailable, err)
	case out.EventID != eventID:
		return event.Progress{}, fmt.Errorf("%w: the answer is about something else", event.ErrBookingUnavailable)
	}
	return event.Progress{
		Pending: out.Pending, Confirmed: out.Confirmed, Cancelling: out.Cancelling, Cancelled: out.Cancelled,
		RefundsDue: out.RefundsDue, Done: out.Done,
	}, nil
}

// Limits implements event.Payments with GET /charge-limits/{currency}.
func (b *Bookings) Limits(ctx context.Context, currency string) (event.ChargeLimits, error) {
	var out struct {
		Currency string `json:"currency"`
		Step     int64  `json:"step_minor"`
		Minimum  int64  `json:"minimum_minor"`
		Maximum  int64  `json:"maximum_minor"`
	}
	err := b.client.Do(ctx, http.MethodGet, []string{"charge-limits", currency}, nil, &out)
	refused := problem.Refused(err, event.ErrCurrencyNotSupported)
	switch {
	case refused != nil:
		return event.ChargeLimits{}, refused
	case err != nil:
		return event.ChargeLimits{}, fmt.Errorf("%w: %w", event.ErrBookingUnavailable, err)
	case out.Currency != currency || out.Step < 1 || out.Minimum < 1 || out.Maximum < out.Minimum:
		return event.ChargeLimits{}, fmt.Errorf("%w: the answer has no valid limits for %s", event.ErrBookingUnavailable, currency)
	}
	return event.ChargeLimits{Step: out.Step, Minimum: out.Minimum, Maximum: out.Maximum}, nil
}
