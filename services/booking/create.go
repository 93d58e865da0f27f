package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// Request asks for a booking: of Items, or of Tickets of the event's first
// ticket type.
type Request struct {
	EventID      string
	Tickets      int
	Items        []Wanted
	UserID       string // "" or the caller's
	Address      string // a keyed hash of the client's; "" where it is not known
	PaymentToken string // "" for the provider's default
	// Checkout asks to hold the tickets only. The customer pays later: see Pay.
	Checkout bool
	// ExpectedTotal is the total that the customer has seen; nil for any.
	ExpectedTotal  *money.Amount
	IdempotencyKey string // "" for none
}

// Wanted is a number of tickets of one type.
type Wanted struct {
	TicketTypeID string
	Quantity     int
}

// Create books: it holds the tickets, takes the money and confirms. The booking
// it returns is Confirmed, or Pending where the outcome of the payment is not
// known yet, or where it is a Checkout. With an error, the booking returned is the one refused, if there
// is one: ErrPaymentDeclined, ErrAmountNotPayable, ErrPriceChanged, ErrSoldOut, ErrNotOnSaleYet, ErrSalesClosed,
// ErrEventNotFound, ErrTicketTypeNotFound, ErrTooManyForBooking, ErrUnavailable. Nothing is booked when
// the limits of the caller's account or address do not allow it: ErrTooManyTickets,
// ErrTooManyCheckouts, *PausedError; nor after a restore until OpenSales allows it: ErrSalesPaused. A
// request whose IdempotencyKey the caller has used answers what became of the first
// one, or ErrKeyReused or ErrInProgress.
//
// It goes on when ctx is cancelled: a customer who hangs up has booked.
func (s *Service) Create(ctx context.Context, caller identity.Caller, r Request) (Booking, error) {
	ctx = context.WithoutCancel(ctx)
	start := s.now()
	work, cancel := context.WithTimeout(ctx, s.PaymentTimeout)
	defer cancel()
	if err := r.validate(); err != nil {
		return Booking{}, err
	}
	if r.UserID != "" && r.UserID != caller.UserID {
		return Booking{}, ErrForbidden
	}
	key := Key{Value: r.IdempotencyKey, Fingerprint: r.fingerprint()}
	// The key is looked for when the booking is stored, and not before. A request
	// that is refused first may have been made before, and done.
	refused := func(err error) (Booking, error) {
		if b, earlier := s.earlier(ctx, caller.UserID, key); !errors.Is(earlier, ErrNotFound) {
			return b, earlier
		}
		return Booking{}, err
	}
	if s.paused.Load() {
		return refused(ErrSalesPaused)
	}

	// Refuse what cannot be had before anything is written.
	catalog, cancel := context.WithTimeout(work, s.CatalogTimeout)
	defer cancel()
	items, err := s.choose(catalog, r)
	if err != nil {
		return refused(err)
	}

	b := Booking{
		ID: newID(), UserID: caller.UserID, UserEmail: caller.Email, UserName: caller.Name, Guest: caller.Role == identity.Guest,
		EventID: r.EventID, Address: r.Address, Items: items, Status: Pending, Attempt: 1, Version: 1,
		Payment:   Payment{Provider: s.Payments.Provider(), Status: PaymentOpen},
		CreatedAt: start, UpdatedAt: start, Lease: s.newLease(),
	}
	if r.Checkout {
		b.Checkout = &Checkout{ExpiresAt: start.Add(s.CheckoutTTL)}
	}
	b.note(start, caller.UserID, "created", "")
	switch err := s.store(ctx, catalog, b, key); {
	case errors.Is(err, ErrKeyTaken):
		return refused(ErrInProgress) // unless it is there, it has just failed, and freed the key
	case errors.Is(err, ErrTooManyAtOnce):
		return refused(err)
	case err != nil:
		return Booking{}, err
	}

	g := s.sagaOf(ctx, b, caller.UserID)
	g.holds, g.charges, g.token, g.expected = true, !r.Checkout, r.PaymentToken, r.ExpectedTotal
	s.step(ctx, catalog, &g) // it reserves
	s.drive(ctx, work, &g)
	return s.outcome(ctx, &g)
}

// outcome is the answer of Create. The customer is told only of what is stored:
// recovery keeps silent about a booking that nobody knows of.
func (s *Service) outcome(ctx context.Context, g *saga) (Booking, error) {
	b, known := s.known(ctx, g)
	if known && b.Status == Pending && b.Payment.Status == PaymentCaptured {
		return b, nil
	}
	switch b, err := replay(b); {
	case !errors.Is(err, ErrInProgress):
		return b, err
	case g.err != nil:
		return Booking{}, g.err
	case !known:
		return Booking{}, g.unknown()
	default:
		return Booking{}, err
	}
}

// known is a booking at the end of its request, and reports whether it is, or will be,
// stored so.
func (s *Service) known(ctx context.Context, g *saga) (b Booking, known bool) {
	if g.notSaved == nil {
		return g.b, true
	}
	if b, err := s.Store.Get(ctx, g.b.ID); err == nil && b.Status != Pending {
		return b, true // another driver was faster, or the write has had its effect
	}
	// Recovery confirms what is paid or gives the money back, and says so.
	return g.b, g.b.Payment.Status == PaymentCaptured
}

// unknown is the answer to a request whose outcome could not be stored.
func (g *saga) unknown() error {
	if errors.Is(g.notSaved, ErrLeaseLost) {
		return ErrInProgress
	}
	return g.notSaved
}

// store creates the booking in the turn of its account and of its address, for
// which it waits until wait ends.
func (s *Service) store(ctx, wait context.Context, b Booking, key Key) error {
	for _, of := range []struct {
		turns *turns
		key   string
	}{{&s.users, b.UserID}, {&s.addresses, b.Address}} {
		end, err := of.turns.begin(wait, of.key)
		if err != nil {
			return err
		}
		defer end()
	}
	return s.Store.Create(ctx, b, key, s.admit(&b))
}

// earlier answers what became of the request that used key before; ErrNotFound
// when none did.
func (s *Service) earlier(ctx context.Context, userID string, key Key) (Booking, error) {
	if key.Value == "" {
		return Booking{}, ErrNotFound
	}
	b, err := s.Store.ByKey(ctx, userID, key, s.now())
	switch {
	case err != nil:
		return Booking{}, err
	case b.UserID != userID: // an account has claimed it
		return Booking{}, ErrForbidden
	}
	return replay(b)
}

// choose returns the tickets that r asks for, as the event has them on sale, if
// the payment provider charges their total.
func (s *Service) choose(ctx context.Context, r Request) ([]events.Item, error) {
	a, err := s.Catalog.Availability(ctx, r.EventID)
	switch {
	case errors.Is(err, ErrOutcomeUnknown):
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	case err != nil:
		return nil, err
	case !slices.ContainsFunc(a.Types, func(t TicketType) bool { return t.Sale != Closed }):
		return nil, ErrSalesClosed
	}
	wanted := r.Items
	if r.Tickets > 0 {
		wanted = []Wanted{{TicketTypeID: a.Types[0].ID, Quantity: r.Tickets}}
	}
	items := make([]events.Item, len(wanted))
	var closed, early, gone bool
	for i, w := range wanted {
		n := slices.IndexFunc(a.Types, func(t TicketType) bool { return t.ID == w.TicketTypeID })
		if n < 0 {
			return nil, ErrTicketTypeNotFound
		}
		closed = closed || a.Types[n].Sale == Closed
		early = early || a.Types[n].Sale == NotYet
		gone = gone || a.Types[n].Available < w.Quantity
		items[i] = events.Item{TicketTypeID: w.TicketTypeID, Name: a.Types[n].Name, Quantity: w.Quantity, UnitPrice: a.Types[n].Price, Position: n + 1}
	}
	// The order is the event service's.
	switch {
	case closed:
		return nil, ErrSalesClosed
	case early:
		return nil, ErrNotOnSaleYet
	case a.MaxPerBooking > 0 && tickets(items) > a.MaxPerBooking:
		return nil, ErrTooManyForBooking
	case gone:
		return nil, ErrSoldOut
	}
	total, err := events.Total(items)
	if err != nil {
		return nil, err
	}
	if r.ExpectedTotal != nil && total != *r.ExpectedTotal {
		return nil, ErrPriceChanged
	}
	return items, payable(s.Payments, items)
}

// replay answers a repeated request with what became of the first.
func replay(b Booking) (Booking, error) {
	switch b.Status {
	case Failed:
		return b, refusal(b.Reason)
	case Pending:
		switch {
		case b.Reason == problem.PaymentDeclined, b.Reason == problem.AmountNotPayable, b.Reason == problem.PriceChanged,
			b.Reason == problem.CheckoutAbandoned, b.Reason == problem.EventCancelled:
			return b, refusal(b.Reason)
		case !b.Acknowledged:
			return Booking{}, ErrInProgress
		}
	case Confirmed, Cancelling, Cancelled:
	}
	return b, nil
}

// reasons are the refusals for which a booking fails.
var reasons = []*problem.Refusal{
	ErrSoldOut, ErrNotOnSaleYet, ErrSalesClosed, ErrEventNotFound, ErrTicketTypeNotFound, ErrTooManyForBooking,
	ErrPaymentDeclined, ErrAmountNotPayable, ErrPriceChanged, ErrPaymentAbandoned, ErrEventCancelled,
	ErrCheckoutExpired, ErrCheckoutAbandoned,
}

func refusal(reason problem.Code) error {
	for _, r := range reasons {
		if r.Code == reason {
			return r
		}
	}
	return ErrReservationFailed
}

// reasonOf is the code of the one of reasons that err is; "" if it is none.
func reasonOf(err error) problem.Code {
	for _, r := range reasons {
		if errors.Is(err, r) {
			return r.Code
		}
	}
	return ""
}

func (r *Request) validate() error {
	var v problem.Invalid
	bad := func(where, what string) { v = append(v, problem.InvalidField{Name: where, Message: what}) }
	if id, err := uuid.Parse(r.EventID); err != nil {
		bad("event_id", "must be a UUID")
	} else {
		r.EventID = id.String() // one spelling
	}
	if id, err := uuid.Parse(r.UserID); err == nil {
		r.UserID = id.String()
	}
	total := r.Tickets
	switch {
	case r.Tickets != 0 && len(r.Items) != 0:
		bad("items", "give either tickets or items, not both")
	case r.Tickets == 0 && len(r.Items) == 0:
		bad("tickets", "give the number of tickets, or items")
	case r.Tickets < 0:
		bad("tickets", "must be at least 1")
	}
	v = append(v, validItems(r.Items)...)
	for _, it := range r.Items {
		if it.Quantity > 0 && it.Quantity <= MaxTickets { // else it was named already
			total += it.Quantity
		}
	}
	if total > MaxTickets {
		bad("", fmt.Sprintf("a booking holds at most %d tickets", MaxTickets))
	}
	v = append(v, validKey(r.IdempotencyKey)...)
	v = append(v, validToken(r.PaymentToken)...)
	if r.Checkout && r.PaymentToken != "" {
		bad("payment.token", "is not taken with checkout: pay later")
	}
	if v != nil {
		return v
	}
	return nil
}

// validItems says what is wrong with the items of a body, whose ids it brings
// into their one spelling.
func validItems(items []Wanted) (v problem.Invalid) {
	bad := func(where, what string) { v = append(v, problem.InvalidField{Name: where, Message: what}) }
	seen := map[string]bool{}
	for i, it := range items {
		where := fmt.Sprintf("items[%d]", i)
		if id, err := uuid.Parse(it.TicketTypeID); err != nil {
			bad(where+".ticket_type_id", "must be a UUID")
		} else {
			items[i].TicketTypeID = id.String()
		}
		if seen[items[i].TicketTypeID] {
			bad(where+".ticket_type_id", "stands twice")
		}
		seen[items[i].TicketTypeID] = true
		if it.Quantity < 1 || it.Quantity > MaxTickets {
			bad(where+".quantity", fmt.Sprintf("must be from 1 to %d", MaxTickets))
		}
	}
	return v
}

func validToken(token string) problem.Invalid {
	if len(token) > 255 {
		return problem.Invalid{{Name: "payment.token", Message: "must be at most 255 characters"}}
	}
	return nil
}

// validKey says what is wrong with an idempotency key, or the lack of one.
func validKey(key string) problem.Invalid {
	if len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c < '!' || c > '~' }) {
		return problem.Invalid{{Name: "idempotency_key", Message: "must be 1 to 255 visible ASCII characters"}}
	}
	return nil
}

// fingerprint is the same for requests that ask for the same.
func (r *Request) fingerprint() string {
	items := slices.Clone(r.Items)
	slices.SortFunc(items, func(a, b Wanted) int { return strings.Compare(a.TicketTypeID, b.TicketTypeID) })
	return fingerprint(struct {
		Event   string
		Tickets int
		Items   []Wanted
		Payment string
		Total   *money.Amount `json:",omitempty"`
		Later   bool          `json:",omitempty"`
	}{r.EventID, r.Tickets, items, r.PaymentToken, r.ExpectedTotal, r.Checkout})
}
