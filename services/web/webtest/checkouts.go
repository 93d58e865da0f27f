package webtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// booking is one with what its buyer does not see.
type booking struct {
	web.Booking

	owner       string // an account's or a guest's id
	guest       bool
	tickets     []web.Ticket
	nonce       string // of the attempt that waits for the buyer
	attempts    int
	extensions  int
	linkVersion int
	resent      int
}

// outcome is what an Idempotency-Key stands for.
type outcome struct {
	request   string
	bookingID string
	err       error
}

// challengePath is where the sandbox waits for a buyer.
const challengePath = "/payments/sandbox/challenge/"

// Config implements web.Checkouts.
func (p *Platform) Config(ctx context.Context, by web.Caller) (web.PaymentsConfig, error) {
	return ask(ctx, p, Call{Method: "Config", By: by}, func() (web.PaymentsConfig, error) { return p.Provider, nil })
}

// once does what a request with a key asks for, unless one has done it before.
func (p *Platform) once(who, key, request string, do func() (*booking, error)) (web.Booking, error) {
	if key == "" {
		return web.Booking{}, invalid("header.Idempotency-Key", "required header parameter is missing")
	}
	o, known := p.outcomes[who+" "+key]
	switch {
	case known && o.request != request:
		return web.Booking{}, refuse("idempotency_key_reused", "This idempotency key was used for another request.")
	case !known:
		b, err := do()
		if b == nil {
			return web.Booking{}, err // what left no booking frees the key
		}
		o = outcome{request, b.ID, err}
		p.outcomes[who+" "+key] = o
	}
	if o.err != nil {
		return web.Booking{}, o.err
	}
	return p.booked(p.bookings[o.bookingID]), nil
}

// Begin implements web.Checkouts.
func (p *Platform) Begin(ctx context.Context, by web.Caller, key, eventID string, items []web.Quantity, total money.Amount) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Begin", By: by, Key: key}, func() (web.Booking, error) {
		who, err := p.user(by)
		if err != nil {
			return web.Booking{}, err
		}
		b, err := p.once(who.id, key, fmt.Sprint("begin ", eventID, items, total), func() (*booking, error) {
			return p.begun(who, eventID, items, total)
		})
		if err == nil && b.Status == web.Failed {
			err = refuse(b.Reason, "Nothing was charged.")
		}
		return b, err
	})
}

func (p *Platform) begun(who token, eventID string, wanted []web.Quantity, total money.Amount) (*booking, error) {
	e, ok := p.events[eventID]
	switch {
	case !ok:
		return nil, web.ErrNotFound
	case e.Status == web.Cancelled:
		return nil, refuse("event_cancelled", "The event has been cancelled.")
	case len(wanted) == 0:
		return nil, invalid("items", "expected array length >= 1")
	}
	p.expire()
	open := 0
	for _, b := range p.bookings {
		if b.owner == who.id && b.Status == web.Pending {
			open++
		}
	}
	if open >= MaxCheckouts {
		return nil, refuse("too_many_checkouts", "Too many bookings are not paid for yet.")
	}
	items, count, sum, err := p.priced(e, wanted)
	switch {
	case err != nil:
		return nil, err
	case count > e.MaxPerBooking:
		return nil, refuse("too_many_tickets", "The event sells fewer tickets to one booking.")
	case sum != total:
		return nil, refuse("price_changed", "The total is not the one expected.")
	}
	now := p.clock()
	b := &booking{owner: who.id, guest: who.guest, linkVersion: 1}
	b.Booking = web.Booking{
		ID: newID(), EventID: e.ID, Status: web.Pending, Buyer: p.buyer(who),
		Event: web.BookedEvent{
			Title: e.Title, Zone: e.Zone, StartsAt: e.StartsAt.In(e.Zone), EndsAt: e.EndsAt.In(e.Zone), DoorsAt: e.DoorsAt,
			Venue: e.Venue, CancellationPolicy: e.CancellationPolicy, Transfers: e.Transfers,
		},
		Items: items, Total: sum, CreatedAt: now,
		Payment: web.Payment{Provider: p.Provider.Provider, Status: "awaiting", ExpiresAt: now.Add(CheckoutTTL)},
	}
	for _, item := range items {
		p.take(e.ID, item.TicketTypeID, item.Quantity)
		for range item.Quantity {
			b.tickets = append(b.tickets, web.Ticket{
				ID: newID(), Number: len(b.tickets) + 1, TicketTypeID: item.TicketTypeID, Name: item.Name, Status: web.Held,
				Holder: web.Holder{Name: b.Buyer.Name, Email: b.Buyer.Email}, Issue: 1,
			})
		}
	}
	p.bookings[b.ID] = b
	return b, nil
}

// priced returns what the tickets cost, or why they cannot be had.
func (p *Platform) priced(e *web.Event, wanted []web.Quantity) (items []web.Item, count int, sum money.Amount, err error) {
	for _, w := range wanted {
		i := slices.IndexFunc(e.TicketTypes, func(t web.TicketType) bool { return t.ID == w.TicketTypeID })
		if i < 0 {
			return nil, 0, sum, refuse("ticket_type_not_found", "The event has no such ticket type.")
		}
		t := e.TicketTypes[i]
		switch state := p.state(e, t); {
		case state == web.NotYet:
			return nil, 0, sum, refuse("not_on_sale_yet", "The sale of these tickets has not begun.")
		case state == web.Closed:
			return nil, 0, sum, refuse("sales_closed", "The sale of these tickets has ended.")
		case t.Available < w.Quantity:
			return nil, 0, sum, refuse("sold_out", "Not enough tickets are left.")
		}
		price, err := t.Price.Times(w.Quantity)
		if err != nil {
			return nil, 0, sum, err
		}
		if sum.Currency == "" {
			sum = money.Amount{Currency: price.Currency}
		}
		if sum, err = sum.Plus(price); err != nil {
			return nil, 0, sum, err
		}
		items = append(items, web.Item{TicketTypeID: t.ID, Name: t.Name, Quantity: w.Quantity, UnitPrice: t.Price})
		count += w.Quantity
	}
	return items, count, sum, nil
}

// take takes tickets from the sale, or gives them back where n is below 0.
func (p *Platform) take(eventID, ticketTypeID string, n int) {
	for i := range p.events[eventID].TicketTypes {
		if t := &p.events[eventID].TicketTypes[i]; t.ID == ticketTypeID {
			t.Available -= n
		}
	}
}

// expire ends the checkouts whose time is over.
func (p *Platform) expire() {
	for _, b := range p.bookings {
		if b.Status == web.Pending && !p.clock().Before(b.Payment.ExpiresAt) {
			p.end(b, "checkout_expired")
		}
	}
}

// end ends a checkout.
func (p *Platform) end(b *booking, reason string) {
	b.Status, b.Reason, b.nonce = web.Failed, reason, ""
	b.Payment = web.Payment{Provider: b.Payment.Provider, Status: "not_charged"}
	for i := range b.tickets {
		b.tickets[i].Status = web.TicketCancelled
		p.take(b.EventID, b.tickets[i].TicketTypeID, -1)
	}
}

func (p *Platform) confirm(b *booking) {
	b.Status, b.nonce = web.Confirmed, ""
	b.Payment = web.Payment{Provider: b.Payment.Provider, Status: "captured"}
	if b.Total.IsZero() {
		b.Payment.Status = "not_required"
	}
	for i := range b.tickets {
		b.tickets[i].Status = web.Valid
		b.tickets[i].Code = code(b.tickets[i])
	}
	p.mails = append(p.mails, Mail{To: b.Buyer.Email, Kind: "tickets", Token: linkKey(b, 0), BookingID: b.ID})
}

// checkout returns a booking of the caller's whose payment something can still be
// done about.
func (p *Platform) checkout(by web.Caller, id string) (token, *booking, error) {
	who, err := p.user(by)
	if err != nil {
		return who, nil, err
	}
	b, err := p.owned(by, id)
	switch {
	case err != nil:
		return who, nil, err
	case b.Status == web.Failed && b.Reason == "event_cancelled":
		return who, nil, refuse("event_cancelled", "The event has been cancelled.")
	case b.Status == web.Failed && b.Reason == "checkout_abandoned":
		return who, nil, refuse("checkout_abandoned", "The customer gave the checkout up.")
	case b.Status == web.Failed:
		return who, nil, refuse("checkout_expired", "The time to pay for this booking is over.")
	case b.Status != web.Pending:
		return who, nil, refuse("already_paid", "The booking is paid.")
	}
	return who, b, nil
}

// Pay implements web.Checkouts.
func (p *Platform) Pay(ctx context.Context, by web.Caller, key, bookingID, card string) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Pay", By: by, Key: key}, func() (web.Booking, error) {
		who, err := p.user(by)
		if err != nil {
			return web.Booking{}, err
		}
		return p.once(who.id, key, "pay "+bookingID+" "+card, func() (*booking, error) {
			_, b, err := p.checkout(by, bookingID)
			if err != nil {
				return nil, err
			}
			return p.paid(b, card)
		})
	})
}

// paid tries a card. Without a booking in the answer nothing was tried.
func (p *Platform) paid(b *booking, card string) (*booking, error) {
	switch {
	case b.Payment.Status == "pending":
		return nil, refuse("payment_in_progress", "A payment of this booking is being worked on.")
	case p.clock().Add(LastPayment).After(b.Payment.ExpiresAt):
		return nil, refuse("checkout_expired", "The time to pay for this booking is over.")
	case b.Total.IsZero():
		p.confirm(b)
		return b, nil
	case b.attempts >= MaxAttempts:
		return nil, refuse("too_many_attempts", "The booking has had all of its attempts to pay.")
	case card == "":
		return nil, invalid("token", "is needed: the booking is not free")
	}
	b.attempts++
	b.nonce, b.Payment.Action, b.Payment.Status = "", nil, "awaiting"
	switch {
	case card == "tok_declined", card == "tok_insufficient_funds", card == "tok_decline_once" && b.attempts == 1:
		return b, &web.Refusal{Code: "payment_declined", Detail: "The payment was declined.", BookingID: b.ID}
	case card == "tok_authenticate":
		b.nonce = newID()
		b.Payment.Status = "requires_action"
		b.Payment.Action = &web.Action{Type: "authenticate", URL: challengePath + b.nonce}
	case card == "tok_timeout":
		b.nonce = newID()
		b.Payment.Status = "pending"
	default:
		p.confirm(b)
	}
	return b, nil
}

// AnswerChallenge ends what a payment waits for: the buyer's confirmation, or an
// answer that was lost.
func (p *Platform) AnswerChallenge(bookingID string, confirmed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.bookings[bookingID]
	if b == nil || b.nonce == "" {
		panic("webtest: no payment of the booking waits for anything")
	}
	p.answer(b, confirmed)
}

func (p *Platform) answer(b *booking, confirmed bool) {
	if confirmed {
		p.confirm(b)
		return
	}
	b.nonce, b.Payment.Action, b.Payment.Status = "", nil, "awaiting"
}

// AnswerSandbox implements web.Checkouts.
func (p *Platform) AnswerSandbox(ctx context.Context, by web.Caller, url string, confirmed bool) error {
	return tell(ctx, p, Call{Method: "AnswerSandbox", By: by}, func() error {
		for _, b := range p.bookings {
			if b.nonce != "" && url == challengePath+b.nonce {
				p.answer(b, confirmed)
				return nil
			}
		}
		return refuse("link_not_valid", "There is nothing to confirm here, or no more.")
	})
}

// Extend implements web.Checkouts.
func (p *Platform) Extend(ctx context.Context, by web.Caller, key, bookingID string) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Extend", By: by, Key: key}, func() (web.Booking, error) {
		who, err := p.user(by)
		if err != nil {
			return web.Booking{}, err
		}
		return p.once(who.id, key, "extend "+bookingID, func() (*booking, error) {
			_, b, err := p.checkout(by, bookingID)
			switch {
			case err != nil:
				return nil, err
			case b.extensions >= MaxExtensions:
				return nil, refuse("no_more_extensions", "The checkout was extended as often as it can be.")
			}
			b.extensions++
			b.Payment.ExpiresAt = p.clock().Add(CheckoutTTL)
			return b, nil
		})
	})
}

// Abandon implements web.Checkouts.
func (p *Platform) Abandon(ctx context.Context, by web.Caller, bookingID string) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Abandon", By: by}, func() (web.Booking, error) {
		_, b, err := p.checkout(by, bookingID)
		switch {
		case web.Refused(err) == "checkout_expired", web.Refused(err) == "checkout_abandoned":
			return p.booked(p.bookings[bookingID]), nil
		case err != nil:
			return web.Booking{}, err
		}
		p.end(b, "checkout_abandoned")
		return p.booked(b), nil
	})
}

// Correct implements web.Checkouts.
func (p *Platform) Correct(ctx context.Context, by web.Caller, bookingID string, buyer web.Buyer) (web.Booking, error) {
	return ask(ctx, p, Call{Method: "Correct", By: by}, func() (web.Booking, error) {
		who, b, err := p.checkout(by, bookingID)
		switch {
		case err != nil:
			return web.Booking{}, err
		case !who.guest:
			return web.Booking{}, refuse("forbidden", "This needs another role.")
		}
		if wrong := contact(buyer.Name, buyer.Email); wrong != nil {
			return web.Booking{}, wrong
		}
		for i := range b.tickets {
			if h := &b.tickets[i].Holder; *h == (web.Holder{Name: b.Buyer.Name, Email: b.Buyer.Email}) {
				*h = web.Holder{Name: buyer.Name, Email: buyer.Email}
			}
		}
		b.Buyer = buyer
		return p.booked(b), nil
	})
}

// contact says what is wrong with a name or an address.
func contact(name, email string) error {
	fields := []web.FieldError{}
	if strings.TrimSpace(name) == "" {
		fields = append(fields, web.FieldError{Field: "name", Message: "must not be empty"})
	}
	if at := strings.LastIndex(email, "@"); at < 1 || at == len(email)-1 || strings.ContainsAny(email, " \r\n") {
		fields = append(fields, web.FieldError{Field: "email", Message: "must be an email address"})
	}
	if len(fields) == 0 {
		return nil
	}
	return &web.Refusal{Code: "validation_failed", Detail: "Some fields have values that are not allowed.", Fields: fields}
}

// ExpireCheckout sets the clock forward to the end of a checkout.
func (p *Platform) ExpireCheckout(bookingID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advanced += max(0, p.bookings[bookingID].Payment.ExpiresAt.Sub(p.clock())) + time.Second
}
