package event

import (
	"cmp"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Status is where an event is in its life.
type Status string

// The states of an event.
const (
	Published Status = "PUBLISHED"
	Cancelled Status = "CANCELLED"
)

// Event is something that tickets are sold for.
type Event struct {
	ID          string
	OrganizerID string // the user who created it, and may edit it
	Title       string
	Summary     string // one line; "" for none
	Description string
	Language    string // BCP 47, of the texts; "" where it was not said
	Category    string
	Venue       events.Venue
	StartsAt    time.Time // UTC, microseconds
	EndsAt      time.Time
	DoorsAt     time.Time // when people are let in; zero for StartsAt
	TimeZone    string    // IANA name of the venue's time zone
	Status      Status
	TicketTypes []TicketType // in the organizer's order

	MaxPerBooking int  // 0 for MaxTickets; see BookingLimit
	NoTransfers   bool // tickets cannot be passed on

	// CancellationPolicy is what customers pay who cancel: what counts is the
	// one of the moment they booked.
	CancellationPolicy events.CancellationPolicy
	// CancelledAt and CancellationNote are when the organizer cancelled the
	// event, and what was said about it; zero while it takes place.
	CancelledAt      time.Time
	CancellationNote string

	// Image is set by Store.SetImage alone; nil where the event has none. Nobody changes it.
	Image *Image

	CreatedAt time.Time
	UpdatedAt time.Time

	// Version counts the edits, from 1. Inventory grows with every
	// reservation and release. A sale never changes Version, so that it never
	// disturbs an organizer's edit.
	Version   int64
	Inventory int64
}

// TicketType is one kind of ticket of an event.
type TicketType struct {
	ID          string
	Name        string
	Description string // one line; "" for none
	Price       money.Amount
	Capacity    int
	Available   int // Capacity − sold − held
	// SalesFrom and SalesUntil are when the type is sold, UTC, microseconds. Zero: from
	// the event's publication, and until it starts.
	SalesFrom  time.Time
	SalesUntil time.Time
}

// Sale is whether a ticket of a type can be had at some moment.
type Sale string

// The answers. What is closed is Closed even where it is sold out, too.
const (
	OnSale  Sale = "ON_SALE"
	NotYet  Sale = "NOT_YET"
	Closed  Sale = "CLOSED"
	SoldOut Sale = "SOLD_OUT"
)

// SalesEnd is when a type's sales end: some types are sold while the event is
// running.
func (e *Event) SalesEnd(t TicketType) time.Time {
	if t.SalesUntil.IsZero() {
		return e.StartsAt
	}
	return t.SalesUntil
}

// Sale is whether a ticket of the type can be had at now.
func (e *Event) Sale(t TicketType, now time.Time) Sale {
	switch {
	case e.Status != Published || !now.Before(e.SalesEnd(t)):
		return Closed
	case now.Before(t.SalesFrom):
		return NotYet
	case t.Available <= 0:
		return SoldOut
	}
	return OnSale
}

// SalesOpen reports whether a ticket of any type can be had at now.
func (e *Event) SalesOpen(now time.Time) bool {
	return slices.ContainsFunc(e.TicketTypes, func(t TicketType) bool { return e.Sale(t, now) == OnSale })
}

// SalesPhase counts the moments up to now at which the sale of a type has begun or
// ended: an event of the same versions and the same phase has the same Sales.
func (e *Event) SalesPhase(now time.Time) int {
	n := 0
	for _, t := range e.TicketTypes {
		if !t.SalesFrom.IsZero() && !now.Before(t.SalesFrom) {
			n++
		}
		if !now.Before(e.SalesEnd(t)) {
			n++
		}
	}
	return n
}

// Capacity is the number of tickets of all types.
func (e *Event) Capacity() int {
	n := 0
	for _, t := range e.TicketTypes {
		n += t.Capacity
	}
	return n
}

// Available is the number of tickets left of all types.
func (e *Event) Available() int {
	n := 0
	for _, t := range e.TicketTypes {
		n += t.Available
	}
	return n
}

// BookingLimit is how many tickets one booking may have.
func (e *Event) BookingLimit() int { return cmp.Or(e.MaxPerBooking, MaxTickets) }

// TicketType returns the ticket type with this id, or nil.
func (e *Event) TicketType(id string) *TicketType {
	for i := range e.TicketTypes {
		if e.TicketTypes[i].ID == id {
			return &e.TicketTypes[i]
		}
	}
	return nil
}

// Snapshot is the part of the event that a booking keeps.
func (e *Event) Snapshot() events.Event {
	return events.Event{
		ID: e.ID, OrganizerID: e.OrganizerID, Title: e.Title, StartsAt: e.StartsAt, EndsAt: e.EndsAt, DoorsAt: e.DoorsAt,
		TimeZone: e.TimeZone, Venue: e.Venue, CancellationPolicy: e.CancellationPolicy, NoTransfers: e.NoTransfers,
	}
}

// Key names one attempt of a booking to have tickets of an event.
type Key struct {
	EventID   string
	BookingID string
	Attempt   int // from 1
}

// Request asks for tickets of one type.
type Request struct {
	TicketTypeID string
	Quantity     int // from 1
}

// State is what has become of a reservation.
type State string

// The states of a reservation. Held and sold tickets are not available;
// released ones are again.
const (
	Held     State = "HELD"
	Sold     State = "SOLD"
	Released State = "RELEASED"
)

// Reservation is the tickets that one attempt of a booking has, with the event
// and the prices of the moment it got them.
type Reservation struct {
	Key
	State State
	Event events.Event
	Items []events.Item // in the order they were asked for
}

// Total is the price of the items; see events.Total.
func (r *Reservation) Total() (money.Amount, error) { return events.Total(r.Items) }

// IsFor reports whether the reservation has exactly these tickets, in any
// order.
func (r *Reservation) IsFor(want []Request) bool { return SameTickets(r.tickets(), want) }

// Reserve takes the wanted tickets out of e and returns their items, or an
// error and e unchanged: ErrTicketTypeNotFound, ErrSalesClosed, ErrNotOnSaleYet,
// ErrTooManyTickets or ErrSoldOut, the first of these that is one of any type wanted.
// Of an event that sells nothing any more it is ErrSalesClosed for every type.
// It is the rule that every adapter follows.
func (e *Event) Reserve(want []Request, now time.Time) ([]events.Item, error) {
	if !slices.ContainsFunc(e.TicketTypes, func(t TicketType) bool { return e.Sale(t, now) != Closed }) {
		return nil, ErrSalesClosed
	}
	items, total := make([]events.Item, len(want)), 0
	var closed, early bool
	for i, w := range want {
		n := slices.IndexFunc(e.TicketTypes, func(t TicketType) bool { return t.ID == w.TicketTypeID })
		if n < 0 {
			return nil, ErrTicketTypeNotFound
		}
		t := e.TicketTypes[n]
		switch e.Sale(t, now) {
		case Closed:
			closed = true
		case NotYet:
			early = true
		case OnSale, SoldOut:
		}
		items[i] = events.Item{TicketTypeID: t.ID, Name: t.Name, Quantity: w.Quantity, UnitPrice: t.Price, Position: n + 1}
		total += w.Quantity
	}
	switch {
	case closed:
		return nil, ErrSalesClosed
	case early:
		return nil, ErrNotOnSaleYet
	case total > e.BookingLimit():
		return nil, ErrTooManyTickets
	}
	for _, w := range want {
		if e.TicketType(w.TicketTypeID).Available < w.Quantity {
			return nil, ErrSoldOut
		}
	}
	for _, w := range want {
		e.TicketType(w.TicketTypeID).Available -= w.Quantity
	}
	return items, nil
}
