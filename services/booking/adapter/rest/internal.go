package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// The callers of these operations.
const (
	eventService     = "event"
	admissionService = "admission"
)

func registerInternal(api huma.API, s *booking.Service, events booking.CancelledEvents, keys *ticketcode.Keys, guard *auth.Guard) {
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getChargeLimits", Method: http.MethodGet, Path: "/charge-limits/{currency}", Tags: []string{"internal"},
		Summary: "Which totals of a currency the payment provider charges",
	}, problem.CurrencyNotSupported), eventService), func(ctx context.Context, in *struct {
		Currency string `path:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217 code" example:"EUR"`
	},
	) (*struct{ Body chargeLimitsBody }, error) {
		l, err := s.Payments.Limits(in.Currency)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body chargeLimitsBody }{chargeLimitsBody{in.Currency, l.Step, l.Minimum, l.Maximum}}, nil
	})

	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getCancelledEvent", Method: http.MethodGet, Path: "/cancelled-events/{event_id}", Tags: []string{"internal"},
		Summary: "How far the cancellation of an event's bookings has come",
	}, problem.EventNotFound), eventService), func(ctx context.Context, in *struct {
		EventID string `path:"event_id" format:"uuid"`
	},
	) (*struct{ Body progressBody }, error) {
		p, err := events.Progress(ctx, canonical(in.EventID))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body progressBody }{progressBody{
			p.EventID, p.RecordedAt, p.Done(), p.Pending, p.Confirmed, p.Cancelling, p.Cancelled, p.RefundsDue,
		}}, nil
	})

	huma.Register(api, guard.Service(api, huma.Operation{
		OperationID: "listTicketsOfEvent", Method: http.MethodGet, Path: "/events/{event_id}/tickets", Tags: []string{"internal"},
		Summary:     "The tickets of an event, booking by booking",
		Description: "Every booking of the event that is or was confirmed, with all its tickets as of its version, by booking. The messages about bookings have the same lists, and of two the one with the higher version counts: a booking that is confirmed while pages are read may be on none of them, and is told. An event without such bookings has none, whether there is such an event or not.",
	}, admissionService), func(ctx context.Context, in *struct {
		EventID string `path:"event_id" format:"uuid"`
		After   string `query:"after" format:"uuid" doc:"The next_after of the page before; absent for the first page"`
		Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"500" doc:"How many bookings"`
	},
	) (*struct{ Body eventTicketsBody }, error) {
		page, next, err := s.TicketsOfEvent(ctx, canonical(in.EventID), canonical(in.After), in.Limit)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		public, err := keys.PublicKeys(canonical(in.EventID))
		if err != nil {
			return nil, err
		}
		body, err := toEventTickets(page, next, public)
		return &struct{ Body eventTicketsBody }{body}, err
	})
}
