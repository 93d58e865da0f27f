package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// bookingService is the one caller of these operations.
const bookingService = "booking"

func registerInventory(api huma.API, s *event.Service, guard *auth.Guard) {
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "bookTickets", Method: http.MethodPut, Path: "/events/{id}/book", Tags: []string{"internal"},
		Summary:     "Hold tickets for a booking",
		Description: "All of them or none. Idempotent by booking_id and attempt: a repeat has the same answer, at the same prices.",
	},
		problem.EventNotFound, problem.TicketTypeNotFound, problem.SoldOut, problem.NotOnSaleYet, problem.SalesClosed, problem.TooManyTickets,
		problem.ReservationReleased, problem.ReservationMismatch,
	), bookingService), func(ctx context.Context, in *struct {
		OneEvent
		Body bookBody
	},
	) (*struct{ Body reservationBody }, error) {
		r, err := s.Book(ctx, in.Body.request(string(in.ID)))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		body, err := toReservation(r)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body reservationBody }{body}, nil
	})

	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "releaseTickets", Method: http.MethodPut, Path: "/events/{id}/release", DefaultStatus: http.StatusNoContent, Tags: []string{"internal"},
		Summary:     "Give a booking's tickets back",
		Description: "Those of every attempt up to this one, held or sold, once; these attempts can hold nothing any more. Idempotent.",
	}, problem.EventNotFound), bookingService), func(ctx context.Context, in *struct {
		OneEvent
		Body releaseBody
	},
	) (*struct{}, error) {
		k := event.Key{EventID: string(in.ID), BookingID: in.Body.BookingID, Attempt: in.Body.Attempt}
		return nil, table.To(ctx, s.Release(ctx, k))
	})

	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "returnTickets", Method: http.MethodPost, Path: "/events/{id}/return", DefaultStatus: http.StatusNoContent, Tags: []string{"internal"},
		Summary:     "Give some of a booking's tickets back",
		Description: "All of these or none, held or sold, once for each return_id; the rest stays the booking's. Of an attempt that is released all is back already: nothing happens. Idempotent.",
	}, problem.EventNotFound, problem.TicketsNotBooked, problem.ReservationMismatch), bookingService), func(ctx context.Context, in *struct {
		OneEvent
		Body returnBody
	},
	) (*struct{}, error) {
		k := event.Key{EventID: string(in.ID), BookingID: in.Body.BookingID, Attempt: in.Body.Attempt}
		return nil, table.To(ctx, s.Return(ctx, k, in.Body.ReturnID, requests(in.Body.Items)))
	})

	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "listReservations", Method: http.MethodGet, Path: "/reservations", Tags: []string{"internal"},
		Summary: "List who has tickets",
		Description: "The reservations that have tickets now, by booking and attempt. Go on after the last booking; fewer than limit are the last page. " +
			"A booking's attempts are all on one page, which is longer than limit where that takes it.",
	}), bookingService), func(ctx context.Context, in *struct {
		After string `query:"after" format:"uuid" doc:"The booking's id after which to begin; from the start without one"`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many reservations"`
	},
	) (*struct{ Body holdingsBody }, error) {
		page, err := s.Holdings(ctx, in.After, in.Limit)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body holdingsBody }{toHoldings(page)}, nil
	})
}
