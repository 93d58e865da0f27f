package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
)

// maxHolders is how often the tickets of a booking change their holders after the payment,
// all of them together. So no Issue is greater than 255, which is what codes have room for,
// and the timeline and the mails to new holders have an end.
const maxHolders = 254

// ChangeHolder says who a ticket is for, for the booking's owner or an admin, and returns the
// booking and the ticket. Once the booking is Confirmed that passes the ticket on, until the doors open by the
// date that it was booked for: its Issue grows, and what was issued before is not valid any
// more. Who holds the ticket already changes nothing. A holder that is not allowed is a
// problem.Invalid. ErrNotFound, ErrForbidden, ErrTicketNotFound, ErrTicketCancelled,
// ErrTransfersNotAllowed, ErrDoorsOpen, ErrTooManyHolders; ErrInProgress while the booking is
// worked on.
//
// It goes on when ctx is cancelled.
func (s *Service) ChangeHolder(ctx context.Context, caller identity.Caller, id, ticketID string, h Holder) (Booking, Ticket, error) {
	ctx = context.WithoutCancel(ctx)
	if err := h.validate(); err != nil {
		return Booking{}, Ticket{}, err
	}
	b, err := s.Get(ctx, caller, id)
	if err != nil {
		return Booking{}, Ticket{}, err
	}
	b, err = s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		before, err := b.ticket(ticketID)
		if err != nil {
			return err
		}
		if err := b.changeHolder(ticketID, h, now, actor(caller)); err != nil {
			return err
		}
		b.UpdatedAt = now
		if b.Status != Confirmed {
			return nil // its confirmation will tell
		}
		return b.tellWith(events.TypeBookingTicketsChanged, s.TraceParent(ctx), func(m *events.Booking) {
			m.PassedOn = &events.PassedOn{
				TicketID: before.ID, Number: before.Number, Issue: before.Issue + 1, To: events.Holder(h), From: events.Holder(before.Holder),
			}
		})
	})
	switch {
	case errors.Is(err, errSameHolder):
		b, err = s.Store.Get(ctx, id)
	case errors.Is(err, ErrLeaseLost):
		err = ErrInProgress
	case err == nil:
		s.Committed()
	}
	if err != nil {
		return Booking{}, Ticket{}, err
	}
	t, err := b.ticket(ticketID)
	return b.seenBy(caller), t, err
}

var errSameHolder = errors.New("the ticket has this holder")

// ticket returns the booking's ticket with this id.
func (b *Booking) ticket(id string) (Ticket, error) {
	all := b.Tickets()
	n := slices.IndexFunc(all, func(t Ticket) bool { return t.ID == id })
	if n < 0 {
		return Ticket{}, ErrTicketNotFound
	}
	return all[n], nil
}

func (b *Booking) changeHolder(ticketID string, h Holder, now time.Time, by string) error {
	t, err := b.ticket(ticketID)
	switch {
	case err != nil:
		return err
	case t.Status == TicketCancelled:
		return ErrTicketCancelled
	case t.Holder == h:
		return errSameHolder
	case t.Status == TicketHeld && (b.Event.ID == "" || b.Reason != ""):
		return ErrInProgress // not held yet, or failing
	case t.Status == TicketHeld:
		if !slices.ContainsFunc(b.Timeline, func(s Step) bool { return s.Step == stepNamed }) { // else it would grow with each change
			b.note(now, by, stepNamed, "")
		}
	case b.Event.NoTransfers:
		return ErrTransfersNotAllowed
	case !now.Before(b.Event.Doors()):
		return ErrDoorsOpen
	case b.passedOn() == maxHolders:
		return ErrTooManyHolders
	default:
		t.Issue++
		b.note(now, by, "passed_on", fmt.Sprintf("ticket %d", t.Number))
	}
	b.Holders = slices.DeleteFunc(b.Holders, func(o TicketHolder) bool { return o.Number == t.Number })
	b.Holders = append(b.Holders, TicketHolder{Number: t.Number, Holder: h, Issue: t.Issue})
	return nil
}

// stepNamed is the step of the first ticket whose holder is said before the payment. No step
// says who holds a ticket.
const stepNamed = "holders_named"

// passedOn returns how often tickets have changed their holders after the payment.
func (b *Booking) passedOn() (n int) {
	for _, h := range b.Holders {
		n += h.Issue - 1
	}
	return n
}

// validate brings h into the form that is stored.
func (h *Holder) validate() error {
	name, wrong := contact.Name("holder.name", norm.NFC.String(h.Name))
	var email string
	if h.Email != "" {
		var invalid problem.Invalid
		email, invalid = contact.Email("holder.email", norm.NFC.String(h.Email))
		wrong = append(wrong, invalid...)
	}
	if wrong != nil {
		return wrong
	}
	h.Name, h.Email = name, email
	return nil
}
