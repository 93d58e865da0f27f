package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type cancelBody struct {
	Note string `json:"note,omitempty" maxLength:"500" doc:"What the customers are told about it" example:"The singer is ill."`
}

type cancellationBody struct {
	EventID     string    `json:"event_id" format:"uuid"`
	CancelledAt time.Time `json:"cancelled_at"`
	Note        string    `json:"note" doc:"What the customers are told about it" example:"The singer is ill."`

	Told     bool          `json:"told" doc:"The booking service has heard of it; before that, there is no more to say"`
	Done     bool          `json:"done" doc:"No booking is left that has to be cancelled"`
	Bookings *progressBody `json:"bookings,omitempty" doc:"Absent until told"`
}

type progressBody struct {
	Pending    int `json:"pending" minimum:"0" example:"1" doc:"Bookings that were being made: they are going to fail, or to be cancelled"`
	Confirmed  int `json:"confirmed" minimum:"0" example:"40" doc:"Bookings that wait for their turn"`
	Cancelling int `json:"cancelling" minimum:"0" example:"2" doc:"Bookings that are being refunded"`
	Cancelled  int `json:"cancelled" minimum:"0" example:"57" doc:"Bookings that are cancelled"`
	RefundsDue int `json:"refunds_due" minimum:"0" example:"0" doc:"Refunds that the payment provider has refused, and that the operator has to see to"`
}

func toCancellation(c event.Cancellation) cancellationBody {
	body := cancellationBody{EventID: c.EventID, CancelledAt: c.CancelledAt, Note: c.Note, Told: c.Told}
	if c.Told {
		p := c.Progress
		body.Done = p.Done
		body.Bookings = &progressBody{p.Pending, p.Confirmed, p.Cancelling, p.Cancelled, p.RefundsDue}
	}
	return body
}

func registerCancelling(api huma.API, s *event.Service, guard *auth.Guard) {
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "cancelEvent", Method: http.MethodPost, Path: "/events/{id}/cancel", DefaultStatus: http.StatusOK, Tags: []string{"events"},
		Summary: "Cancel an event",
		Description: "For its organizer or an admin; also after its start. Sales end at once. Each booking is then cancelled and refunded in full, " +
			"and each customer told: GET /events/{id}/cancellation says how far that is. It cannot be undone. Cancelling again changes nothing, the note neither.",
	}, problem.EventNotFound, problem.PreconditionFailed, problem.ValidationFailed), identity.Organizer), func(ctx context.Context, in *struct {
		OneEventIfMatch
		Body *cancelBody
	},
	) (*eventAnswer, error) {
		match, err := in.preconditions.change()
		if err != nil {
			return nil, table.To(ctx, err)
		}
		note := ""
		if in.Body != nil {
			note = in.Body.Note
		}
		e, err := s.Cancel(ctx, auth.Caller(ctx), string(in.ID), match, note)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &eventAnswer{Status: http.StatusOK, ETag: etag(e, s.Now()), Body: toBody(e, s.Now())}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "getCancellation", Method: http.MethodGet, Path: "/events/{id}/cancellation", Tags: []string{"events"},
		Summary:     "See how far an event's cancellation is",
		Description: "For its organizer or an admin.",
	}, problem.EventNotFound, problem.EventNotCancelled, problem.UpstreamUnavailable, problem.ValidationFailed), identity.Organizer),
		func(ctx context.Context, in *OneEvent) (*struct{ Body cancellationBody }, error) {
			c, err := s.Cancellation(ctx, auth.Caller(ctx), string(in.ID))
			if err != nil {
				return nil, table.To(ctx, err)
			}
			return &struct{ Body cancellationBody }{toCancellation(c)}, nil
		})
}
