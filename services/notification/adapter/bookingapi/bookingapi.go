// Package bookingapi is the booking service as notification needs it.
package bookingapi

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Timeout is how long one call may take: booking draws a page for each ticket.
const Timeout = 10 * time.Second

// Bookings is a notification.Deliveries.
type Bookings struct{ client *httpkit.Client }

var _ notification.Deliveries = (*Bookings)(nil)

// New returns the booking service that client calls.
func New(client *httpkit.Client) *Bookings { return &Bookings{client: client} }

// Delivery implements notification.Deliveries with GET /bookings/{id}/delivery.
func (b *Bookings) Delivery(ctx context.Context, w notification.Wanted) (notification.Delivery, error) {
	query := url.Values{"link_version": {strconv.Itoa(w.LinkVersion)}}
	if w.TicketID != "" {
		query = url.Values{"ticket_id": {w.TicketID}, "issue": {strconv.Itoa(w.Issue)}}
	}
	if w.PDF {
		query.Set("pdf", "true")
	}
	if w.Locale != "" {
		query.Set("locale", w.Locale)
	}
	var out struct {
		LinkKey string `json:"link_key"`
		PDF     []byte `json:"pdf"`
		Tickets []struct {
			Number int    `json:"number"`
			Name   string `json:"name"`
			Holder struct {
				Name string `json:"name"`
			} `json:"holder"`
			Code string `json:"code"`
			QR   []byte `json:"qr"`
		} `json:"tickets"`
	}
	err := b.client.Get(ctx, []string{"bookings", w.BookingID, "delivery"}, query, &out)
	var p *problem.Problem
	switch {
	case errors.As(err, &p) && (p.Code == problem.TicketMailNotDue || p.Code == problem.BookingNotFound):
		return notification.Delivery{}, notification.ErrNotDue
	case err != nil:
		return notification.Delivery{}, err
	}
	d := notification.Delivery{LinkKey: out.LinkKey, PDF: out.PDF}
	for _, t := range out.Tickets {
		if t.Code != "" { // else it was given back
			d.Tickets = append(d.Tickets, notification.DeliveredTicket{Number: t.Number, Name: t.Name, Holder: t.Holder.Name, Code: t.Code, QR: t.QR})
		}
	}
	return d, nil
}
