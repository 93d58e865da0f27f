package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

const notificationService = "notification"

type deliveryBody struct {
	Reference string                `json:"reference" example:"BX-4D2P-F2DB"`
	Tickets   []deliveredTicketBody `json:"tickets" nullable:"false" doc:"By number, those that were given back included; of a holder's mail that ticket alone"`
	LinkKey   string                `json:"link_key,omitempty" doc:"Opens the booking, or the holder's ticket; absent where there are no links" example:"xvQ8MosBTNjY_I8JO9UQvw"`
	PDF       []byte                `json:"pdf,omitempty" doc:"The valid tickets as PDF, a page each; there if it was asked for" example:"JVBERi0xLjcKJQ=="`
}

type deliveredTicketBody struct {
	ticketBody
	QR []byte `json:"qr,omitempty" doc:"The code as a QR code, as PNG; there while the ticket is VALID" example:"iVBORw0KGgo="`
}

type deliveryInput struct {
	ID          string `path:"id" format:"uuid"`
	LinkVersion int    `query:"link_version" minimum:"0" doc:"Of a mail to the buyer: of its link, as the message about the booking has it; absent: 0"`
	TicketID    string `query:"ticket_id" format:"uuid" doc:"Of a mail to a holder: the ticket"`
	Issue       int    `query:"issue" minimum:"1" maximum:"255" default:"1" doc:"Of a mail to a holder: the ticket's"`
	PDF         bool   `query:"pdf" doc:"Draw the PDF, too"`
	Locale      string `query:"locale" maxLength:"35" doc:"The PDF's language, a BCP 47 tag; absent: that of the guest who booked, or English" example:"de-AT"`
}

func registerDelivery(api huma.API, s *booking.Service, documents booking.Documents, keys *ticketcode.Keys, guard *auth.Guard, sale *rush) {
	lane := newDrawingLane() // its own: customers who print keep no mail back
	huma.Register(api, guard.Service(api, httpkit.Refuses(huma.Operation{
		OperationID: "getDelivery", Method: http.MethodGet, Path: "/bookings/{id}/delivery", Tags: []string{"internal"},
		Summary:     "What a mail with tickets carries: codes, QR codes, the PDF and the key of its link",
		Description: "For the mail to the buyer, or with ticket_id and issue for that to the ticket's holder. It is asked for each time that the mail is sent, as nobody stores what is in it.",
	}, problem.BookingNotFound, problem.TicketMailNotDue), notificationService), func(ctx context.Context, in *deliveryInput) (*struct{ Body deliveryBody }, error) {
		d, err := s.DeliveryToBuyer(ctx, canonical(in.ID), in.LinkVersion)
		if in.TicketID != "" {
			d, err = s.DeliveryToHolder(ctx, canonical(in.ID), canonical(in.TicketID), in.Issue)
		}
		if err != nil {
			return nil, table.To(ctx, err)
		}
		out := deliveryBody{Reference: events.Reference(d.Booking.ID), LinkKey: d.LinkKey, Tickets: make([]deliveredTicketBody, len(d.Tickets))}
		codes, err := booking.Codes(keys, &d.Booking)
		if err != nil {
			return nil, err
		}
		var pages []booking.TicketPage
		for i, t := range d.Tickets {
			code := codes[t.Number-1]
			out.Tickets[i].ticketBody = toTicket(t, code)
			if code != "" {
				pages = append(pages, booking.TicketPage{Ticket: t, Code: code})
			}
		}
		sale.lull(ctx)
		err = lane.do(ctx, func() (err error) {
			for i := range out.Tickets {
				if t := &out.Tickets[i]; t.Code != "" {
					if t.QR, err = documents.QRPNG(t.Code); err != nil {
						return err
					}
				}
			}
			if in.PDF && len(pages) > 0 {
				out.PDF, err = documents.TicketsPDF(documentOf(d.Booking, localeOf(d.Booking, in.Locale), pages...))
			}
			return err
		})
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body deliveryBody }{out}, nil
	})
}
