package booking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// Cancel ends a Checkout that is not paid, which is Failed then: ErrAlreadyPaid if it turns
// out to be paid, or was confirmed behind its customer's back a moment ago and would cost a
// fee now, and ErrPaymentInProgress while a payment is worked on. Of a Confirmed
// booking it gives all tickets back, and its money as the event's
// cancellation policy says, for its owner or an admin, until the doors open.
// The booking it returns is Cancelled, or Cancelling while the refund's outcome
// is not known yet. Cancelling again answers the current state. ErrNotFound,
// ErrForbidden, ErrNotCancellable; ErrInProgress while a cancellation in part
// is under way.
//
// It goes on when ctx is cancelled.
func (s *Service) Cancel(ctx context.Context, caller identity.Caller, id string) (Booking, error) {
	ctx = context.WithoutCancel(ctx)
	b, err := s.Get(ctx, caller, id)
	if err != nil || b.Status == Cancelling || b.Status == Cancelled || b.Status == Failed && b.Reason == problem.CheckoutAbandoned {
		return b, err
	}
	if b.Status == Pending && b.Checkout != nil && caller.Role != linkRole {
		return s.abandon(ctx, caller, id)
	}
	b, err = s.cancel(ctx, caller, id, b.EventID, ToCancel{}, Key{})
	if errors.Is(err, ErrNotCancellable) || errors.Is(err, ErrInProgress) {
		// Another request may have been first: then its result is ours.
		if b, err := s.Store.Get(ctx, id); err == nil && (b.Status == Cancelling || b.Status == Cancelled) {
			return b, nil
		}
	}
	return b, err
}

// ToCancel is the tickets to give back: so many of each type, of which those with the highest
// numbers go, or these, by their ids. The zero value is all that are left.
type ToCancel struct {
	Items   []Wanted
	Tickets []string
}

// CancelTickets gives some of a booking's tickets back, and their money as the
// event's cancellation policy says, for its owner or an admin, until the doors
// open. The booking it returns has the rest, and the cancellation as its last;
// where nothing is left it is as Cancel leaves it. A request whose key, which
// must be there, the caller has used answers what became of the first one, or
// ErrKeyReused. ErrNotFound, ErrForbidden, ErrNotCancellable,
// ErrTicketsNotBooked, ErrTicketCancelled; ErrInProgress while another cancellation is under way.
//
// It goes on when ctx is cancelled.
func (s *Service) CancelTickets(ctx context.Context, caller identity.Caller, id string, want ToCancel, key string) (Booking, Cancellation, error) {
	ctx = context.WithoutCancel(ctx)
	want.Tickets = slices.Clone(want.Tickets) // the caller's stay as they are
	if err := want.validate(key); err != nil {
		return Booking{}, Cancellation{}, err
	}
	b, err := s.Get(ctx, caller, id)
	if err != nil {
		return Booking{}, Cancellation{}, err
	}
	k := Key{Value: key, Fingerprint: want.fingerprint(id)}
	earlier := func(fallback error) (Booking, Cancellation, error) {
		b, err := s.Store.ByKey(ctx, caller.UserID, k, s.now())
		if err != nil {
			if errors.Is(err, ErrNotFound) {
				err = fallback
			}
			return Booking{}, Cancellation{}, err
		}
		n := slices.IndexFunc(b.Cancellations, func(c Cancellation) bool { return c.Key == k.hash(caller.UserID) })
		if n < 0 {
			return Booking{}, Cancellation{}, ErrKeyReused
		}
		return b, b.Cancellations[n], nil
	}
	if b, c, err := earlier(errNoneYet); !errors.Is(err, errNoneYet) {
		return b, c, err
	}
	b, err = s.cancel(ctx, caller, id, b.EventID, want, k)
	if err != nil {
		// The first request with this key may have come this far meanwhile.
		return earlier(err)
	}
	return b, b.Cancellations[len(b.Cancellations)-1], nil
}

var errNoneYet = errors.New("no request has used this key")

// cancel begins a cancellation and takes it as far as it goes now.
func (s *Service) cancel(ctx context.Context, caller identity.Caller, id, eventID string, want ToCancel, key Key) (Booking, error) {
	off, err := s.CancelledEvents.CancelledEvent(ctx, eventID)
	gone := err == nil // with the event: then nothing is kept
	if !gone && !errors.Is(err, ErrEventNotFound) {
		return Booking{}, err
	}
	lease := s.newLease()
	b, err := s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		switch {
		case b.Status != Confirmed || !now.Before(b.Event.Doors()):
			return ErrNotCancellable
		case b.Open() != nil:
			return ErrInProgress
		}
		unheard := b.confirmedUnheard(now)
		b.Lease, b.UpdatedAt = lease, now
		if key.Value != "" {
			b.Effects.Key, b.Effects.KeyUser = key, caller.UserID
		}
		if err := b.giveBack(want, Cancellation{ID: newID(), At: now, By: actor(caller), Key: key.hash(caller.UserID)}, gone); err != nil {
			return err
		}
		if c := b.Open(); unheard && key.Value == "" && !c.Fee.IsZero() {
			return ErrAlreadyPaid
		}
		if gone && b.Status == Cancelling {
			b.Reason = problem.EventCancelled
			b.returnFees(off.OccurredAt, now, actor(caller))
		}
		return b.tell(events.TypeBookingTicketsChanged, nil, "", s.TraceParent(ctx))
	})
	switch {
	case errors.Is(err, ErrLeaseLost), errors.Is(err, ErrKeyTaken):
		return Booking{}, ErrInProgress
	case err != nil:
		return Booking{}, err
	}
	s.Committed()
	work, cancel := context.WithTimeout(ctx, s.PaymentTimeout)
	defer cancel()
	g := s.sagaOf(ctx, b, actor(caller))
	s.drive(ctx, work, &g)
	return g.b, nil
}

// unheardFor is how long after recovery has confirmed a checkout its customer may still
// take it for unpaid.
const unheardFor = 5 * time.Second

// confirmedUnheard reports whether b is a checkout that no request of its customer has
// confirmed, a moment ago. Whoever cancels it then means the checkout, which costs nothing.
func (b *Booking) confirmedUnheard(now time.Time) bool {
	if b.Checkout == nil || !b.endsWith("confirmed") {
		return false
	}
	last := b.Timeline[len(b.Timeline)-1]
	return last.By == recovery && now.Sub(last.At).Abs() < unheardFor // the clock may have been set back
}

// giveBack begins the cancellation c of the tickets wanted: they are no longer the
// booking's, and the refund is decided. ErrTicketsNotBooked where the booking has not got
// them, and ErrTicketCancelled where it has given one of them back.
func (b *Booking) giveBack(want ToCancel, c Cancellation, free bool) error {
	var err error
	if c.Tickets, err = b.pick(want); err != nil {
		return err
	}
	var rest []events.Item
	c.Items, rest = b.split(c.Tickets)
	if c.Price, err = events.Total(c.Items); err != nil {
		return err
	}
	if c.Fee, err = fee(b.Event, c.Price, c.At); err != nil {
		return err
	}
	if free {
		c.Fee.AmountMinor = 0
	}
	back, err := c.Price.Minus(c.Fee)
	if err != nil {
		return err
	}
	if !back.IsZero() {
		c.RefundID = newID()
		b.Refunds = append(b.Refunds, Refund{ID: c.RefundID, Amount: back, Status: RefundPending, Decided: c.At})
	}
	b.numberCancelled()
	c.All = len(rest) == 0
	b.Cancellations = append(b.Cancellations, c)
	if c.All {
		b.Status = Cancelling // its tickets stay on it, as what it was for
	} else {
		left, err := b.Total.Minus(c.Price)
		if err != nil {
			return err
		}
		b.Items, b.Total = rest, left
	}
	b.Tries = 0
	b.note(c.At, c.By, "cancelling", fmt.Sprintf("%d tickets for %s, fee %s", tickets(c.Items), c.Price, c.Fee))
	return nil
}

// pick returns the numbers of the tickets wanted, in their order.
func (b *Booking) pick(want ToCancel) (numbers []int, err error) {
	all := b.Tickets()
	switch {
	case len(want.Tickets) > 0:
		for _, id := range want.Tickets {
			n := slices.IndexFunc(all, func(t Ticket) bool { return t.ID == id })
			switch {
			case n < 0:
				return nil, ErrTicketsNotBooked
			case all[n].Status != TicketValid:
				return nil, ErrTicketCancelled
			}
			numbers = append(numbers, all[n].Number)
		}
	case len(want.Items) > 0:
		for _, w := range want.Items {
			missing := w.Quantity
			for _, t := range slices.Backward(all) { // the highest numbers go first
				if missing > 0 && t.Status == TicketValid && t.Item.TicketTypeID == w.TicketTypeID {
					numbers = append(numbers, t.Number)
					missing--
				}
			}
			if missing > 0 {
				return nil, ErrTicketsNotBooked
			}
		}
	default:
		for _, t := range all {
			if t.Status == TicketValid {
				numbers = append(numbers, t.Number)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// split takes the tickets with these numbers out of the items.
func (b *Booking) split(numbers []int) (taken, rest []events.Item) {
	all := b.Tickets()
	rest = slices.Clone(b.Items)
	for _, n := range numbers {
		it := all[n-1].Item
		if last := len(taken) - 1; last >= 0 && taken[last].TicketTypeID == it.TicketTypeID {
			taken[last].Quantity++
		} else {
			taken = append(taken, it)
		}
		rest[slices.IndexFunc(rest, func(r events.Item) bool { return r.TicketTypeID == it.TicketTypeID })].Quantity--
	}
	return taken, slices.DeleteFunc(rest, func(it events.Item) bool { return it.Quantity == 0 })
}

// numberCancelled numbers the tickets of the cancellations that an earlier release has
// made: what follows would change their numbers.
func (b *Booking) numberCancelled() {
	seats := b.seats()
	for i := range b.Cancellations {
		c := &b.Cancellations[i]
		c.Tickets = nil
		for j := range c.Items {
			for n, s := range seats {
				if s.item == &c.Items[j] {
					c.Tickets = append(c.Tickets, n+1)
				}
			}
		}
	}
}

// returnFees decides to give back the fees that were kept from the time off on,
// when the organizer had cancelled the event.
func (b *Booking) returnFees(off, now time.Time, by string) {
	for i := range b.Cancellations {
		c := &b.Cancellations[i]
		if c.Fee.IsZero() || c.At.Before(off) {
			continue
		}
		c.FeeRefundID = newID()
		b.Refunds = append(b.Refunds, Refund{ID: c.FeeRefundID, Amount: c.Fee, Status: RefundPending, Decided: now})
		b.note(now, by, "fee_waived", c.Fee.String()+": the event had been cancelled")
		c.Fee.AmountMinor = 0
	}
}

// untoldFees are the cancellations whose fee is given back, and of which the
// customer was not told.
func (b *Booking) untoldFees() (some []Cancellation) {
	for _, c := range b.Cancellations {
		if c.FeeRefundID != "" && !c.FeeTold {
			some = append(some, c)
		}
	}
	return some
}

// tellFees returns untoldFees, and notes that they are told.
func (b *Booking) tellFees() []Cancellation {
	some := b.untoldFees()
	for i := range b.Cancellations {
		b.Cancellations[i].FeeTold = b.Cancellations[i].FeeRefundID != ""
	}
	return some
}

// told is what a message says of these cancellations together: those before the
// last were told before, with their fees. The last names them.
func told(b *Booking, some ...Cancellation) *events.Cancellation {
	last := some[len(some)-1]
	out := events.Cancellation{
		ID: last.ID, Price: money.Amount{Currency: b.Total.Currency}, Fee: last.Fee, Refund: money.Amount{Currency: b.Total.Currency},
	}
	before := money.Amount{Currency: b.Total.Currency}
	for _, c := range some {
		out.Items = append(out.Items, c.Items...)
		out.Price.AmountMinor += c.Price.AmountMinor // together no more than was captured
		id := c.RefundID
		if c.FeeRefundID != "" {
			id = c.FeeRefundID
			if r := b.Refund(c.RefundID); r != nil {
				before.AmountMinor += r.Amount.AmountMinor
			}
		}
		if r := b.Refund(id); r != nil {
			out.Refund.AmountMinor += r.Amount.AmountMinor
			out.RefundDue = out.RefundDue || r.Status == RefundDue
		}
	}
	if !before.IsZero() {
		out.RefundedBefore = &before
	}
	return &out
}

func (c ToCancel) validate(key string) error {
	var v problem.Invalid
	switch {
	case len(c.Items) > 0 && len(c.Tickets) > 0:
		v = append(v, problem.InvalidField{Name: "tickets", Message: "give either items or tickets, not both"})
	case len(c.Items) == 0 && len(c.Tickets) == 0:
		v = append(v, problem.InvalidField{Name: "items", Message: "name the tickets to cancel"})
	}
	v = append(v, validItems(c.Items)...)
	v = append(v, validTickets(c.Tickets)...)
	v = append(v, validRequired(key)...)
	if v != nil {
		return v
	}
	return nil
}

// validTickets says what is wrong with the ids of tickets, which it brings into their one
// spelling.
func validTickets(ids []string) (v problem.Invalid) {
	bad := func(where, what string) { v = append(v, problem.InvalidField{Name: where, Message: what}) }
	if len(ids) > MaxTickets {
		bad("tickets", fmt.Sprintf("must be at most %d", MaxTickets))
		return v
	}
	for i := range ids {
		where := fmt.Sprintf("tickets[%d]", i)
		if id, err := uuid.Parse(ids[i]); err != nil {
			bad(where, "must be a UUID")
		} else {
			ids[i] = id.String()
		}
		if slices.Contains(ids[:i], ids[i]) {
			bad(where, "is listed twice")
		}
	}
	return v
}

// fingerprint is the same for requests that give the same tickets of a booking back.
func (c ToCancel) fingerprint(bookingID string) string {
	items, ids := slices.Clone(c.Items), slices.Clone(c.Tickets)
	slices.SortFunc(items, func(a, b Wanted) int { return strings.Compare(a.TicketTypeID, b.TicketTypeID) })
	slices.Sort(ids)
	return fingerprint(struct {
		Cancel  string
		Items   []Wanted
		Tickets []string `json:",omitempty"`
	}{bookingID, items, ids})
}

// hash names the key of this user without telling it; "" for no key.
func (k Key) hash(userID string) string {
	if k.Value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(userID + "\n" + k.Value))
	return hex.EncodeToString(sum[:])
}

func fingerprint(request any) string {
	// Errors are impossible: strings and numbers.
	b, _ := json.Marshal(request)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
