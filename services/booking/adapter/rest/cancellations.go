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

type cancelInput struct {
	ID             string `path:"id" format:"uuid"`
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" doc:"Repeat a request with the same key, and it cancels once. Kept 24 hours" example:"cancel-4711"`
	Body           toCancelBody
}

func registerCancellations(api huma.API, s *booking.Service, guard *auth.Guard) {
	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "cancelTickets", Method: http.MethodPost, Path: "/bookings/{id}/cancellations", DefaultStatus: http.StatusCreated, Tags: []string{"bookings"},
		Summary:     "Cancel some of a booking's tickets",
		Description: "Gives these tickets back, and their money as the event's cancellation policy says that the booking shows, until the doors open, or the event starts where it has no doors_at. The rest of the booking stands; without a rest it is cancelled. The answer is the booking, with the cancellation among its cancellations; 202 while the refund is under way.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.NotCancellable, problem.TicketsNotBooked, problem.TicketCancelled,
		problem.BookingInProgress, problem.IdempotencyKeyReused,
	), identity.Everybody...), func(ctx context.Context, in *cancelInput) (*answer, error) {
		want := booking.ToCancel{Items: make([]booking.Wanted, len(in.Body.Items)), Tickets: in.Body.Tickets}
		for i, it := range in.Body.Items {
			want.Items[i] = booking.Wanted(it)
		}
		id := canonical(in.ID)
		caller, err := callerOf(ctx, s, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		b, c, err := s.CancelTickets(ctx, caller, id, want, in.IdempotencyKey)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		status := http.StatusCreated
		if !c.Done {
			status = http.StatusAccepted
		}
		return &answer{Status: status, Location: "/bookings/" + b.ID, Body: toBody(b)}, nil
	})
	httpkit.AlsoAnswers(api, "cancelTickets", http.StatusAccepted, true, "The refund is under way; look at Location")
}
