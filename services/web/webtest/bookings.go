package webtest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// linkKey is the key to a booking, or to the ticket with this number.
func linkKey(b *booking, number int) string {
	version := b.linkVersion
	if number > 0 {
		version = b.tickets[number-1].Issue
	}
	sum := sha256.Sum256(fmt.Append(nil, b.ID, number, version))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// code is what a ticket's QR code says.
func code(t web.Ticket) string {
	sum := fmt.Sprintf("%X", sha256.Sum256(fmt.Append(nil, t.ID, t.Issue)))
	return (sum + sum)[:120]
}

// LinkKey returns the key in the link that a booking's buyer is mailed.
func (p *Platform) LinkKey(bookingID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return linkKey(p.bookings[bookingID], 0)
}

// TicketKey returns the key in the link that the holder of a ticket is mailed.
func (p *Platform) TicketKey(bookingID string, number int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return linkKey(p.bookings[bookingID], number)
}

// opened returns the booking that a caller may read, and which ticket alone if the
// caller has a holder's link. An access token counts before a link.
func (p *Platform) opened(by web.Caller, id string) (b *booking, only int, err error) {
	p.expire()
	b, ok := p.bookings[id]
	if by.AccessToken == "" && by.BookingKey != "" {
		if !ok {
			return nil, 0, web.ErrNotFound
		}
		for number := range len(b.tickets) + 1 {
			if by.BookingKey == linkKey(b, number) {
				return b, number, nil
			}
		}
		return nil, 0, web.ErrNotFound
	}
	who, err := p.user(by)
	switch {
	case err != nil:
		return nil, 0, err
	case !ok || b.owner != who.id:
		return nil, 0, web.ErrNotFound
	}
	return b, 0, nil
}

// owned returns a booking that is the caller's, by token or by its buyer's link.
func (p *Platform) owned(by web.Caller, id string) (*booking, error) {
	b, only, err := p.opened(by, id)
	if err == nil && only > 0 {
		err = web.ErrNotFound
	}
	return b, err
}

// booked is a copy of b as its buyer sees it.
func (p *Platform) booked(b *booking) web.Booking {
	out := b.Booking
	out.Items = slices.Clone(b.Items)
	out.Cancellations, out.Refunds = slices.Clone(b.Cancellations), slices.Clone(b.Refunds)
	if b.Payment.Action != nil {
		action := *b.Payment.Action
		out.Payment.Action = &action
	}
	return out
}

// Bookings implements web.Bookings.
func (p *Platform) Bookings(ctx context.Context, by web.Caller, cursor string) (items []web.Booking, next string, err error) {
	items, err = ask(ctx, p, Call{Method: "Bookings", By: by}, func() ([]web.Booking, error) {
		who, err := p.user(by)
		if err != nil {
			return nil, err
		}
		p.expire()
		var mine []web.Booking
		for _, b := range p.bookings {
			if b.owner == who.id {
				mine = append(mine, p.booked(b))
			}
		}
		slices.SortFunc(mine, func(a, b web.Booking) int { return cmp.Compare(b.ID, a.ID) })
		after, ok := strings.CutPrefix(cursor, "before~")
		switch {
		case cursor != "" && !ok:
			return nil, refuse("invalid_cursor", "The cursor is not one that this list gave out.")
		case ok:
			mine = slices.DeleteFunc(mine, func(b web.Booking) bool { return b.ID >= after })
		}
		if len(mine) > bookingsPage {
			mine = mine[:bookingsPage]
			next = "before~" + mine[bookingsPage-1].ID
		}
		return mine, nil
	})
	return items, next, err
}

const bookingsPage = 20

// Booking implements web.Bookings.
func (p *Platform) Booking(ctx context.Context, by web.Caller, id string) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Booking", By: by}, func() (web.Booking, error) {
		b, err := p.owned(by, id)
		if err != nil {
			return web.Booking{}, err
		}
		return p.booked(b), nil
	})
}

// Tickets implements web.Bookings.
func (p *Platform) Tickets(ctx context.Context, by web.Caller, id string) ([]web.Ticket, error) {
	return ask(ctx, p, Call{Method: "Tickets", By: by}, func() ([]web.Ticket, error) {
		b, only, err := p.opened(by, id)
		if err != nil {
			return nil, err
		}
		all := slices.Clone(b.tickets)
		if only > 0 {
			all = all[only-1 : only]
		}
		return all, nil
	})
}

// ChangeHolder implements web.Bookings.
func (p *Platform) ChangeHolder(ctx context.Context, by web.Caller, id, ticketID string, to web.Holder) (web.Ticket, error) {
	return ask(ctx, p, Call{Method: "ChangeHolder", By: by}, func() (web.Ticket, error) {
		b, err := p.owned(by, id)
		if err != nil {
			return web.Ticket{}, err
		}
		i := slices.IndexFunc(b.tickets, func(t web.Ticket) bool { return t.ID == ticketID })
		if i < 0 {
			return web.Ticket{}, web.ErrNotFound
		}
		t := &b.tickets[i]
		switch {
		case strings.TrimSpace(to.Name) == "":
			return web.Ticket{}, invalid("holder.name", "must not be empty")
		case to.Email != "" && contact(to.Name, to.Email) != nil:
			return web.Ticket{}, invalid("holder.email", "must be an email address")
		case t.Status == web.TicketCancelled:
			return web.Ticket{}, refuse("ticket_cancelled", "The ticket was given back.")
		case t.Holder == to:
			return *t, nil
		case t.Status == web.Valid && !b.Event.Transfers:
			return web.Ticket{}, refuse("transfers_not_allowed", "The event's tickets cannot be passed on.")
		case t.Status == web.Valid && !p.clock().Before(doors(b.Event)):
			return web.Ticket{}, refuse("doors_open", "The doors are open.")
		}
		t.Holder = to
		if t.Status == web.Valid {
			t.Issue++
			t.Code = code(*t)
			if to.Email != "" {
				p.mails = append(p.mails, Mail{To: to.Email, Kind: "ticket", Token: linkKey(b, t.Number), BookingID: b.ID})
			}
		}
		return *t, nil
	})
}

func doors(e web.BookedEvent) time.Time {
	if e.DoorsAt.IsZero() {
		return e.StartsAt
	}
	return e.DoorsAt
}

// Return implements web.Bookings.
func (p *Platform) Return(ctx context.Context, by web.Caller, key, id string, ticketIDs []string) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Return", By: by, Key: key}, func() (web.Booking, error) {
		b, err := p.owned(by, id)
		if err != nil {
			return web.Booking{}, err
		}
		return p.once(b.owner, key, "return "+id+" "+strings.Join(slices.Sorted(slices.Values(ticketIDs)), " "), func() (*booking, error) {
			if len(ticketIDs) == 0 {
				return nil, invalid("tickets", "expected array length >= 1")
			}
			if b.Status != web.Confirmed || !p.clock().Before(doors(b.Event)) {
				return nil, refuse("booking_not_cancellable", "The booking is not confirmed, or the doors of its event are open.")
			}
			var back []int
			for _, ticketID := range ticketIDs {
				i := slices.IndexFunc(b.tickets, func(t web.Ticket) bool { return t.ID == ticketID })
				switch {
				case i < 0:
					return nil, refuse("tickets_not_booked", "The booking has not these tickets.")
				case b.tickets[i].Status != web.Valid:
					return nil, refuse("ticket_cancelled", "The ticket was given back.")
				}
				back = append(back, i)
			}
			p.giveBack(b, back, false)
			return b, nil
		})
	})
}

// valid returns the places of b's valid tickets.
func (b *booking) valid() (out []int) {
	for i, t := range b.tickets {
		if t.Status == web.Valid {
			out = append(out, i)
		}
	}
	return out
}

// giveBack gives these of b's tickets back, without a fee if free.
func (p *Platform) giveBack(b *booking, back []int, free bool) {
	now := p.clock()
	c := web.Cancellation{ID: newID(), All: len(back) == len(b.valid()), Done: true, At: now}
	c.Price = money.Amount{Currency: b.Total.Currency}
	for _, i := range back {
		t := &b.tickets[i]
		t.Status, t.Code = web.TicketCancelled, ""
		p.take(b.EventID, t.TicketTypeID, -1)
		at := slices.IndexFunc(b.Items, func(item web.Item) bool { return item.TicketTypeID == t.TicketTypeID })
		item := b.Items[at]
		item.Quantity = 1
		c.Price.AmountMinor += item.UnitPrice.AmountMinor
		if n := slices.IndexFunc(c.Items, func(o web.Item) bool { return o.TicketTypeID == item.TicketTypeID }); n >= 0 {
			c.Items[n].Quantity++
		} else {
			c.Items = append(c.Items, item)
		}
	}
	c.Fee = money.Amount{Currency: c.Price.Currency}
	policy := b.Event.CancellationPolicy
	if late := now.After(b.Event.StartsAt.Add(-time.Duration(policy.FreeHours) * time.Hour)); late && !free {
		if fee, err := c.Price.BasisPoints(policy.FeeBasisPoints); err == nil {
			c.Fee = fee
		}
	}
	if money, err := c.Price.Minus(c.Fee); err == nil && !money.IsZero() {
		b.Refunds = append(b.Refunds, web.Refund{ID: newID(), Status: "refunded", Amount: money})
		b.Payment.Status = "partially_refunded"
		if c.All && c.Fee.IsZero() {
			b.Payment.Status = "refunded"
		}
	}
	b.Cancellations = append(b.Cancellations, c)
	if c.All { // its tickets stay on it, as what it was for
		b.Status = web.BookingCancelled
		return
	}
	b.Total.AmountMinor -= c.Price.AmountMinor
	for _, gone := range c.Items {
		at := slices.IndexFunc(b.Items, func(item web.Item) bool { return item.TicketTypeID == gone.TicketTypeID })
		b.Items[at].Quantity -= gone.Quantity
	}
	b.Items = slices.DeleteFunc(b.Items, func(item web.Item) bool { return item.Quantity == 0 })
}

// Document implements web.Bookings.
func (p *Platform) Document(ctx context.Context, by web.Caller, id, ticketID string, kind web.DocumentKind, locale string) (web.Document, error) {
	return ask(ctx, p, Call{Method: "Document", By: by}, func() (web.Document, error) {
		b, only, err := p.opened(by, id)
		if err != nil {
			return web.Document{}, err
		}
		switch kind {
		case web.TicketsPDF, web.Calendar:
			if len(b.valid()) == 0 && (kind != web.Calendar || b.Status != web.BookingCancelled) {
				return web.Document{}, refuse("no_valid_tickets", "The booking has no valid tickets.")
			}
			if kind == web.Calendar {
				return document("text/calendar; charset=utf-8", "BEGIN:VCALENDAR\r\nX-LANG:"+locale+"\r\nEND:VCALENDAR\r\n", ""), nil
			}
			return document("application/pdf", "%PDF-1.4 "+locale, ""), nil
		}
		i := slices.IndexFunc(b.tickets, func(t web.Ticket) bool { return t.ID == ticketID })
		switch {
		case i < 0, only > 0 && i != only-1:
			return web.Document{}, web.ErrNotFound
		case b.tickets[i].Status == web.TicketCancelled:
			return web.Document{}, refuse("ticket_cancelled", "The ticket was given back.")
		case b.tickets[i].Status != web.Valid:
			return web.Document{}, refuse("no_valid_tickets", "The booking has no valid tickets.")
		case kind == web.TicketPNG:
			return document("image/png", "\x89PNG\r\n\x1a\n", ""), nil
		case kind == web.TicketSVG:
			return document("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 45 45"></svg>`, ""), nil
		}
		return document("application/pdf", "%PDF-1.4 "+locale, ""), nil
	})
}

// maxResends is how often tickets are mailed again.
const maxResends = 5

// Resend implements web.Bookings.
func (p *Platform) Resend(ctx context.Context, by web.Caller, key, id string) error {
	return tell(ctx, p, Call{Method: "Resend", By: by, Key: key}, func() error {
		b, err := p.owned(by, id)
		if err != nil {
			return err
		}
		_, err = p.once(b.owner, key, "resend "+id, func() (*booking, error) {
			switch {
			case len(b.valid()) == 0:
				return nil, refuse("no_valid_tickets", "The booking has no valid tickets.")
			case b.resent == maxResends:
				return nil, &web.Refusal{Code: "rate_limited", Detail: "There were too many attempts.", RetryAfter: 24 * time.Hour}
			}
			b.resent++
			p.mails = append(p.mails, Mail{To: b.Buyer.Email, Kind: "tickets", Token: linkKey(b, 0), BookingID: b.ID})
			return b, nil
		})
		return err
	})
}

// Find implements web.Links.
func (p *Platform) Find(ctx context.Context, by web.Caller, email string) error {
	return tell(ctx, p, Call{Method: "Find", By: by}, func() error {
		if contact("x", email) != nil {
			return invalid("email", "must be an email address")
		}
		for _, b := range p.bookings {
			if b.guest && strings.EqualFold(b.Buyer.Email, email) && b.Status == web.Confirmed {
				p.mails = append(p.mails, Mail{To: b.Buyer.Email, Kind: "links", Token: linkKey(b, 0), BookingID: b.ID})
			}
		}
		return nil
	})
}

// Claim implements web.Links.
func (p *Platform) Claim(ctx context.Context, by web.Caller, id string) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Claim", By: by}, func() (web.Booking, error) {
		who, err := p.user(by)
		switch {
		case err != nil:
			return web.Booking{}, err
		case who.guest:
			return web.Booking{}, web.ErrSignedOut
		}
		b, ok := p.bookings[id]
		switch {
		case ok && b.owner == who.id:
			return p.booked(b), nil
		case !ok || by.BookingKey != linkKey(b, 0):
			return web.Booking{}, web.ErrNotFound
		case !b.guest:
			return web.Booking{}, refuse("already_claimed", "The booking belongs to an account.")
		case b.Status == web.Pending:
			return web.Booking{}, refuse("payment_in_progress", "A payment of this booking is being worked on.")
		}
		to := p.accountOf(who.id)
		if b.Buyer.Email != to.Email {
			b.linkVersion++
		}
		b.owner, b.guest, b.Buyer.Email = who.id, false, to.Email
		return p.booked(b), nil
	})
}

// End implements web.Links.
func (p *Platform) End(ctx context.Context, by web.Caller, id string) error {
	return tell(ctx, p, Call{Method: "End", By: by}, func() error {
		b, err := p.owned(by, id)
		if err == nil {
			b.linkVersion++
		}
		return err
	})
}
