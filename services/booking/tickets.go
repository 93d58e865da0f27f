package booking

import (
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// Ticket is one seat of a booking. No ticket is stored: the tickets follow from the
// booking's items, its cancellations and its holders.
type Ticket struct {
	ID string // see TicketID
	// Number is the ticket's place in its booking, from 1. It stays the ticket's,
	// whatever is given back or reserved anew.
	Number int
	Item   events.Item // whose Quantity is 1
	Status TicketStatus
	Holder Holder
	// Issue is 1, and grows with each holder after the payment: what was issued before
	// is not valid any more.
	Issue int
}

// Holder is the person that a ticket is for.
type Holder struct {
	Name  string
	Email string // "" for none
}

// TicketHolder is the holder that was said for the ticket with this number, and its issue.
type TicketHolder struct {
	Number int
	Holder
	Issue int
}

// TicketStatus says whether a ticket is valid.
type TicketStatus string

// A ticket is Held while its booking is Pending, and Valid while it is Confirmed. It is
// Cancelled from the moment that it begins to be given back, and when its booking fails.
const (
	TicketHeld      TicketStatus = "HELD"
	TicketValid     TicketStatus = "VALID"
	TicketCancelled TicketStatus = "CANCELLED"
)

// TicketID is the id of a booking's ticket with this number: a UUIDv5. So it is the
// same before and after a crash, and in every process, and needs no row.
func TicketID(bookingID string, number int) string {
	// Errors are impossible for ids of bookings; every other text has the zero namespace.
	namespace, _ := uuid.Parse(bookingID)
	return uuid.NewSHA1(namespace, strconv.AppendInt(nil, int64(number), 10)).String()
}

// TicketCount returns how many tickets the booking is for.
func (b *Booking) TicketCount() int { return tickets(b.Items) }

// Tickets returns all tickets that the booking has ever had, by number.
func (b *Booking) Tickets() []Ticket {
	seats := b.seats()
	all := make([]Ticket, len(seats))
	for i, s := range seats {
		t := Ticket{
			ID: TicketID(b.ID, i+1), Number: i + 1, Item: *s.item, Status: TicketCancelled,
			Holder: Holder{Name: b.UserName, Email: b.UserEmail}, Issue: 1,
		}
		t.Item.Quantity = 1
		if n := slices.IndexFunc(b.Holders, func(h TicketHolder) bool { return h.Number == t.Number }); n >= 0 {
			t.Holder, t.Issue = b.Holders[n].Holder, b.Holders[n].Issue
		}
		switch {
		case s.by != nil:
		case b.Status == Pending:
			t.Status = TicketHeld
		case b.Status == Confirmed:
			t.Status = TicketValid
		}
		all[i] = t
	}
	return all
}

// seat is what a ticket is of, and the cancellation in part that has it, if any.
type seat struct {
	item *events.Item
	by   *Cancellation
}

// seats returns the booking's seats by number − 1. The tickets of a type have numbers in a
// row, and the types have the order in which they were booked.
func (b *Booking) seats() []seat {
	total := tickets(b.Items)
	for _, c := range b.Cancellations {
		if !c.All { // else its tickets stay on the booking
			total += tickets(c.Items)
		}
	}
	seats := make([]seat, total)
	var unnumbered []*Cancellation
	for i := range b.Cancellations {
		if c := &b.Cancellations[i]; !c.All && !c.take(seats) {
			unnumbered = append(unnumbered, c)
		}
	}
	rest := b.unnumbered(unnumbered)
	for i := range seats {
		if seats[i].item == nil {
			seats[i], rest = rest[0], rest[1:]
		}
	}
	return seats
}

// take fills the seats that c has numbered, or reports that it has not.
func (c *Cancellation) take(seats []seat) bool {
	if len(c.Tickets) == 0 || len(c.Tickets) != tickets(c.Items) {
		return false
	}
	for i, n := range c.Tickets {
		if n < 1 || n > len(seats) || seats[n-1].item != nil || slices.Contains(c.Tickets[:i], n) {
			return false
		}
	}
	i := 0
	for j := range c.Items {
		for range c.Items[j].Quantity {
			seats[c.Tickets[i]-1] = seat{&c.Items[j], c}
			i++
		}
	}
	return true
}

// unnumbered returns, in their order, the seats that no cancellation has numbered: those that
// the booking still has, and those of cancellations that were made by an earlier release. These had the
// highest numbers of their types, and are of the last types where none of the type is left.
func (b *Booking) unnumbered(old []*Cancellation) (rest []seat) {
	seen := map[string]bool{}
	add := func(it *events.Item, by *Cancellation) {
		for range it.Quantity {
			rest = append(rest, seat{it, by})
		}
	}
	returned := func(typeID string) {
		seen[typeID] = true
		for _, c := range slices.Backward(old) { // the first to go had the highest numbers
			for i := range c.Items {
				if c.Items[i].TicketTypeID == typeID {
					add(&c.Items[i], c)
				}
			}
		}
	}
	for i := range b.Items {
		add(&b.Items[i], nil)
		if len(old) > 0 {
			returned(b.Items[i].TicketTypeID)
		}
	}
	for _, c := range old {
		for _, it := range c.Items {
			if !seen[it.TicketTypeID] {
				returned(it.TicketTypeID)
			}
		}
	}
	return rest
}
