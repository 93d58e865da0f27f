package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type OneEvent struct {
	ID eventID `path:"id" doc:"The event's id"`
}

// eventID is a UUID. The released document does not say so, and a format that it
// gets now would count as a break.
type eventID string

// Resolve implements huma.Resolver.
func (id eventID) Resolve(huma.Context) []error {
	if err := uuid.Validate(string(id)); err != nil || len(id) != uuidLength {
		return []error{&huma.ErrorDetail{Location: "path.id", Message: "must be a UUID"}}
	}
	return nil
}

const uuidLength = len("01890a5d-ac96-774b-bcce-b302099a8057") // without brackets and the like

type oneEventIfChanged struct {
	OneEvent
	IfMatch     string `header:"If-Match" doc:"ETags: 412 where it is none of them"`
	IfNoneMatch string `header:"If-None-Match" doc:"An ETag: 304 where it is still that"`

	preconditions preconditions
}

// Resolve implements huma.Resolver.
func (in *oneEventIfChanged) Resolve(ctx huma.Context) []error {
	in.preconditions = preconditionsOf(ctx)
	return in.ID.Resolve(ctx) // huma looks no further
}

// eventAnswer is an event with its ETag; a 304 has no body.
type eventAnswer struct {
	Status   int
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     eventBody
}

type availabilityAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   availabilityBody
}

type listInput struct {
	Q        string       `query:"q" maxLength:"200" doc:"At most 10 words, each of which must begin a word of the title, the summary, the venue, the category or the description. Neither case nor accents count. In scripts without spaces any part is found" example:"jazz berlin"`
	Category string       `query:"category" maxLength:"50" doc:"Exactly this category. Neither case nor spaces around it count"`
	City     string       `query:"city" maxLength:"100" doc:"Exactly this city. Neither case nor spaces around it count"`
	From     httpkit.Time `query:"from" doc:"Starts at or after" example:"2030-01-01T00:00:00Z"`
	To       httpkit.Time `query:"to" doc:"Starts before" example:"2031-01-01T00:00:00Z"`
	Month    string       `query:"month" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"Runs in this month, by the dates at its place; of an event that lasts longer than two years, the first 24 months" example:"2030-06"`
	PriceMax int64        `query:"price_max" minimum:"0" maximum:"100000000" doc:"Its cheapest tickets cost no more than this, in minor units of currency" example:"2500"`
	Currency string       `query:"currency" pattern:"^[A-Z]{3}$" doc:"Of price_max: events of other currencies are not found" example:"EUR"`
	Sort     string       `query:"sort" enum:"starts_at,-starts_at,title" default:"starts_at" doc:"The order"`
	httpkit.Page

	priced bool
}

// Resolve implements huma.Resolver: price_max and currency go together.
func (in *listInput) Resolve(ctx huma.Context) []error {
	in.priced = ctx.Query("price_max") != ""
	if in.priced != (in.Currency != "") {
		return []error{&huma.ErrorDetail{Location: "query.currency", Message: "must be given with price_max, and only with it"}}
	}
	return nil
}

type listAnswer struct {
	Body httpkit.List[eventBody]
}

func registerReading(api huma.API, s *event.Service) {
	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "listEvents", Method: http.MethodGet, Path: "/events", Tags: []string{"events"},
		Summary:     "List and search events",
		Description: "All events, past and cancelled ones too, unless the query says otherwise. A cursor is good for the order it came from.",
	}), func(ctx context.Context, in *listInput) (*listAnswer, error) {
		q := event.Query{
			Text: in.Q, Category: in.Category, City: in.City, From: in.From.Time(), To: in.To.Time(),
			Month: in.Month, Sort: event.Sort(in.Sort), Limit: in.Limit,
		}
		if in.priced {
			q.MostPrice = &money.Amount{AmountMinor: in.PriceMax, Currency: in.Currency}
		}
		var err error
		if q.After, err = decodeCursor(in.Cursor, q.Sort); err != nil {
			return nil, err
		}
		page, next, err := s.List(ctx, q)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		now := s.Now()
		body := func(e event.Event) eventBody { return toBody(&e, now) }
		at := func(last event.Event) any { return cursorOf(last.Position(), q.Sort) }
		out := &listAnswer{Body: httpkit.ListOf(page, q.Limit, body, at)}
		if next != nil {
			cursor := httpkit.EncodeCursor(cursorOf(*next, q.Sort))
			out.Body.NextCursor = &cursor
		}
		return out, nil
	})

	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "getEvent", Method: http.MethodGet, Path: "/events/{id}", Tags: []string{"events"},
		Summary: "Get an event",
	}, problem.EventNotFound, problem.PreconditionFailed, problem.ValidationFailed), func(ctx context.Context, in *oneEventIfChanged) (*eventAnswer, error) {
		e, err := s.Get(ctx, string(in.ID))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		now := s.Now()
		tag := etag(e, now)
		switch status, err := in.preconditions.read(tag); {
		case err != nil:
			return nil, table.To(ctx, err)
		case status == http.StatusNotModified:
			return &eventAnswer{Status: status, ETag: tag}, nil
		}
		return &eventAnswer{Status: http.StatusOK, ETag: tag, Body: toBody(e, now)}, nil
	})

	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "getAvailability", Method: http.MethodGet, Path: "/events/{id}/availability", Tags: []string{"events"},
		Summary:     "Get what is left of an event's tickets",
		Description: "sales_open: tickets of some type are on sale now, and left.",
	}, problem.EventNotFound, problem.PreconditionFailed, problem.ValidationFailed), func(ctx context.Context, in *oneEventIfChanged) (*availabilityAnswer, error) {
		e, err := s.Get(ctx, string(in.ID))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		now := s.Now()
		tag := etag(e, now)
		switch status, err := in.preconditions.read(tag); {
		case err != nil:
			return nil, table.To(ctx, err)
		case status == http.StatusNotModified:
			return &availabilityAnswer{Status: status, ETag: tag}, nil
		}
		return &availabilityAnswer{Status: http.StatusOK, ETag: tag, Body: toAvailability(e, now)}, nil
	})
	for _, id := range []string{"getEvent", "getAvailability"} {
		httpkit.AlsoAnswers(api, id, http.StatusNotModified, false, "Not changed since the ETag in If-None-Match")
	}
}
