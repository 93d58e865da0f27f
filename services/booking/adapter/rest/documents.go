package rest

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// file is an answer that is no JSON.
type file struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Disposition string `header:"Content-Disposition" doc:"A name for the file"`
	Cache       string `header:"Cache-Control" doc:"Not to be kept by others: it has codes"`
	Body        []byte
}

func fileOf(contentType, name string, body []byte, err error) (*file, error) {
	return &file{contentType, `inline; filename="` + name + `"`, "private, no-store", body}, err
}

type ofBooking struct {
	ID     string `path:"id" format:"uuid"`
	Locale string `query:"locale" maxLength:"35" doc:"The language, a BCP 47 tag; absent: that of the guest who booked, or English" example:"de-AT"`
}

type ofTicket struct {
	ID       string `path:"id" format:"uuid"`
	TicketID string `path:"ticket_id" format:"uuid"`
}

type inLocale struct {
	ID       string `path:"id" format:"uuid"`
	TicketID string `path:"ticket_id" format:"uuid"`
	Locale   string `query:"locale" maxLength:"35" doc:"As of all tickets" example:"de-AT"`
}

// localeOf is the locale that is asked for, or that of b.
func localeOf(b booking.Booking, asked string) string {
	if asked == "" && b.Contact != nil && b.Contact.Locale != nil {
		return *b.Contact.Locale
	}
	return asked
}

// documentOf is a document of b's tickets.
func documentOf(b booking.Booking, locale string, tickets ...booking.TicketPage) booking.TicketDocument {
	return booking.TicketDocument{Locale: locale, BookingID: b.ID, Event: b.Event, At: b.UpdatedAt, Tickets: tickets}
}

func registerDocuments(api huma.API, s *booking.Service, documents booking.Documents, keys *ticketcode.Keys, guard *auth.Guard) {
	operation := func(op huma.Operation, mediaType, example string, codes ...problem.Code) huma.Operation {
		op.Method, op.Tags = http.MethodGet, []string{"tickets"}
		op.Responses = map[string]*huma.Response{"200": {
			Description: "The document",
			Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}, Example: example}},
		}}
		return linked(api, guard, httpkit.Refuses(op, append(codes, problem.Forbidden, problem.BookingNotFound)...), identity.Everybody...)
	}
	// open returns the booking, of which the link of a holder is good for the ticket with the
	// number only; 0 for all.
	open := func(ctx context.Context, id string) (b booking.Booking, only int, err error) {
		if key, instead := keyOf(ctx); instead {
			return s.TicketsByLink(ctx, canonical(id), key)
		}
		b, err = s.Get(ctx, auth.Caller(ctx), canonical(id))
		return b, 0, err
	}
	// pages returns the valid tickets with their codes. An admin gets none: a code
	// admits anybody who shows it.
	pages := func(ctx context.Context, id string) (b booking.Booking, only int, valid []booking.TicketPage, err error) {
		b, only, err = open(ctx, id)
		if caller := auth.Caller(ctx).UserID; err == nil && caller != "" && caller != b.UserID {
			err = booking.ErrForbidden
		}
		if err != nil {
			return b, only, nil, table.To(ctx, err)
		}
		codes, err := booking.Codes(keys, &b)
		if err != nil {
			return b, only, nil, err
		}
		for i, t := range b.Tickets() {
			if codes[i] != "" && (only == 0 || only == t.Number) {
				valid = append(valid, booking.TicketPage{Ticket: t, Code: codes[i]})
			}
		}
		return b, only, valid, nil
	}
	page := func(ctx context.Context, in ofTicket) (booking.Booking, booking.TicketPage, error) {
		b, only, all, err := pages(ctx, in.ID)
		if err != nil {
			return b, booking.TicketPage{}, err
		}
		id := canonical(in.TicketID)
		if n := slices.IndexFunc(all, func(p booking.TicketPage) bool { return p.ID == id }); n >= 0 {
			return b, all[n], nil
		}
		err = booking.ErrTicketNotFound
		for _, t := range b.Tickets() {
			switch {
			case t.ID != id || only != 0:
			case t.Status == booking.TicketCancelled:
				err = booking.ErrTicketCancelled
			default:
				err = booking.ErrNoValidTickets
			}
		}
		return b, booking.TicketPage{}, table.To(ctx, err)
	}
	lane := newDrawingLane()
	drawn := func(ctx context.Context, contentType, name string, draw func() ([]byte, error)) (*file, error) {
		var body []byte
		err := lane.do(ctx, func() (err error) {
			body, err = draw()
			return err
		})
		return fileOf(contentType, name, body, table.To(ctx, err))
	}
	pdf := func(ctx context.Context, b booking.Booking, locale, name string, tickets ...booking.TicketPage) (*file, error) {
		return drawn(ctx, "application/pdf", name, func() ([]byte, error) { return documents.TicketsPDF(documentOf(b, locale, tickets...)) })
	}

	huma.Register(api, operation(huma.Operation{
		OperationID: "printTickets", Path: "/bookings/{id}/tickets.pdf",
		Summary: "The valid tickets of a booking as PDF, a page each", Description: "For the buyer, not for an admin: whoever has the codes gets in. The link of a ticket's holder prints that ticket alone.",
	}, "application/pdf", "%PDF-1.7…", problem.NoValidTickets), func(ctx context.Context, in *ofBooking) (*file, error) {
		b, _, all, err := pages(ctx, in.ID)
		switch {
		case err != nil:
			return nil, err
		case len(all) == 0:
			return nil, table.To(ctx, booking.ErrNoValidTickets)
		}
		return pdf(ctx, b, localeOf(b, in.Locale), "tickets.pdf", all...)
	})
	huma.Register(api, operation(huma.Operation{
		OperationID: "printTicket", Path: "/bookings/{id}/tickets/{ticket_id}/pdf", Summary: "A ticket as PDF", Description: "For the buyer, or by the link of the ticket's holder.",
	}, "application/pdf", "%PDF-1.7…", problem.TicketNotFound, problem.TicketCancelled, problem.NoValidTickets), func(ctx context.Context, in *inLocale) (*file, error) {
		b, p, err := page(ctx, ofTicket{in.ID, in.TicketID})
		if err != nil {
			return nil, err
		}
		return pdf(ctx, b, localeOf(b, in.Locale), "ticket.pdf", p)
	})
	for _, qr := range []struct {
		id, extension, mediaType, example string
		draw                              func(code string) ([]byte, error)
	}{
		{"drawTicketPNG", "png", "image/png", "‰PNG…", documents.QRPNG},
		{"drawTicketSVG", "svg", "image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg">…</svg>`, documents.QRSVG},
	} {
		huma.Register(api, operation(huma.Operation{
			OperationID: qr.id, Path: "/bookings/{id}/tickets/{ticket_id}/qr." + qr.extension, Summary: "The QR code of a ticket", Description: "For the buyer, or by the link of the ticket's holder.",
		}, qr.mediaType, qr.example, problem.TicketNotFound, problem.TicketCancelled, problem.NoValidTickets), func(ctx context.Context, in *ofTicket) (*file, error) {
			_, p, err := page(ctx, *in)
			if err != nil {
				return nil, err
			}
			return drawn(ctx, qr.mediaType, "ticket."+qr.extension, func() ([]byte, error) { return qr.draw(p.Code) })
		})
	}
	huma.Register(api, operation(huma.Operation{
		OperationID: "getCalendar", Path: "/bookings/{id}/calendar.ics", Summary: "The event of a booking for a calendar",
		Description: "An entry that a calendar updates when it gets a later one. That of a cancelled booking cancels it.",
	}, "text/calendar", "BEGIN:VCALENDAR…", problem.NoValidTickets), func(ctx context.Context, in *ofBooking) (*file, error) {
		b, _, err := open(ctx, in.ID)
		if err == nil && (b.Status == booking.Pending || b.Status == booking.Failed) {
			err = booking.ErrNoValidTickets
		}
		if err != nil {
			return nil, table.To(ctx, err)
		}
		body, err := documents.Calendar(booking.CalendarEntry{
			Locale: localeOf(b, in.Locale), BookingID: b.ID, Version: b.Version, At: b.UpdatedAt, Event: b.Event, Cancelled: b.Status != booking.Confirmed,
		})
		return fileOf("text/calendar; charset=utf-8", "event.ics", body, err)
	})
}
