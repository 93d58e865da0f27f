package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type findBody struct {
	Email string `json:"email" maxLength:"1000" doc:"The address that the tickets were mailed to" example:"ana@example.com"`
}

type linkMailBody struct {
	ID       string              `json:"id" format:"uuid"`
	To       string              `json:"to" example:"ana@example.com"`
	Name     string              `json:"name" example:"Ana Ferreira"`
	Locale   *string             `json:"locale,omitempty" doc:"Absent unless the guest has corrected it; empty for none" example:"de-AT"`
	Bookings []linkedBookingBody `json:"bookings" nullable:"false" doc:"By when their events start"`
}

type linkedBookingBody struct {
	BookingID string       `json:"booking_id" format:"uuid"`
	Status    string       `json:"status" enum:"CONFIRMED,CANCELLING,CANCELLED"`
	Event     events.Event `json:"event"`
	Tickets   int          `json:"tickets" doc:"How many are booked" example:"2"`
	LinkKey   string       `json:"link_key" doc:"Opens the booking" example:"xvQ8MosBTNjY_I8JO9UQvw"`
}

// registerFind registers how guests find their bookings. withAddress passes on the hash
// that stands for the client's address.
func registerFind(api huma.API, s *booking.Service, guard *auth.Guard, withAddress func(huma.Context, func(huma.Context))) {
	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "findBookings", Middlewares: huma.Middlewares{withAddress}, Method: http.MethodPost, Path: "/bookings/links", DefaultStatus: http.StatusAccepted, Tags: []string{"bookings"},
		Summary:     "Ask for a mail with the links to one's bookings",
		Description: "For guests: the bookings that were made with this address without an account, until 30 days after their events. The answer is always the same: whether there are any is looked up later, and only the mail tells it. A mailbox is sent three such mails within 24 hours, and from one network address 30 requests within an hour count.",
	}), func(ctx context.Context, in *struct{ Body findBody }) (*struct{}, error) {
		client, _ := ctx.Value(addressKey{}).(string)
		if err := s.FindBookings(ctx, in.Body.Email, client); err != nil {
			return nil, table.To(ctx, err)
		}
		return nil, nil
	})

	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getLinkMail", Method: http.MethodGet, Path: "/link-mails/{id}", Tags: []string{"internal"},
		Summary:     "What a mail with the links to a guest's bookings says",
		Description: "For the moment when it is sent: nobody stores the keys of its links.",
	}, problem.TicketMailNotDue), notificationService), func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{ Body linkMailBody }, error) {
		id := canonical(in.ID)
		m, err := s.LinkMail(ctx, id)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		out := linkMailBody{ID: id, To: m.To, Name: m.Name, Locale: m.Locale, Bookings: make([]linkedBookingBody, len(m.Bookings))}
		for i, b := range m.Bookings {
			out.Bookings[i] = linkedBookingBody{b.ID, string(b.Status), b.Event, b.TicketCount(), b.LinkKey}
		}
		return &struct{ Body linkMailBody }{out}, nil
	})
}
