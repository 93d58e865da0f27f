package bookingapi

import (
	"context"
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// LinkMail implements notification.Deliveries with GET /link-mails/{id}.
func (b *Bookings) LinkMail(ctx context.Context, id string) (notification.LinkMail, error) {
	var out struct {
		To       string  `json:"to"`
		Name     string  `json:"name"`
		Locale   *string `json:"locale"`
		Bookings []struct {
			BookingID string       `json:"booking_id"`
			Status    string       `json:"status"`
			Event     events.Event `json:"event"`
			Tickets   int          `json:"tickets"`
			LinkKey   string       `json:"link_key"`
		} `json:"bookings"`
	}
	err := b.client.Get(ctx, []string{"link-mails", id}, nil, &out)
	var p *problem.Problem
	switch {
	case errors.As(err, &p) && p.Code == problem.TicketMailNotDue:
		return notification.LinkMail{}, notification.ErrNotDue
	case err != nil:
		return notification.LinkMail{}, err
	}
	m := notification.LinkMail{To: out.To, Name: out.Name, Locale: out.Locale}
	for _, linked := range out.Bookings {
		m.Bookings = append(m.Bookings, notification.LinkedBooking{
			BookingID: linked.BookingID, Cancelled: linked.Status == "CANCELLED", Event: linked.Event, Tickets: linked.Tickets, LinkKey: linked.LinkKey,
		})
	}
	return m, nil
}
