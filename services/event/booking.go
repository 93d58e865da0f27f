package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// MaxTickets is how many tickets one booking may have, and MaxAttempt how
// often it may try.
const (
	MaxTickets = 20
	MaxAttempt = 1000
)

// BookRequest asks for tickets on behalf of a booking: Tickets of the event's
// first ticket type, or Items, not both.
type BookRequest struct {
	Key
	Tickets int
	Items   []Request
}

// Book reserves the tickets; see [Inventory].Reserve. A request that can never
// be had is problem.Invalid.
func (s *Service) Book(ctx context.Context, r BookRequest) (*Reservation, error) {
	k, err := r.Key.canonical()
	if err != nil {
		return nil, err
	}
	r.Items = canonicalItems(r.Items)
	if err := r.validate(); err != nil {
		return nil, err
	}
	want := r.Items
	if r.Tickets > 0 {
		if want, err = s.ofFirstType(ctx, k, r.Tickets); err != nil {
			return nil, err
		}
	}
	return s.inventory.Reserve(ctx, k, want, s.Now())
}

// ofFirstType is n tickets of the event's first ticket type. A repeat means
// the type that was first when it was reserved.
func (s *Service) ofFirstType(ctx context.Context, k Key, n int) ([]Request, error) {
	r, err := s.inventory.Reservation(ctx, k)
	if err == nil && len(r.Items) == 1 {
		return []Request{{TicketTypeID: r.Items[0].TicketTypeID, Quantity: n}}, nil
	}
	if err != nil && !errors.Is(err, ErrReservationNotFound) {
		return nil, err
	}
	e, err := s.store.Get(ctx, k.EventID)
	if err != nil {
		return nil, err
	}
	return []Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: n}}, nil
}

// Release gives back what the booking has up to the attempt; see
// [Inventory].Release.
func (s *Service) Release(ctx context.Context, k Key) error {
	k, err := k.canonical()
	if err != nil {
		return err
	}
	return s.inventory.Release(ctx, k)
}

// Return gives some tickets of the attempt back for sale; see
// [Inventory].Return. What no booking can have is problem.Invalid.
func (s *Service) Return(ctx context.Context, k Key, returnID string, items []Request) error {
	k, err := k.canonical()
	if err != nil {
		return err
	}
	items = canonicalItems(items)
	if returnID, err = canonicalReturn(returnID, items); err != nil {
		return err
	}
	return s.inventory.Return(ctx, k, returnID, items)
}

// canonicalItems returns the items with their ids in the one form. An id that is
// none stays, and is not found.
func canonicalItems(items []Request) []Request {
	out := slices.Clone(items)
	for i := range out {
		if id, ok := canonical(out[i].TicketTypeID); ok {
			out[i].TicketTypeID = id
		}
	}
	return out
}

// canonicalReturn returns the id in its one form, or problem.Invalid.
func canonicalReturn(returnID string, items []Request) (string, error) {
	var v validation
	id, ok := canonical(returnID)
	v.check(ok, "return_id", "must be a UUID")
	v.check(len(items) > 0, "items", "must not be empty")
	v.items(items)
	if len(v) > 0 {
		return "", problem.Invalid(v)
	}
	return id, nil
}

// HandleBooking has the effect of a booking.* message, exactly once for each
// message id: a confirmation turns the hold into a sale; a cancellation or a
// failure gives the tickets back, and a cancellation in part gives back what it
// says, in case nobody has done so yet. Order does not matter: what is stale
// concerns attempts that are closed. A message of another type is
// ErrUnknownType. One that nobody can understand, or that gives back what the
// booking never had, is ErrBadMessage.
func (s *Service) HandleBooking(ctx context.Context, m events.Message) error {
	switch m.Type {
	case events.TypeBookingConfirmed, events.TypeBookingCancelled, events.TypeBookingFailed, events.TypeBookingItemsCancelled:
	default:
		return fmt.Errorf("%w: %q", ErrUnknownType, m.Type)
	}
	var b events.Booking
	if err := json.Unmarshal(m.Data, &b); err != nil {
		// The decoder's text may quote what it read, which may be personal.
		return fmt.Errorf("%w: the data is no booking", ErrBadMessage)
	}
	k, err := Key{EventID: b.Event.ID, BookingID: b.BookingID, Attempt: b.Attempt}.canonical()
	if err != nil || m.ID == "" {
		return fmt.Errorf("%w: the ids or the attempt are none", ErrBadMessage)
	}
	switch m.Type {
	case events.TypeBookingConfirmed:
		return s.inventory.Sell(ctx, m.ID, k)
	case events.TypeBookingItemsCancelled:
		return s.itemsCancelled(ctx, m.ID, k, b.Cancellation)
	default:
		return s.inventory.GiveBack(ctx, m.ID, k)
	}
}

func (s *Service) itemsCancelled(ctx context.Context, messageID string, k Key, c *events.Cancellation) error {
	if c == nil {
		return fmt.Errorf("%w: there is no cancellation", ErrBadMessage)
	}
	items := make([]Request, len(c.Items))
	for i, item := range c.Items {
		items[i] = Request{TicketTypeID: item.TicketTypeID, Quantity: item.Quantity}
	}
	id, err := canonicalReturn(c.ID, items)
	if err != nil {
		return fmt.Errorf("%w: the cancellation is none", ErrBadMessage)
	}
	err = s.inventory.ReturnHeard(ctx, messageID, k, id, items)
	if errors.Is(err, ErrReturnTooMany) || errors.Is(err, ErrReservationMismatch) {
		return fmt.Errorf("%w: %w", ErrBadMessage, err) // so it will be at every delivery
	}
	return err
}

// canonical returns k with its ids in their one form. An event id that is
// none is ErrEventNotFound, the rest problem.Invalid.
func (k Key) canonical() (Key, error) {
	var v validation
	booking, ok := canonical(k.BookingID)
	v.check(ok, "booking_id", "must be a UUID")
	v.check(k.Attempt >= 1 && k.Attempt <= MaxAttempt, "attempt", fmt.Sprintf("must be 1 to %d", MaxAttempt))
	if len(v) > 0 {
		return Key{}, problem.Invalid(v)
	}
	id, ok := canonical(k.EventID)
	if !ok {
		return Key{}, ErrEventNotFound
	}
	return Key{EventID: id, BookingID: booking, Attempt: k.Attempt}, nil
}

func (r BookRequest) validate() error {
	var v validation
	v.check((r.Tickets != 0) != (len(r.Items) > 0), "body", "must have either tickets or items")
	v.check(r.Tickets >= 0 && r.Tickets <= MaxTickets, "tickets", fmt.Sprintf("must be 1 to %d", MaxTickets))
	v.items(r.Items)
	if len(v) > 0 {
		return problem.Invalid(v)
	}
	return nil
}

// items checks that a booking may have these.
func (v *validation) items(items []Request) {
	v.check(len(items) <= MaxTickets, "items", fmt.Sprintf("must be at most %d", MaxTickets))
	total, seen := 0, map[string]bool{}
	for i, item := range items[:min(len(items), MaxTickets)] {
		at := fmt.Sprintf("items[%d]", i)
		v.check(item.Quantity >= 1 && item.Quantity <= MaxTickets, at+".quantity", fmt.Sprintf("must be 1 to %d", MaxTickets))
		v.check(!seen[item.TicketTypeID], at+".ticket_type_id", "is listed twice")
		seen[item.TicketTypeID] = true
		total += min(max(item.Quantity, 0), MaxTickets)
	}
	v.check(total <= MaxTickets, "items", fmt.Sprintf("must be at most %d tickets together", MaxTickets))
}
