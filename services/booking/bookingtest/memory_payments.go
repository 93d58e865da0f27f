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
// of the kind that is prepared, and may ask the customer to act.
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
	state              string // "", acts, captured, declined, closed
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

// Act is the customer who does what the provider asked for, or fails to. It
// reports whether that was still wanted.
func (p *MemoryPayments) Act(bookingID string, well bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.intents[p.of[bookingID]]
	if i == nil || i.state != "acts" {
		return false
	}
	if well {
		i.capture()
	} else {
		i.state = "declined"
	}
	return true
}

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
		p.intents[reference], p.of[c.BookingID] = &intent{Charge: c, at: p.Now()}, reference
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
	if i.state == "" {
		switch c.Token {
		case Good, Timeout:
			i.capture()
		case Acts:
			i.state = "acts"
		case TooSmall:
			i.state = "closed"
			return booking.Charged{}, booking.ErrAmountNotPayable
		default:
			i.state = "declined"
		}
	}
	switch i.state {
	case "declined":
		return booking.Charged{}, booking.ErrPaymentDeclined
	case "closed":
		return booking.Charged{}, booking.ErrPaymentClosed
	case "acts":
		return booking.Charged{Reference: c.Reference, Action: &booking.Action{Type: "redirect", URL: "https://example.com/3ds", ClientSecret: "secret"}}, nil
	}
	return booking.Charged{Reference: c.Reference}, nil
}

// Look implements booking.Payments.
func (p *MemoryPayments) Look(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
	if err := p.lock(ctx); err != nil {
		return booking.Outcome{}, err
	}
	defer p.mu.Unlock()
	i := p.intents[c.Reference]
	switch {
	case i == nil || i.state == "":
		return booking.Outcome{State: booking.ChargeOpen}, nil
	case i.state == "closed":
		return booking.Outcome{}, booking.ErrPaymentClosed
	case i.state == "acts":
		return booking.Outcome{State: booking.ChargeAction, Attempt: 1, Reference: c.Reference}, nil
	case i.state == "captured":
		return booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: c.Reference, Amount: i.Amount}, nil
	}
	return booking.Outcome{State: booking.ChargeDeclined, Attempt: 1}, nil
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
	if slices.Contains([]string{"", "acts"}, i.state) {
		i.state = "closed"
	}
	if i.state != "captured" {
		return booking.Settlement{Declined: i.state == "declined"}, nil
	}
	return booking.Settlement{Captured: true, Reference: c.Reference, Amount: i.Amount}, nil
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
