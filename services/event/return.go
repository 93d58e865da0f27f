package event

// What is left of a reservation when some of its tickets have come back: the
// rules that every adapter follows.

// Return checks that these items can be given back, when so many tickets have
// come back already: it is ErrReturnTooMany where they are more than the rest.
func (r *Reservation) Return(returned, items []Request) error {
	left := quantities(r.Rest(returned))
	for _, item := range items {
		if item.Quantity > left[item.TicketTypeID] {
			return ErrReturnTooMany
		}
	}
	return nil
}

// Rest is the reservation's tickets without those that have come back. A type
// of which none is left is not in it.
func (r *Reservation) Rest(returned []Request) []Request {
	back := quantities(returned)
	var rest []Request
	for _, t := range r.tickets() {
		if t.Quantity -= back[t.TicketTypeID]; t.Quantity > 0 {
			rest = append(rest, t)
		}
	}
	return rest
}

func (r *Reservation) tickets() []Request {
	tickets := make([]Request, len(r.Items))
	for i, item := range r.Items {
		tickets[i] = Request{TicketTypeID: item.TicketTypeID, Quantity: item.Quantity}
	}
	return tickets
}

// SameTickets reports whether two lists, which name each ticket type once, are
// of the same tickets, in any order.
func SameTickets(a, b []Request) bool {
	if len(a) != len(b) {
		return false
	}
	quantity := quantities(b)
	for _, r := range a {
		if quantity[r.TicketTypeID] != r.Quantity {
			return false
		}
	}
	return true
}

func quantities(of []Request) map[string]int {
	n := make(map[string]int, len(of))
	for _, r := range of {
		n[r.TicketTypeID] += r.Quantity
	}
	return n
}
