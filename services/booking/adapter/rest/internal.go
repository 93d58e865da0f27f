package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// eventService is the one caller of these operations.
const eventService = "event"

func registerInternal(api huma.API, payments booking.Payments, events booking.CancelledEvents, guard *auth.Guard) {
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getChargeLimits", Method: http.MethodGet, Path: "/charge-limits/{currency}", Tags: []string{"internal"},
		Summary: "Which totals of a currency the payment provider charges",
	}, problem.CurrencyNotSupported), eventService), func(ctx context.Context, in *struct {
		Currency string `path:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217 code" example:"EUR"`
	},
	) (*struct{ Body chargeLimitsBody }, error) {
		l, err := payments.Limits(in.Currency)
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
}
