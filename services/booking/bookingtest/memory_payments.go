package bookingtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// The tokens that a MemoryPayments knows. Any other is declined.
const (
	Good     = "good"
	Declined = "declined"
	TooSmall = "small"   // is not charged such amounts
	Acts     = "acts"    // the customer has to act first: see Act
	Timeout  = "timeout" // succeeds, but the answer never comes
)

// MemoryPayments is a booking.Payments in memory, for tests of the use cases:
// of the kind that is prepared, and may ask the customer to act. An attempt that
// arrives late it tries, as a provider does that knows nothing of their order.
type MemoryPayments struct {
	mu      sync.Mutex
	intents map[string]*intent // by reference
	of      map[string]string  // booking → reference
	refunds map[string]bool    // those made, by id

	// Refuse, where it is set, says whether the provider refuses a refund.
	Refuse func(r booking.RefundRequest) bool
	// Limit, where it is set, says what the provider charges: by default, every
	// currency.
	Limit func(currency string) (booking.ChargeLimits, error)
	// Now is the provider's clock.
	Now func() time.Time
}

type intent struct {
	booking.Charge
	state              string         // "", captured, closed
	attempts           map[int]string // acts, declined
	latest             int            // the attempt that was tried last, or captured; 0 for none
	captured, refunded int64
	moves              int
	at                 time.Time
}

var _ booking.Payments = (*MemoryPayments)(nil)

// NewMemoryPayments returns a provider that has charged nothing.
func NewMemoryPayments() *MemoryPayments {
	return &MemoryPayments{intents: map[string]*intent{}, of: map[string]string{}, refunds: map[string]bool{}, Now: time.Now}
}

// Reset forgets everything, and refuses nothing.
func (p *MemoryPayments) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.intents, p.of, p.refunds, p.Refuse = map[string]*intent{}, map[string]string{}, map[string]bool{}, nil
}

// Ledger returns what was taken and given back of a booking's money, in minor
// units, and how often money moved.
func (p *MemoryPayments) Ledger(bookingID string) (captured, refunded int64, moves int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.intents[p.of[bookingID]]
	if i == nil {
		return 0, 0, 0
	}
	return i.captured, i.refunded, i.moves
}

// Act is the customer who does what the provider asked for last, or fails to. It
// reports whether that was still wanted.
func (p *MemoryPayments) Act(bookingID string, well bool) bool { return p.act(bookingID, 0, well) }

// ActOn is Act on what an attempt asked for.
func (p *MemoryPayments) ActOn(bookingID string, attempt int, well bool) bool {
	return p.act(bookingID, attempt, well)
}

func (p *MemoryPayments) act(bookingID string, attempt int, well bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.intents[p.of[bookingID]]
	switch {
	case i == nil || !i.waits(), attempt != 0 && attempt != i.latest:
		return false
	case well:
		i.capture()
	default:
		i.attempts[i.latest] = "declined"
	}
	return true
}

// ActElsewhere is the customer who takes what lets them into the payment to pay
// with another card, past us. It reports whether that was still possible.
func (p *MemoryPayments) ActElsewhere(bookingID string, well bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.intents[p.of[bookingID]]
	if i == nil || i.state != "" || i.latest == 0 {
		return false
	}
	if i.attempts[i.latest] = "declined"; well {
		i.capture()
	}
	return true
}

// waits reports whether the latest attempt waits for the customer.
func (i *intent) waits() bool { return i.state == "" && i.attempts[i.latest] == "acts" }

// CaptureLate captures a charge although the provider has said that it never
// would. It reports whether it had.
func (p *MemoryPayments) CaptureLate(bookingID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.intents[p.of[bookingID]]
	if i == nil || i.state != "closed" {
		return false
	}
	i.capture()
	return true
}

func (i *intent) capture() {
	i.state, i.captured = "captured", i.Amount.AmountMinor
	i.moves++
}

func (p *MemoryPayments) lock(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, ctx.Err())
	}
	p.mu.Lock()
	return nil
}

// Limits implements booking.Payments.
func (p *MemoryPayments) Limits(currency string) (booking.ChargeLimits, error) {
	if p.Limit != nil {
		return p.Limit(currency)
	}
	return booking.ChargeLimits{Step: 1, Minimum: 1, Maximum: 999_999_999_999}, nil
}

// Prepare implements booking.Payments.
func (p *MemoryPayments) Prepare(ctx context.Context, c booking.Charge) (string, error) {
	if err := booking.Payable(p, c.Amount); err != nil {
		return "", err
	}
	if err := p.lock(ctx); err != nil {
		return "", err
	}
	defer p.mu.Unlock()
	reference := "pi_" + c.BookingID
	if p.intents[reference] == nil {
		p.intents[reference], p.of[c.BookingID] = &intent{Charge: c, attempts: map[int]string{}, at: p.Now()}, reference
	}
	return reference, nil
}

// Charge implements booking.Payments.
func (p *MemoryPayments) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	charged, err := p.charge(ctx, c)
	if c.Token == Timeout && err == nil {
		<-ctx.Done()
		return booking.Charged{}, fmt.Errorf("%w: %w", booking.ErrOutcomeUnknown, ctx.Err())
	}
	return charged, err
}

func (p *MemoryPayments) charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	if err := p.lock(ctx); err != nil {
		return booking.Charged{}, err
	}
	defer p.mu.Unlock()
	i := p.intents[c.Reference]
	if c.Reference == "" {
		return booking.Charged{}, booking.ErrPaymentClosed // whoever charges has prepared
	}
	if i == nil || i.BookingID != c.BookingID || i.Amount != c.Amount {
		return booking.Charged{}, errors.New("payments: no such charge was prepared")
	}
	if i.state == "" && i.attempts[c.Attempt] == "" {
		if c.Token == TooSmall {
			i.state = "closed"
			return booking.Charged{}, booking.ErrAmountNotPayable
		}
		i.try(c)
	}
	switch {
	case i.state == "closed":
		return booking.Charged{}, booking.ErrPaymentClosed
	case i.state == "captured":
		return booking.Charged{Reference: c.Reference}, nil
	case i.attempts[c.Attempt] == "acts":
		return booking.Charged{Reference: c.Reference, Action: anAction()}, nil
	}
	return booking.Charged{}, booking.ErrPaymentDeclined
}

// try makes an attempt, which replaces one that waits.
func (i *intent) try(c booking.Charge) {
	if i.waits() {
		i.attempts[i.latest] = "declined"
	}
	i.latest = c.Attempt
	switch c.Token {
	case Good, Timeout:
		i.capture()
	case Acts:
		i.attempts[c.Attempt] = "acts"
	default:
		i.attempts[c.Attempt] = "declined"
	}
}

func anAction() *booking.Action {
	return &booking.Action{Type: "redirect", URL: "https://example.com/3ds", ClientSecret: "secret"}
}

// Look implements booking.Payments.
func (p *MemoryPayments) Look(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
	if err := p.lock(ctx); err != nil {
		return booking.Outcome{}, err
	}
	defer p.mu.Unlock()
	i := p.intents[c.Reference]
	switch {
	case i == nil || i.state == "" && i.latest == 0:
		return booking.Outcome{State: booking.ChargeOpen}, nil
	case i.state == "closed":
		return booking.Outcome{}, booking.ErrPaymentClosed
	case i.state == "captured":
		return booking.Outcome{State: booking.ChargeCaptured, Attempt: i.latest, Reference: c.Reference, Amount: i.Amount}, nil
	case i.waits():
		return booking.Outcome{State: booking.ChargeAction, Attempt: i.latest, Reference: c.Reference, Action: anAction()}, nil
	}
	return booking.Outcome{State: booking.ChargeDeclined, Attempt: i.latest}, nil
}

// Settle implements booking.Payments.
func (p *MemoryPayments) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	if err := p.lock(ctx); err != nil {
		return booking.Settlement{}, err
	}
	defer p.mu.Unlock()
	i := p.intents[c.Reference]
	if i == nil {
		return booking.Settlement{}, nil
	}
	if i.state == "captured" {
		return booking.Settlement{Captured: true, Reference: c.Reference, Amount: i.Amount}, nil
	}
	i.state = "closed"
	return booking.Settlement{Declined: i.attempts[i.latest] == "declined"}, nil
}

// Refund implements booking.Payments.
func (p *MemoryPayments) Refund(ctx context.Context, r booking.RefundRequest) error {
	if err := p.lock(ctx); err != nil {
		return err
	}
	defer p.mu.Unlock()
	if p.refunds[r.ID] {
		return nil
	}
	i := p.intents[r.Reference]
	if i == nil || r.Amount.AmountMinor <= 0 || r.Amount.Currency != i.Amount.Currency ||
		i.refunded+r.Amount.AmountMinor > i.captured || p.Refuse != nil && p.Refuse(r) {
		return booking.ErrRefundRefused
	}
	p.refunds[r.ID] = true
	i.refunded += r.Amount.AmountMinor
	i.moves++
	return nil
}

// Provider implements booking.Payments.
func (p *MemoryPayments) Provider() string { return "memory" }

// Statements implements booking.Statements.
func (p *MemoryPayments) Statements(ctx context.Context, since time.Time, after string, limit int) ([]booking.Statement, string, error) {
	if err := p.lock(ctx); err != nil {
		return nil, "", err
	}
	defer p.mu.Unlock()
	var page []booking.Statement
	for _, reference := range slices.Sorted(maps.Keys(p.intents)) {
		i := p.intents[reference]
		if reference <= after || i.captured == 0 || i.at.Before(since.Truncate(time.Second)) {
			continue
		}
		if len(page) == limit {
			return page, page[limit-1].Reference, nil
		}
		page = append(page, booking.Statement{
			BookingID: i.BookingID, Reference: reference, At: i.at,
			Captured: money.Amount{AmountMinor: i.captured, Currency: i.Amount.Currency},
			Refunded: money.Amount{AmountMinor: i.refunded, Currency: i.Amount.Currency},
		})
	}
	return page, "", nil
}

// Tamper changes what was captured and refunded of a booking behind its back.
func (p *MemoryPayments) Tamper(bookingID string, captured, refunded int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reference := p.of[bookingID]
	if reference == "" {
		reference = "pi_" + bookingID
		p.intents[reference], p.of[bookingID] = &intent{Charge: booking.Charge{BookingID: bookingID, Amount: money.Amount{AmountMinor: captured, Currency: "EUR"}}, state: "captured", at: p.Now()}, reference
	}
	p.intents[reference].captured, p.intents[reference].refunded = captured, refunded
}

// Forget loses a booking's charge.
func (p *MemoryPayments) Forget(bookingID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.intents, p.of[bookingID])
}
