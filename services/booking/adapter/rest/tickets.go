package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
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
	Code         string     `json:"code,omitempty" minLength:"120" maxLength:"120" doc:"What its QR code says, in the alphanumeric mode; there while the ticket is VALID, for the buyer alone" example:"*50IH8ZEV/*JMC1UQ5%+9W502U63+K EUZW6J8V+A80/RB4P*$T8YTC-OSTT:220W3O2K3R4-NTMOFX3H-CUCS4DCRNNJHR5FFHTN91.KR TVIH%SOE 8AJ4"`
}

type holderBody struct {
	Name  string `json:"name" example:"Ada Lovelace"`
	Email string `json:"email" doc:"Empty where the ticket's mails go to the buyer alone" example:"ada@example.com"`
}

// toTickets returns b's tickets as the caller sees them. Only the buyer sees codes: a code
// admits anybody who shows it.
func toTickets(b booking.Booking, caller identity.Caller, keys *ticketcode.Keys) (out ticketsBody, err error) {
	all := b.Tickets()
	codes := make([]string, len(all))
	if caller.UserID == b.UserID {
		if codes, err = booking.Codes(keys, &b); err != nil {
			return out, err
		}
	}
	out.Items = make([]ticketBody, len(all))
	for i, t := range all {
		out.Items[i] = toTicket(t, codes[i])
	}
	return out, nil
}

func toTicket(t booking.Ticket, code string) ticketBody {
	return ticketBody{
		ID: t.ID, Number: t.Number, TicketTypeID: t.Item.TicketTypeID, Name: t.Item.Name, Status: string(t.Status),
		Holder: holderBody(t.Holder), Issue: t.Issue, Code: code,
	}
}

// ticketsByLink returns the tickets that key opens, with their codes. The buyer's key
// opens all of them, a holder's key one.
func ticketsByLink(ctx context.Context, s *booking.Service, id, key string, keys *ticketcode.Keys) (*struct{ Body ticketsBody }, error) {
	b, only, err := s.TicketsByLink(ctx, id, key)
	if err != nil {
		return nil, table.To(ctx, err)
	}
	all, err := toTickets(b, identity.Caller{UserID: b.UserID}, keys)
	if err == nil && only > 0 {
		all.Items = all.Items[only-1 : only]
	}
	return &struct{ Body ticketsBody }{all}, err
}

type passOnBody struct {
	Holder newHolderBody `json:"holder"`
}

type newHolderBody struct {
	Name  string `json:"name" minLength:"1" maxLength:"200" example:"Grace Hopper"`
	Email string `json:"email,omitempty" maxLength:"1000" doc:"Where the holder's mails go; absent or empty for none but the buyer's" example:"grace@example.com"`
}

type eventTicketsBody struct {
	PublicKeys []ticketcode.PublicKey `json:"public_keys" nullable:"false" doc:"What verifies the codes of the event's tickets: the key that signs, then those that are retired"`
	Items      []bookingTicketsBody   `json:"items" nullable:"false"`
	NextAfter  *string                `json:"next_after" format:"uuid" doc:"Give it as ?after= for the next page; null on the last"`
}

type bookingTicketsBody struct {
	BookingID string          `json:"booking_id" format:"uuid"`
	Version   int64           `json:"version" minimum:"1" doc:"The booking's: of two lists the one with the higher version counts" example:"5"`
	Tickets   []events.Ticket `json:"tickets" nullable:"false"`
}

func toEventTickets(page []booking.Booking, next string, keys []ticketcode.PublicKey) (eventTicketsBody, error) {
	out := eventTicketsBody{PublicKeys: keys, Items: make([]bookingTicketsBody, len(page))}
	for i := range page {
		out.Items[i] = bookingTicketsBody{page[i].ID, page[i].Version, page[i].TicketList()}
	}
	n, err := httpkit.Fitting(out.Items)
	if err != nil {
		return eventTicketsBody{}, err
	}
	if n < len(page) {
		out.Items, next = out.Items[:n], page[n-1].ID
	}
	if next != "" {
		out.NextAfter = &next
	}
	return out, nil
}

func registerTickets(api huma.API, s *booking.Service, keys *ticketcode.Keys, guard *auth.Guard) {
	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "listTickets", Method: http.MethodGet, Path: "/bookings/{id}/tickets", Tags: []string{"tickets"},
		Summary: "List the tickets of a booking", Description: "The link of a ticket's holder shows that ticket alone.",
	},
		problem.Forbidden, problem.BookingNotFound,
	), identity.Everybody...), func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{ Body ticketsBody }, error) {
		if key, instead := keyOf(ctx); instead {
			return ticketsByLink(ctx, s, canonical(in.ID), key, keys)
		}
		b, err := s.Get(ctx, auth.Caller(ctx), canonical(in.ID))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		all, err := toTickets(b, auth.Caller(ctx), keys)
		return &struct{ Body ticketsBody }{all}, err
	})

	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "changeHolder", Method: http.MethodPatch, Path: "/bookings/{id}/tickets/{ticket_id}", Tags: []string{"tickets"},
		Summary:     "Say who a ticket is for",
		Description: "Until the booking is paid for, names the holder. After that passes the ticket on, until the doors open, if the event allows transfers: its issue grows, and what was issued before is not valid any more. The holder is replaced as a whole. One that the ticket has already changes nothing.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.TicketNotFound, problem.TicketCancelled, problem.TransfersNotAllowed,
		problem.DoorsOpen, problem.TooManyHolders, problem.BookingInProgress,
	), identity.Everybody...), func(ctx context.Context, in *struct {
		ID       string `path:"id" format:"uuid"`
		TicketID string `path:"ticket_id" format:"uuid"`
		Body     passOnBody
	},
	) (*struct{ Body ticketBody }, error) {
		id := canonical(in.ID)
		c, err := callerOf(ctx, s, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		b, t, err := s.ChangeHolder(ctx, c, id, canonical(in.TicketID), booking.Holder(in.Body.Holder))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		all, err := toTickets(b, c, keys)
		if err != nil {
			return nil, err
		}
		return &struct{ Body ticketBody }{all.Items[t.Number-1]}, nil
	})
}
