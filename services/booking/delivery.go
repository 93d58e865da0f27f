package booking

import (
	"context"
	"errors"
)

// Delivery is what a mail with tickets carries. Nobody stores it: whoever sends the mail asks
// each time.
type Delivery struct {
	Booking Booking
	Tickets []Ticket
	// LinkKey opens the booking, or the ticket; "" if there are no links.
	LinkKey string
}

// DeliveryToBuyer returns the whole booking for a mail to its buyer. ErrNotFound;
// ErrMailNotDue if the booking is not Confirmed, or its LinkVersion is another: the mail's
// address may no longer be the buyer's.
func (s *Service) DeliveryToBuyer(ctx context.Context, id string, linkVersion int) (Delivery, error) {
	b, err := s.confirmed(ctx, id)
	switch {
	case err != nil:
		return Delivery{}, err
	case b.LinkVersion != linkVersion:
		return Delivery{}, ErrMailNotDue
	}
	return Delivery{Booking: b, Tickets: b.Tickets(), LinkKey: s.LinkKeys.Buyer(&b)}, nil
}

// DeliveryToHolder returns a ticket of a booking for a mail to its holder. ErrNotFound;
// ErrMailNotDue if there is no such ticket, or it is not Valid, or its Issue is another.
func (s *Service) DeliveryToHolder(ctx context.Context, id, ticketID string, issue int) (Delivery, error) {
	b, err := s.confirmed(ctx, id)
	if err != nil {
		return Delivery{}, err
	}
	t, err := b.ticket(ticketID)
	switch {
	case errors.Is(err, ErrTicketNotFound), err == nil && (t.Status != TicketValid || t.Issue != issue):
		return Delivery{}, ErrMailNotDue
	case err != nil:
		return Delivery{}, err
	}
	return Delivery{Booking: b, Tickets: []Ticket{t}, LinkKey: s.LinkKeys.Holder(&b, t)}, nil
}

func (s *Service) confirmed(ctx context.Context, id string) (Booking, error) {
	b, err := s.Store.Get(ctx, id)
	if err == nil && b.Status != Confirmed {
		err = ErrMailNotDue
	}
	return b, err
}
