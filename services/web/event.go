package web

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// EventQuery is a search in the list of events. The zero value lists all that are
// still to come.
type EventQuery struct {
	// Text are words that title, venue, city, category or description contain.
	Text string
	// Category and City are exact, but for case and accents.
	Category, City string
	// Month is "2026-12", a month of the event's own calendar, or empty.
	Month string
	// PriceMax is the most that the cheapest ticket may cost, nil for any price.
	PriceMax *money.Amount
	// From is the earliest end, the present by default.
	From time.Time
	// Cursor is EventPage.Next of the page before, or empty.
	Cursor string
	// Limit is how many events a page has at most, 1 to 100.
	Limit int
}

// EventPage is one page of a list of events.
type EventPage struct {
	Events []Event
	// Next is the cursor of the next page, or empty.
	Next string
}

// EventStatus says whether an event takes place.
type EventStatus string

// The states of an event that visitors may see.
const (
	Published EventStatus = "PUBLISHED"
	Cancelled EventStatus = "CANCELLED"
)

// Event is an event as its page shows it.
type Event struct {
	ID, Title, Summary, Description string
	// Language is a BCP 47 tag, or empty.
	Language string
	Category string
	Status   EventStatus
	// Zone is the event's own time zone, and never nil. All times are in it.
	Zone               *time.Location
	StartsAt, EndsAt   time.Time
	DoorsAt            time.Time // zero: with the start
	Venue              Venue
	OrganizerID        string
	TicketTypes        []TicketType
	MaxPerBooking      int
	Transfers          bool // whether tickets may be passed on
	CancellationPolicy CancellationPolicy
	// Image is nil if the event has none.
	Image *Image
	// UpdatedAt is when an organizer edited the event last.
	UpdatedAt time.Time
}

// Venue is where an event takes place. All but the name may be empty.
type Venue struct {
	Name, Address, City string
	// Country is an ISO 3166 code of two letters.
	Country string
}

// Image is the picture of an event.
type Image struct {
	// Tag changes with the picture. URLs carry it, so that they never change their
	// content.
	Tag string
	// Widths are the widths in which it can be had, in pixels, ascending.
	Widths []int
	// Width and Height are those of the largest.
	Width, Height int
}

// SaleState says whether tickets of a type can be booked now.
type SaleState string

// The states of a ticket type.
const (
	OnSale   SaleState = "ON_SALE"
	NotYet   SaleState = "NOT_YET"
	Closed   SaleState = "CLOSED"
	SoldOut  SaleState = "SOLD_OUT"
	NoneSold SaleState = "" // the event is cancelled
)

// TicketType is a kind of ticket that an event sells.
type TicketType struct {
	ID, Name, Description string
	Price                 money.Amount
	Capacity, Available   int
	State                 SaleState
	// SalesFrom and SalesUntil are zero if nothing limits the sale but the event.
	SalesFrom, SalesUntil time.Time
}

// CancellationPolicy says what a buyer gets back for returned tickets.
type CancellationPolicy struct {
	// FreeHours is how many hours before the start tickets can be returned for the
	// full price. Afterwards FeeBasisPoints of the price are kept.
	FreeHours      int
	FeeBasisPoints int
}
