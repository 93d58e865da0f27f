package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type ticketsBody struct {
	Items []ticketBody `json:"items" nullable:"false" doc:"By number, those that were given back included"`
}

type ticketBody struct {
	ID           string     `json:"id" format:"uuid"`
	Number       int        `json:"number" minimum:"1" doc:"The ticket's place in its booking, which stays its own" example:"1"`
	TicketTypeID string     `json:"ticket_type_id" format:"uuid"`
	Name         string     `json:"name" doc:"The ticket type's" example:"Standard"`
	Status       string     `json:"status" enum:"HELD,VALID,CANCELLED" example:"VALID" doc:"HELD until the booking is confirmed, CANCELLED from the moment that it begins to be given back"`
	Holder       holderBody `json:"holder"`
	Issue        int        `json:"issue" minimum:"1" maximum:"255" doc:"Grows with each new holder after the payment: what was issued before is not valid any more" example:"1"`
}

type holderBody struct {
	Name  string `json:"name" example:"Ada Lovelace"`
	Email string `json:"email" doc:"Empty where the ticket's mails go to the buyer alone" example:"ada@example.com"`
}

func toTickets(b booking.Booking) ticketsBody {
	all := b.Tickets()
	out := ticketsBody{Items: make([]ticketBody, len(all))}
	for i, t := range all {
		out.Items[i] = toTicket(t)
	}
	return out
}

func toTicket(t booking.Ticket) ticketBody {
	return ticketBody{
		ID: t.ID, Number: t.Number, TicketTypeID: t.Item.TicketTypeID, Name: t.Item.Name, Status: string(t.Status),
		Holder: holderBody(t.Holder), Issue: t.Issue,
	}
}

func registerTickets(api huma.API, s *booking.Service, guard *auth.Guard) {
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "listTickets", Method: http.MethodGet, Path: "/bookings/{id}/tickets", Tags: []string{"tickets"},
		Summary: "List the tickets of a booking",
	},
		problem.Forbidden, problem.BookingNotFound,
	), identity.Everybody...), func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{ Body ticketsBody }, error) {
		b, err := s.Get(ctx, auth.Caller(ctx), canonical(in.ID))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body ticketsBody }{toTickets(b)}, nil
	})
}
