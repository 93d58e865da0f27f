package booking_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func TestWhatAMailCarries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	s.LinkKeys = linkKeys
	b := w.book(t, s, c, booking.Request{EventID: w.newEvent(price), Tickets: 3})
	first, second, third := booking.TicketID(b.ID, 1), booking.TicketID(b.ID, 2), booking.TicketID(b.ID, 3)

	whole, err := s.DeliveryToBuyer(t.Context(), b.ID, 0)
	if err != nil || len(whole.Tickets) != 3 || whole.LinkKey != linkKeys.Buyer(&whole.Booking) || whole.LinkKey == "" {
		t.Errorf("to the buyer: %+v, %v", whole, err)
	}
	if _, _, err := s.ChangeHolder(t.Context(), c, b.ID, second, grace); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CancelTickets(t.Context(), c, b.ID, booking.ToCancel{Tickets: []string{third}}, "k"); err != nil {
		t.Fatal(err)
	}
	one, err := s.DeliveryToHolder(t.Context(), b.ID, second, 2)
	if err != nil || len(one.Tickets) != 1 || one.Tickets[0].ID != second || one.Tickets[0].Holder != grace || one.LinkKey != linkKeys.Holder(&one.Booking, one.Tickets[0]) {
		t.Errorf("to the holder: %+v, %v", one, err)
	}
	for name, c := range map[string]struct {
		id, ticket string
		number     int
		want       error
	}{
		"the buyer's, after tickets changed": {b.ID, "", 0, nil},
		"another link version":               {b.ID, "", 1, booking.ErrMailNotDue},
		"a ticket that was not passed on":    {b.ID, first, 1, nil},
		"an issue that is replaced":          {b.ID, second, 1, booking.ErrMailNotDue},
		"an issue that is yet to come":       {b.ID, second, 3, booking.ErrMailNotDue},
		"a ticket that was given back":       {b.ID, third, 1, booking.ErrMailNotDue},
		"no ticket of the booking":           {b.ID, uuid.NewString(), 1, booking.ErrMailNotDue},
		"no booking":                         {uuid.NewString(), "", 0, booking.ErrNotFound},
		"a ticket of no booking":             {uuid.NewString(), first, 1, booking.ErrNotFound},
	} {
		if err := deliver(t, s, c.id, c.ticket, c.number); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	if err := s.EndLinks(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[int]error{0: booking.ErrMailNotDue, 1: nil} {
		if err := deliver(t, s, b.ID, "", version); !errors.Is(err, want) {
			t.Errorf("after the links ended, version %d: error %v, want %v", version, err, want)
		}
	}
	if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	for name, ticket := range map[string]string{"the booking": "", "a ticket": first} {
		if err := deliver(t, s, b.ID, ticket, 1); !errors.Is(err, booking.ErrMailNotDue) {
			t.Errorf("%s of what is cancelled: error %v, want ErrMailNotDue", name, err)
		}
	}
}

// deliver asks what the mail to a buyer carries, or with a ticket that to its holder.
func deliver(t *testing.T, s *booking.Service, id, ticket string, number int) error {
	t.Helper()
	var err error
	if ticket == "" {
		_, err = s.DeliveryToBuyer(t.Context(), id, number)
	} else {
		_, err = s.DeliveryToHolder(t.Context(), id, ticket, number)
	}
	return err
}

func TestABookingThatIsNotPaidIsNotDelivered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: w.newEvent(price), Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, ticket := range []string{"", booking.TicketID(b.ID, 1)} {
		if err := deliver(t, s, b.ID, ticket, min(len(ticket), 1)); !errors.Is(err, booking.ErrMailNotDue) {
			t.Errorf("ticket %q: error %v, want ErrMailNotDue", ticket, err)
		}
	}
}
