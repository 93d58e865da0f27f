package gateway

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

type bookingBody struct {
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Buyer   struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Phone  string `json:"phone"`
		Locale string `json:"locale"`
	} `json:"buyer"`
	Event   *events.Event `json:"event"`
	Items   []itemBody    `json:"items"`
	Total   money.Amount  `json:"total"`
	Payment struct {
		Provider   string    `json:"provider"`
		Status     string    `json:"status"`
		ExpiresAt  time.Time `json:"expires_at"`
		NextAction *struct {
			Type         string `json:"type"`
			URL          string `json:"url"`
			ClientSecret string `json:"client_secret"`
		} `json:"next_action"`
	} `json:"payment"`
	Cancellations []struct {
		ID     string       `json:"id"`
		Items  []itemBody   `json:"items"`
		Price  money.Amount `json:"price"`
		Fee    money.Amount `json:"fee"`
		All    bool         `json:"all"`
		Status string       `json:"status"`
		At     time.Time    `json:"at"`
	} `json:"cancellations"`
	Refunds []struct {
		ID     string       `json:"id"`
		Status string       `json:"status"`
		Amount money.Amount `json:"amount"`
	} `json:"refunds"`
	CreatedAt time.Time `json:"created_at"`
}

type itemBody struct {
	TicketTypeID string       `json:"ticket_type_id"`
	Name         string       `json:"name"`
	Quantity     int          `json:"quantity"`
	UnitPrice    money.Amount `json:"unit_price"`
}

func toItems(in []itemBody) []web.Item {
	out := make([]web.Item, len(in))
	for i := range in {
		out[i] = web.Item(in[i])
	}
	return out
}

func (b *bookingBody) booking() web.Booking {
	out := web.Booking{
		ID: b.ID, EventID: b.EventID, Status: web.BookingStatus(b.Status), Reason: b.Reason, Buyer: web.Buyer(b.Buyer),
		Event: web.BookedEvent{Zone: time.UTC}, Items: toItems(b.Items), Total: b.Total, CreatedAt: b.CreatedAt,
		Payment: web.Payment{Provider: b.Payment.Provider, Status: web.PaymentStatus(b.Payment.Status), ExpiresAt: b.Payment.ExpiresAt},
	}
	if e := b.Event; e != nil {
		zone := zoneOf(e.TimeZone)
		out.Event = web.BookedEvent{
			Title: e.Title, Zone: zone, StartsAt: in(zone, e.StartsAt), EndsAt: in(zone, e.EndsAt), DoorsAt: in(zone, e.DoorsAt),
			Venue: web.Venue(e.Venue), CancellationPolicy: web.CancellationPolicy(e.CancellationPolicy), Transfers: !e.NoTransfers,
		}
	}
	if a := b.Payment.NextAction; a != nil {
		action := web.Action(*a)
		out.Payment.Action = &action
	}
	for _, c := range b.Cancellations {
		out.Cancellations = append(out.Cancellations, web.Cancellation{
			ID: c.ID, All: c.All, Done: c.Status == "DONE", At: c.At, Items: toItems(c.Items), Price: c.Price, Fee: c.Fee,
		})
	}
	for _, r := range b.Refunds {
		out.Refunds = append(out.Refunds, web.Refund(r))
	}
	return out
}

type ticketBody struct {
	ID           string `json:"id"`
	Number       int    `json:"number"`
	TicketTypeID string `json:"ticket_type_id"`
	Name         string `json:"name"`
	Status       string `json:"status"`
	Holder       struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"holder"`
	Issue int    `json:"issue"`
	Code  string `json:"code"`
}

func (b *ticketBody) ticket() web.Ticket {
	return web.Ticket{
		ID: b.ID, Number: b.Number, TicketTypeID: b.TicketTypeID, Name: b.Name, Status: web.TicketStatus(b.Status),
		Holder: web.Holder(b.Holder), Issue: b.Issue, Code: b.Code,
	}
}

// Bookings implements web.Bookings.
func (g *Gateway) Bookings(ctx context.Context, by web.Caller, cursor string) (items []web.Booking, next string, err error) {
	c := call{Request: get("bookings"), by: by, shows: user}
	c.Query = after(cursor)
	var page struct {
		Items []bookingBody `json:"items"`
		Next  string        `json:"next_cursor"`
	}
	if err := g.do(ctx, c, &page); err != nil {
		return nil, "", err
	}
	for i := range page.Items {
		items = append(items, page.Items[i].booking())
	}
	return items, page.Next, nil
}

// after is the query for the page after a cursor.
func after(cursor string) url.Values {
	if cursor == "" {
		return nil
	}
	return url.Values{"cursor": {cursor}}
}

// Booking implements web.Bookings.
func (g *Gateway) Booking(ctx context.Context, by web.Caller, id string) (web.Booking, error) {
	return g.booking(ctx, call{Request: get("bookings", id), by: by, shows: buyer})
}

// Tickets implements web.Bookings.
func (g *Gateway) Tickets(ctx context.Context, by web.Caller, id string) ([]web.Ticket, error) {
	var out struct {
		Items []ticketBody `json:"items"`
	}
	if err := g.do(ctx, call{Request: get("bookings", id, "tickets"), by: by, shows: buyer}, &out); err != nil {
		return nil, err
	}
	tickets := make([]web.Ticket, len(out.Items))
	for i := range out.Items {
		tickets[i] = out.Items[i].ticket()
	}
	return tickets, nil
}

// ChangeHolder implements web.Bookings.
func (g *Gateway) ChangeHolder(ctx context.Context, by web.Caller, id, ticketID string, to web.Holder) (web.Ticket, error) {
	type holder struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	c := call{Request: post("bookings", id, "tickets", ticketID), by: by, shows: buyer, in: struct {
		Holder holder `json:"holder"`
	}{holder(to)}}
	c.Method = http.MethodPatch
	var out ticketBody
	if err := g.do(ctx, c, &out); err != nil {
		return web.Ticket{}, err
	}
	return out.ticket(), nil
}

// Return implements web.Bookings.
func (g *Gateway) Return(ctx context.Context, by web.Caller, key, id string, ticketIDs []string) (web.Booking, error) {
	return g.booking(ctx, call{Request: post("bookings", id, "cancellations"), by: by, shows: buyer, key: key, in: struct {
		Tickets []string `json:"tickets"`
	}{ticketIDs}})
}

// Document implements web.Bookings.
func (g *Gateway) Document(ctx context.Context, by web.Caller, id, ticketID string, kind web.DocumentKind, locale string) (web.Document, error) {
	path := []string{"bookings", id, string(kind)}
	switch kind {
	case web.TicketPDF, web.TicketPNG, web.TicketSVG:
		path = []string{"bookings", id, "tickets", ticketID, string(kind)}
	case web.TicketsPDF, web.Calendar:
	}
	c := call{Request: get(path...), by: by, shows: buyer}
	if locale != "" {
		c.Query = url.Values{"locale": {locale}}
	}
	return g.open(ctx, c)
}

// Resend implements web.Bookings.
func (g *Gateway) Resend(ctx context.Context, by web.Caller, key, id string) error {
	return g.do(ctx, call{Request: post("bookings", id, "resend"), by: by, shows: buyer, key: key}, nil)
}

// Find implements web.Links.
func (g *Gateway) Find(ctx context.Context, by web.Caller, email string) error {
	return g.do(ctx, call{Request: post("bookings", "links"), by: by, in: emailBody{email}}, nil)
}

// Claim implements web.Links.
func (g *Gateway) Claim(ctx context.Context, by web.Caller, id string) (web.Booking, error) {
	return g.booking(ctx, call{Request: post("bookings", id, "claim"), by: by, shows: both})
}

// End implements web.Links.
func (g *Gateway) End(ctx context.Context, by web.Caller, id string) error {
	c := call{Request: post("bookings", id, "links"), by: by, shows: buyer}
	c.Method = http.MethodDelete
	return g.do(ctx, c, nil)
}
