package bookingtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// MemoryCatalog is a booking.Catalog and its booking.Holdings in memory, for
// tests of the use cases.
type MemoryCatalog struct {
	mu     sync.Mutex
	events map[string]*memoryEvent
}

type memoryEvent struct {
	snapshot events.Event
	sale     booking.Sale // of all types
	most     int          // tickets that a booking may have
	types    []booking.TicketType
	held     map[attempt]booking.Reserved
	released map[string]int // booking → the highest attempt closed
	returned map[attempt]map[string][]events.Item
}

type attempt struct {
	bookingID string
	number    int
}

var (
	_ booking.Catalog  = (*MemoryCatalog)(nil)
	_ booking.Holdings = (*MemoryCatalog)(nil)
)

// StartsAt is when the events of a MemoryCatalog start.
var StartsAt = time.Date(2031, 6, 21, 18, 0, 0, 0, time.UTC)

// NewMemoryCatalog returns a catalog without events.
func NewMemoryCatalog() *MemoryCatalog {
	return &MemoryCatalog{events: map[string]*memoryEvent{}}
}

// NewEvent publishes an event with Available tickets of each type.
func (c *MemoryCatalog) NewEvent(types ...booking.TicketType) (eventID string, typeIDs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &memoryEvent{
		snapshot: events.Event{
			ID: newID(), OrganizerID: newID(), Title: "Sommernacht", StartsAt: StartsAt, TimeZone: "Europe/Berlin",
			Venue: events.Venue{Name: "Waldbühne", Address: "Am Glockenturm", City: "Berlin", Country: "DE"},
		},
		sale: booking.OnSale, most: booking.MaxTickets, held: map[attempt]booking.Reserved{}, released: map[string]int{},
		returned: map[attempt]map[string][]events.Item{},
	}
	for _, kind := range types {
		kind.ID = newID()
		e.types = append(e.types, kind)
		typeIDs = append(typeIDs, kind.ID)
	}
	c.events[e.snapshot.ID] = e
	return e.snapshot.ID, typeIDs
}

// CloseSales ends the sale of an event's tickets.
func (c *MemoryCatalog) CloseSales(eventID string) {
	c.setSale(eventID, booking.Closed)
}

// PutOffSales has the sale of an event's tickets begin later.
func (c *MemoryCatalog) PutOffSales(eventID string) {
	c.setSale(eventID, booking.NotYet)
}

func (c *MemoryCatalog) setSale(eventID string, sale booking.Sale) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[eventID].sale = sale
}

// LimitBookings lets no new booking of the event have more than n tickets.
func (c *MemoryCatalog) LimitBookings(eventID string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[eventID].most = n
}

// Reprice changes the price of every type of ticket for those who have none
// yet.
func (c *MemoryCatalog) Reprice(eventID string, price money.Amount) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.events[eventID].types {
		c.events[eventID].types[i].Price = price
	}
}

func (c *MemoryCatalog) find(ctx context.Context, eventID string) (*memoryEvent, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, ctx.Err())
	}
	if e, ok := c.events[eventID]; ok {
		return e, nil
	}
	return nil, booking.ErrEventNotFound
}

// Availability implements booking.Catalog.
func (c *MemoryCatalog) Availability(ctx context.Context, eventID string) (booking.Availability, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.find(ctx, eventID)
	if err != nil {
		return booking.Availability{}, err
	}
	types := append([]booking.TicketType{}, e.types...)
	for i := range types {
		types[i].Sale = e.sale
	}
	return booking.Availability{EventID: eventID, MaxPerBooking: e.most, Types: types}, nil
}

// Reserve implements booking.Catalog.
func (c *MemoryCatalog) Reserve(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.find(ctx, r.EventID)
	if err != nil {
		return booking.Reserved{}, err
	}
	key := attempt{r.BookingID, r.Attempt}
	if held, ok := e.held[key]; ok {
		return held, nil
	}
	if r.Attempt <= e.released[r.BookingID] {
		return booking.Reserved{}, booking.ErrReservationReleased
	}
	switch e.sale {
	case booking.Closed:
		return booking.Reserved{}, booking.ErrSalesClosed
	case booking.NotYet:
		return booking.Reserved{}, booking.ErrNotOnSaleYet
	case booking.OnSale:
	}
	after := append([]booking.TicketType{}, e.types...)
	held := booking.Reserved{Event: e.snapshot, Total: money.Amount{Currency: e.types[0].Price.Currency}}
	wanted := 0
	for _, it := range r.Items {
		n := slices.IndexFunc(after, func(t booking.TicketType) bool { return t.ID == it.TicketTypeID })
		if n < 0 {
			return booking.Reserved{}, booking.ErrTicketTypeNotFound
		}
		kind := &after[n]
		kind.Available -= it.Quantity
		wanted += it.Quantity
		held.Items = append(held.Items, events.Item{TicketTypeID: kind.ID, Name: kind.Name, Quantity: it.Quantity, UnitPrice: kind.Price, Position: n + 1})
		held.Total.AmountMinor += kind.Price.AmountMinor * int64(it.Quantity)
	}
	if wanted > e.most {
		return booking.Reserved{}, booking.ErrTooManyForBooking
	}
	for _, kind := range after {
		if kind.Available < 0 {
			return booking.Reserved{}, booking.ErrSoldOut
		}
	}
	e.types, e.held[key] = after, held
	return held, nil
}

func find(types []booking.TicketType, id string) *booking.TicketType {
	for i := range types {
		if types[i].ID == id {
			return &types[i]
		}
	}
	return nil
}

// Release implements booking.Catalog.
func (c *MemoryCatalog) Release(ctx context.Context, eventID, bookingID string, number int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.find(ctx, eventID)
	if err != nil {
		return err
	}
	e.released[bookingID] = max(e.released[bookingID], number)
	for key, held := range e.held {
		if key.bookingID != bookingID || key.number > number {
			continue
		}
		for kind, n := range e.left(key, held) {
			find(e.types, kind).Available += n
		}
		delete(e.held, key)
	}
	return nil
}

// Holdings implements booking.Holdings.
func (c *MemoryCatalog) Holdings(ctx context.Context, after string, limit int) ([]booking.Holding, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, ctx.Err())
	}
	page := []booking.Holding{}
	for id, e := range c.events {
		for key, held := range e.held {
			h := booking.Holding{EventID: id, BookingID: key.bookingID, Attempt: key.number}
			for _, n := range e.left(key, held) {
				h.Tickets += n
			}
			if h.BookingID > after && h.Tickets > 0 {
				page = append(page, h)
			}
		}
	}
	slices.SortFunc(page, func(a, b booking.Holding) int {
		return cmp.Or(cmp.Compare(a.BookingID, b.BookingID), cmp.Compare(a.Attempt, b.Attempt))
	})
	for n := limit; n < len(page); n++ {
		if page[n].BookingID != page[n-1].BookingID {
			return page[:n], nil
		}
	}
	return page, nil
}

// Return implements booking.Catalog.
func (c *MemoryCatalog) Return(ctx context.Context, r booking.Return) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.find(ctx, r.EventID)
	if err != nil {
		return err
	}
	key := attempt{r.BookingID, r.Attempt}
	if earlier, ok := e.returned[key][r.CancellationID]; ok {
		if !maps.Equal(quantities(earlier), quantities(r.Items)) {
			return booking.ErrReturnRefused
		}
		return nil
	}
	held, ok := e.held[key]
	if !ok && r.Attempt <= e.released[r.BookingID] {
		return nil
	}
	left := e.left(key, held)
	for kind, n := range quantities(r.Items) {
		if n > left[kind] {
			return booking.ErrReturnRefused
		}
	}
	for kind, n := range quantities(r.Items) {
		find(e.types, kind).Available += n
	}
	if e.returned[key] == nil {
		e.returned[key] = map[string][]events.Item{}
	}
	e.returned[key][r.CancellationID] = slices.Clone(r.Items)
	return nil
}

// left is what an attempt has not given back, by type.
func (e *memoryEvent) left(key attempt, held booking.Reserved) map[string]int {
	left := quantities(held.Items)
	for _, items := range e.returned[key] {
		for kind, n := range quantities(items) {
			left[kind] -= n
		}
	}
	return left
}

func quantities(items []events.Item) map[string]int {
	n := map[string]int{}
	for _, it := range items {
		n[it.TicketTypeID] += it.Quantity
	}
	return n
}

func sum(n map[string]int) (all int) {
	for _, some := range n {
		all += some
	}
	return all
}

// Held returns how many tickets the booking's attempts hold.
func (c *MemoryCatalog) Held(eventID, bookingID string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	e := c.events[eventID]
	for key, held := range e.held {
		if key.bookingID == bookingID {
			n += sum(e.left(key, held))
		}
	}
	return n
}

// Charge lets cancelling tickets cost what the policy says, for those who have
// none yet.
func (c *MemoryCatalog) Charge(eventID string, policy events.CancellationPolicy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[eventID].snapshot.CancellationPolicy = policy
}

// Edit changes what bookings keep of an event.
func (c *MemoryCatalog) Edit(eventID string, edit func(*events.Event)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit(&c.events[eventID].snapshot)
}

// Hold lets an attempt have tickets of the event's first type that nobody asked
// for.
func (c *MemoryCatalog) Hold(eventID, bookingID string, number, tickets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.events[eventID]
	e.types[0].Available -= tickets
	delete(e.returned, attempt{bookingID, number})
	e.held[attempt{bookingID, number}] = booking.Reserved{
		Event: e.snapshot, Items: []events.Item{{TicketTypeID: e.types[0].ID, Name: e.types[0].Name, Quantity: tickets}},
	}
}
