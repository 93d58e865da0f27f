// Package stripe is booking.Payments at Stripe: a booking's charge is one
// PaymentIntent, which is created without moving money, and known by its id
// before it is confirmed.
//
// What comes to Stripe twice is done once. A POST that moves money has an
// idempotency key made of the booking's attempt, or of the refund. Stripe forgets
// keys after a day. A repeat that comes later asks first what Stripe has.
//
// An attempt confirms the intent with its own means of payment. A decline leaves
// the intent to the next attempt, and Settle cancels it. The intent itself sees to
// it that one attempt succeeds at most, whoever confirms it, and when.
//
// Nothing here logs, or puts into an error, what a key, a card or a customer's
// access could be told by: Stripe's messages quote them.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// APIVersion is the version of Stripe's API that is spoken, whatever the
// account's default: that of the library.
const APIVersion = stripego.APIVersion

// attemptTimeout is how long Stripe may take for one answer.
const attemptTimeout = 20 * time.Second

// keysLive is how old an attempt or a refund may be for Stripe to know its keys:
// Stripe keeps keys for 24 hours.
const keysLive = 23 * time.Hour

// Options of a Payments.
type Options struct {
	Key string // the account's secret key
	// URL is where Stripe is, if it is not the real one.
	URL string
	// ReturnURL is where customers come back to who have authenticated elsewhere, with
	// BookingID in the place of the booking's id. Without it they do so on the seller's
	// page, by Stripe's library.
	ReturnURL string
	Now       func() time.Time
}

// BookingID stands for the id of a booking in Options.ReturnURL.
const BookingID = "BOOKING_ID"

// Payments is a booking.Payments and booking.Statements.
type Payments struct {
	intents   intents
	returnURL string
	now       func() time.Time
	client    *stripego.Client
}

var (
	_ booking.Payments   = (*Payments)(nil)
	_ booking.Statements = (*Payments)(nil)
)

// New returns Stripe. It connects to nothing.
func New(o Options) (*Payments, error) {
	if o.Key == "" {
		return nil, errors.New("stripe: the secret key is missing")
	}
	for name, address := range map[string]string{"API's": o.URL, "return": o.ReturnURL} {
		if address == "" {
			continue
		}
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("stripe: the %s URL is none", name)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32 // there is one host
	config := &stripego.BackendConfig{
		HTTPClient: &http.Client{
			Transport: transport, Timeout: attemptTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		// It would sleep on when a context ends; see try.
		MaxNetworkRetries: stripego.Int64(0),
		EnableTelemetry:   stripego.Bool(false),
		LeveledLogger:     &stripego.LeveledLogger{Level: stripego.LevelNull},
	}
	if o.URL != "" {
		config.URL = stripego.String(strings.TrimSuffix(o.URL, "/"))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	client := stripego.NewClient(o.Key, stripego.WithBackends(stripego.NewBackendsWithConfig(config)))
	return &Payments{intents: intents{client}, client: client, returnURL: o.ReturnURL, now: o.Now}, nil
}

// Provider implements booking.Payments.
func (p *Payments) Provider() string { return "stripe" }

// Prepare implements booking.Payments: it creates the PaymentIntent.
func (p *Payments) Prepare(ctx context.Context, c booking.Charge) (string, error) {
	if c.Token == "" {
		return "", fmt.Errorf("%w: Stripe needs a payment token", booking.ErrPaymentDeclined)
	}
	if err := booking.Payable(p, c.Amount); err != nil {
		return "", err
	}
	amount, err := toStripe(c.Amount)
	if err != nil {
		return "", fmt.Errorf("%w: %w", booking.ErrAmountNotPayable, err)
	}
	params := &stripego.PaymentIntentCreateParams{
		Amount:        &amount,
		Currency:      stripego.String(strings.ToLower(c.Amount.Currency)),
		CaptureMethod: stripego.String(string(stripego.PaymentIntentCaptureMethodAutomatic)),
		// Cards, wallets with cards in them too, are decided at once. A bank's debit
		// may be decided days later, and tickets would be held until then.
		PaymentMethodTypes: []*string{stripego.String(string(stripego.PaymentMethodTypeCard))},
	}
	params.AddMetadata(metaBooking, c.BookingID)
	params.SetIdempotencyKey("booking-" + c.BookingID + "-create")
	intent, err := try(ctx, func() (*stripego.PaymentIntent, error) { return p.client.V1PaymentIntents.Create(ctx, params) })
	switch {
	case err == nil:
		return intent.ID, nil
	case rejectsAmount(err):
		return "", fmt.Errorf("%w: %w", booking.ErrAmountNotPayable, err)
	}
	return "", unknown(err)
}

// The metadata by which what is at Stripe is known to be ours.
const (
	metaBooking = "booking_id"
	metaRefund  = "refund_id"
	metaAttempt = "attempt" // of the refund
	// metaBegun and metaRefused, with a number, are of attempts that have come to the
	// intent. Those whose means of payment does not exist are refused.
	metaBegun   = "attempt_"
	metaRefused = "refused_"
)

// Charge implements booking.Payments: it confirms the PaymentIntent, with the
// customer's means of payment.
func (p *Payments) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	if c.Reference == "" { // nothing was prepared, so nothing can come of it
		return booking.Charged{}, booking.ErrPaymentClosed
	}
	if p.now().Sub(c.Since) > keysLive {
		charged, err := p.look(ctx, c)
		if errors.Is(err, errNotTried) {
			err = booking.ErrPaymentDeclined // it was not in its time
		}
		return charged, err
	}
	method, err := p.method(ctx, c)
	var r *refusal
	if err == nil && method == "" || errors.As(err, &r) && (r.kind == stripego.ErrorTypeCard || rejectsMethod(err)) {
		return p.refuse(ctx, c)
	}
	if err == nil {
		err = p.begin(ctx, c, method)
	}
	if err == nil {
		var intent *stripego.PaymentIntent
		if intent, err = p.confirm(ctx, c, method); err == nil {
			if replayed(intent.LastResponse) { // how it was then
				return p.look(ctx, c)
			}
			return p.charged(c, intent)
		}
	}
	switch {
	case !errors.As(err, &r):
		return booking.Charged{}, unknown(err)
	case rejectsAmount(err):
		_ = p.intents.cancel(ctx, c.Reference, settledReason) // nobody confirms it any more
		return booking.Charged{}, fmt.Errorf("%w: %w", booking.ErrAmountNotPayable, err)
	case rejectsMethod(err):
		return p.refuse(ctx, c)
	case r.kind == stripego.ErrorTypeCard && !r.replayed:
		return booking.Charged{}, booking.ErrPaymentDeclined
	case r.kind == stripego.ErrorTypeCard, r.kind == stripego.ErrorTypeIdempotency, r.code == stripego.ErrorCodePaymentIntentUnexpectedState:
		// The attempt was made before, with another card perhaps, or the charge is
		// over: what became of it?
		charged, lookErr := p.look(ctx, c)
		if errors.Is(lookErr, errNotTried) && r.kind == stripego.ErrorTypeCard {
			lookErr = booking.ErrPaymentDeclined // a later change of the intent has cleared its error
		}
		return charged, lookErr
	}
	return booking.Charged{}, unknown(err)
}

// key is the idempotency key of a step of the attempt.
func key(c booking.Charge, step string) string {
	return fmt.Sprintf("booking-%s-%s-%d", c.BookingID, step, c.Attempt)
}

// method returns the id of the customer's means of payment: their token's own,
// or that of one made from the token of a card.
func (p *Payments) method(ctx context.Context, c booking.Charge) (string, error) {
	if !strings.HasPrefix(c.Token, "tok_") {
		return c.Token, nil
	}
	params := &stripego.PaymentMethodCreateParams{
		Type: stripego.String(string(stripego.PaymentMethodTypeCard)),
		Card: &stripego.PaymentMethodCreateCardParams{Token: &c.Token},
	}
	params.SetIdempotencyKey(key(c, "method"))
	method, err := try(ctx, func() (*stripego.PaymentMethod, error) { return p.client.V1PaymentMethods.Create(ctx, params) })
	if err != nil {
		return "", err
	}
	return method.ID, nil
}

// begin takes the intent over for a further attempt: with a new means of payment
// it no longer waits for the customer of the one before. The first attempt finds
// it new.
func (p *Payments) begin(ctx context.Context, c booking.Charge, method string) error {
	if c.Attempt <= 1 {
		return nil
	}
	params := &stripego.PaymentIntentUpdateParams{PaymentMethod: &method}
	params.AddMetadata(metaBegun+strconv.Itoa(c.Attempt), "true")
	params.SetIdempotencyKey(key(c, "begin"))
	_, err := p.intents.update(ctx, c.Reference, params)
	return err
}

// confirm has one key for each attempt, so that an attempt tries one means of
// payment.
func (p *Payments) confirm(ctx context.Context, c booking.Charge, method string) (*stripego.PaymentIntent, error) {
	params := &stripego.PaymentIntentConfirmParams{PaymentMethod: &method}
	if p.returnURL != "" {
		params.ReturnURL = stripego.String(strings.ReplaceAll(p.returnURL, BookingID, c.BookingID))
	}
	params.SetIdempotencyKey(key(c, "confirm"))
	return try(ctx, func() (*stripego.PaymentIntent, error) {
		return p.client.V1PaymentIntents.Confirm(ctx, c.Reference, params)
	})
}

// refuse notes on the intent that Stripe does not know the attempt's means of
// payment: such a refusal leaves no trace of its own. It takes the key that the
// attempt would confirm with, so that of a refusal and a confirmation one happens.
func (p *Payments) refuse(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	for _, step := range []string{"confirm", "refuse"} {
		params := &stripego.PaymentIntentUpdateParams{}
		params.AddMetadata(metaRefused+strconv.Itoa(c.Attempt), "true")
		params.SetIdempotencyKey(key(c, step))
		intent, err := p.intents.update(ctx, c.Reference, params)
		if err == nil && !replayed(intent.LastResponse) {
			return p.charged(c, intent)
		}
		var r *refusal
		if err != nil && (!errors.As(err, &r) || r.kind != stripego.ErrorTypeIdempotency) {
			return booking.Charged{}, unknown(err)
		}
		// The key is taken: by this very note, by a confirmation, or by the refusal of
		// one, which Stripe may keep. After that nobody confirms with it.
		if charged, err := p.look(ctx, c); !errors.Is(err, errNotTried) {
			return charged, err
		}
	}
	return booking.Charged{}, errNotTried
}

// look answers a charge by how the intent is now.
func (p *Payments) look(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	intent, err := p.intents.get(ctx, c.Reference)
	if err != nil {
		return booking.Charged{}, unknown(err)
	}
	return p.charged(c, intent)
}

// errNotTried says that Stripe has not tried the attempt, and may yet.
var errNotTried = fmt.Errorf("%w: stripe: the attempt was not tried", booking.ErrOutcomeUnknown)

// charged answers an attempt that left the intent so.
func (p *Payments) charged(c booking.Charge, intent *stripego.PaymentIntent) (booking.Charged, error) {
	o, err := outcome(intent)
	switch {
	case err != nil:
		return booking.Charged{}, err
	case o.State == booking.ChargeCaptured:
		return booking.Charged{Reference: o.Reference}, nil
	case o.State == booking.ChargeAction && c.Attempt == o.Attempt:
		return booking.Charged{Reference: o.Reference, Action: o.Action}, nil
	case c.Attempt < latest(intent), o.State == booking.ChargeDeclined && c.Attempt == o.Attempt:
		return booking.Charged{}, booking.ErrPaymentDeclined // or replaced
	}
	return booking.Charged{}, errNotTried
}

// action is what the customer has to do.
func action(intent *stripego.PaymentIntent) *booking.Action {
	a := &booking.Action{ClientSecret: intent.ClientSecret}
	if next := intent.NextAction; next != nil {
		a.Type = string(next.Type)
		if next.RedirectToURL != nil {
			a.URL = next.RedirectToURL.URL
		}
	}
	return a
}

// replayed says that an answer is one that Stripe gave before.
func replayed(r *stripego.APIResponse) bool {
	return r != nil && r.Header.Get("Idempotent-Replayed") == "true"
}
