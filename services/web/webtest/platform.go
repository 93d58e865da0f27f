// Package webtest tests what stands behind web's ports: a contract suite for each
// port, and a platform in memory that passes them all.
package webtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// Platform is the platform in memory, for tests of pages. It implements every port
// of web, with the refusals of the real one, and payments like the sandbox's:
//
//   - tok_visa pays
//   - tok_declined and tok_insufficient_funds are declined
//   - tok_decline_once is declined by a booking's first attempt
//   - tok_authenticate waits for AnswerChallenge
//   - tok_timeout leaves the outcome unknown until AnswerChallenge
//
// Fail, Lose and Hang bring about what goes wrong between web and the platform.
type Platform struct {
	// Provider is what Config answers, the sandbox by default.
	Provider web.PaymentsConfig

	mu       sync.Mutex
	now      func() time.Time
	advanced time.Duration
	calls    []Call
	faults   map[string][]*fault // by method

	events   map[string]*web.Event
	bookings map[string]*booking
	outcomes map[string]outcome // by user and Idempotency-Key
	accounts map[string]*account
	guests   map[string]web.Guest // by id
	tokens   map[string]token     // access tokens
	wrong    map[string]int       // passwords, by address and account
	mails    []Mail
}

// The limits and times of the real platform.
const (
	AccessTokenLife  = 15 * time.Minute
	GuestTokenLife   = 2 * time.Hour
	RefreshTokenLife = 30 * 24 * time.Hour
	CheckoutTTL      = 10 * time.Minute
	LastPayment      = 30 * time.Second // before the end of a checkout, when no payment begins any more
	MaxAttempts      = 5
	MaxExtensions    = 2
	MaxCheckouts     = 3
)

// NewPlatform returns a platform that is empty. now is its clock; nil is the real one.
func NewPlatform(now func() time.Time) *Platform {
	if now == nil {
		now = time.Now
	}
	return &Platform{
		Provider: web.PaymentsConfig{Provider: "sandbox"},
		now:      now,
		faults:   map[string][]*fault{},
		events:   map[string]*web.Event{},
		bookings: map[string]*booking{},
		outcomes: map[string]outcome{},
		accounts: map[string]*account{},
		guests:   map[string]web.Guest{},
		tokens:   map[string]token{},
		wrong:    map[string]int{},
	}
}

var (
	_ web.Catalog   = (*Platform)(nil)
	_ web.Checkouts = (*Platform)(nil)
	_ web.Bookings  = (*Platform)(nil)
	_ web.Links     = (*Platform)(nil)
	_ web.SignIns   = (*Platform)(nil)
	_ web.Accounts  = (*Platform)(nil)
	_ web.Proofs    = (*Platform)(nil)
)

// Advance sets the platform's clock forward.
func (p *Platform) Advance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advanced += d
}

// Now is the platform's time.
func (p *Platform) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock()
}

func (p *Platform) clock() time.Time { return p.now().Add(p.advanced) }

// Call is one that the platform has had.
type Call struct {
	Method string
	By     web.Caller
	// Key is the call's Idempotency-Key, if it has one.
	Key string
}

// Calls returns the calls of a method ("Pay"), or all if method is empty.
func (p *Platform) Calls(method string) (out []Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		if method == "" || c.Method == method {
			out = append(out, c)
		}
	}
	return out
}

// fault is what happens to some calls of a method.
type fault struct {
	left  int // calls; below 0 all
	err   error
	after bool // the call takes effect before
	hang  bool
}

// Always is for Fail, Lose and Hang: all calls until Heal.
const Always = -1

// Fail makes the next n calls of a method ("Pay") fail with err and without any effect.
func (p *Platform) Fail(method string, n int, err error) { p.fault(method, &fault{left: n, err: err}) }

// Lose makes the next n calls of a method take effect, and loses their answers:
// they fail with web.ErrUnavailable.
func (p *Platform) Lose(method string, n int) {
	p.fault(method, &fault{left: n, err: web.ErrUnavailable, after: true})
}

// Hang makes the next n calls of a method wait for the end of their context.
func (p *Platform) Hang(method string, n int) { p.fault(method, &fault{left: n, hang: true}) }

// Heal ends all faults.
func (p *Platform) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.faults)
}

func (p *Platform) fault(method string, f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[method] = append(p.faults[method], f)
}

// meets returns the fault that a call meets, or nil.
func (p *Platform) meets(method string) *fault {
	for _, f := range p.faults[method] {
		if f.left != 0 {
			f.left--
			return f
		}
	}
	return nil
}

// ask is a call of a method that answers something.
func ask[T any](ctx context.Context, p *Platform, c Call, answer func() (T, error)) (T, error) {
	var none T
	f := p.begin(c)
	switch {
	case ctx.Err() != nil:
		return none, fmt.Errorf("%w: %w", web.ErrUnavailable, ctx.Err())
	case f != nil && f.hang:
		<-ctx.Done()
		return none, fmt.Errorf("%w: %w", web.ErrUnavailable, ctx.Err())
	case f != nil && !f.after:
		return none, f.err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out, err := answer()
	switch {
	case f != nil && err == nil:
		return none, f.err
	case err != nil:
		return none, err
	}
	return out, nil
}

// tell is a call of a method that answers nothing.
func tell(ctx context.Context, p *Platform, c Call, do func() error) error {
	_, err := ask(ctx, p, c, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func (p *Platform) begin(c Call) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, c)
	return p.meets(c.Method)
}

func refuse(code, detail string) *web.Refusal { return &web.Refusal{Code: code, Detail: detail} }

func invalid(field, message string) *web.Refusal {
	return &web.Refusal{
		Code: "validation_failed", Detail: "Some fields have values that are not allowed.",
		Fields: []web.FieldError{{Field: field, Message: message}},
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func eur(minor int64) money.Amount { return money.Amount{AmountMinor: minor, Currency: "EUR"} }

// Mail is one that the platform has sent.
type Mail struct {
	To string
	// Kind is tickets, ticket (to its holder), links, verification, password_reset or
	// email_change.
	Kind string
	// Token is what the mail's link proves: a token, or the key to BookingID.
	Token     string
	BookingID string
}

// Mails returns those to an address, the oldest first.
func (p *Platform) Mails(to string) (out []Mail) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.mails {
		if m.To == to {
			out = append(out, m)
		}
	}
	return out
}
