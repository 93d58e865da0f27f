package rest

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type OneEventIfMatch struct {
	OneEvent
	IfMatch     string `header:"If-Match" doc:"The ETag that was read: 412 where the event has been edited since. Sales do not count"`
	IfNoneMatch string `header:"If-None-Match" doc:"ETags: 412 where one of them is the event's, or for *. Sales do not count"`

	preconditions preconditions
}

// Resolve implements huma.Resolver.
func (in *OneEventIfMatch) Resolve(ctx huma.Context) []error {
	in.preconditions = preconditionsOf(ctx)
	return in.ID.Resolve(ctx) // huma looks no further
}

const pricesChecked = "The payment provider must charge each price, and that of the largest booking: 422 names the prices that it does not. " +
	"Without an answer of the booking service it is 503, and nothing is changed."

func registerEditing(api huma.API, s *event.Service, guard *auth.Guard) {
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "createEvent", Method: http.MethodPost, Path: "/events", DefaultStatus: http.StatusCreated, Tags: []string{"events"},
		Summary: "Publish an event",
		Description: "For an organizer or an admin. Tickets are on sale at once, or from their sales_from. Where the platform sends mail, an organizer's email address must be verified. " +
			"An account publishes a limited number of events within a day, those among them that are deleted again: then it is 429, and Retry-After says when the next one may come. " + pricesChecked,
	}, problem.EmailNotVerified, problem.RateLimited, problem.UpstreamUnavailable), identity.Organizer), func(ctx context.Context, in *struct{ Body createBody }) (*eventAnswer, error) {
		e, err := s.Create(ctx, auth.Caller(ctx), in.Body.draft())
		if err != nil {
			return nil, notCreated(ctx, err)
		}
		return &eventAnswer{Status: http.StatusCreated, ETag: etag(e, s.Now()), Location: "/events/" + e.ID, Body: toBody(e, s.Now())}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "updateEvent", Method: http.MethodPut, Path: "/events/{id}", Tags: []string{"events"},
		Summary: "Replace an event",
		Description: "For its organizer or an admin. It takes what GET returned, and ignores what the service sets itself. " +
			"A ticket type with its id is updated, one without is new, one left out is deleted. " + pricesChecked + " Nothing is asked where no price changes.",
	},
		problem.EventNotFound, problem.EventCancelled, problem.PreconditionFailed, problem.CapacityBelowSold, problem.TicketTypeInUse,
		problem.TicketTypeNotFound, problem.UpstreamUnavailable,
	), identity.Organizer), func(ctx context.Context, in *struct {
		OneEventIfMatch
		Body updateBody
	},
	) (*eventAnswer, error) {
		match, err := in.preconditions.change()
		if err != nil {
			return nil, table.To(ctx, err)
		}
		e, err := s.Update(ctx, auth.Caller(ctx), string(in.ID), match, in.Body.draft())
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &eventAnswer{Status: http.StatusOK, ETag: etag(e, s.Now()), Body: toBody(e, s.Now())}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "deleteEvent", Method: http.MethodDelete, Path: "/events/{id}", Tags: []string{"events"},
		Summary: "Delete an event", Description: "For its organizer or an admin, while no ticket is sold or held, and once its cancellation, if any, has been told to its bookings.",
	},
		problem.EventNotFound, problem.PreconditionFailed, problem.EventHasBookings, problem.ValidationFailed,
	), identity.Organizer), func(ctx context.Context, in *OneEventIfMatch) (*struct{}, error) {
		match, err := in.preconditions.change()
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return nil, table.To(ctx, s.Delete(ctx, auth.Caller(ctx), string(in.ID), match))
	})
}

// notCreated is the answer for an error of Create.
func notCreated(ctx context.Context, err error) error {
	answer := table.To(ctx, err)
	var many *event.TooManyEventsError
	var p *httpkit.Error
	if errors.As(err, &many) && errors.As(answer, &p) {
		p.WithRetryAfter(httpkit.Seconds(many.Wait))
	}
	return answer
}
