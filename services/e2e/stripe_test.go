package e2e

import (
	"cmp"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// This file is how the platform runs with Stripe: against a scripted provider in
// the test's own process, which no kill of the platform's ends.

const (
	stripeKey         = "sk_test_e2e"
	stripeSecret      = "whsec_e2e"
	stripePublishable = "pk_test_e2e"
	stripeWebhook     = "/payments/stripe/webhook"
)

// payments is the environment that says who takes the money, and how often one account
// may book: buyers of the sales and kill tests do so all the time.
func (o options) payments() []string {
	const often = "BOOKINGS_PER_ACCOUNT=100000"
	if o.stripeURL == "" {
		return []string{"PAYMENTS=sandbox", "CHECKOUT_TTL=" + cmp.Or(o.checkoutTTL, "10m"), often}
	}
	return []string{
		often, "PAYMENTS=stripe", "STRIPE_API_URL=" + o.stripeURL, "STRIPE_SECRET_KEY=" + stripeKey,
		"STRIPE_WEBHOOK_SECRET=whsec_before," + stripeSecret, "STRIPE_PUBLISHABLE_KEY=" + stripePublishable, "CHECKOUT_TTL=" + cmp.Or(o.checkoutTTL, "1m"),
	}
}

// startWithStripe returns a platform of the test's own, which is paid through the
// provider; what that tells arrives by the gateway.
func startWithStripe(t *testing.T, o options) (*platform, *stripetest.Server) {
	t.Helper()
	provider := o.paidByStripe(t)
	p := start(t, o)
	p.paidBy(provider)
	return p, provider
}

// paidByStripe starts a provider, which the platform is to be paid through.
func (o *options) paidByStripe(t testing.TB) *stripetest.Server {
	t.Helper()
	provider, url := stripetest.Start(t, stripetest.Options{Key: stripeKey, Late: 2 * time.Second})
	o.stripeURL = url
	return provider
}

// paidBy tells the provider where the platform is: after each start where that
// may have changed.
func (p *platform) paidBy(provider *stripetest.Server) {
	p.provider = provider
	provider.SetWebhooks(stripetest.Webhooks{URL: p.url(gateway, stripeWebhook), Secret: stripeSecret, Repeat: 1, Unrelated: true})
}

// paid is a booking as its payment is seen.
type paid struct {
	ID      string        `json:"id"`
	Status  string        `json:"status"`
	Reason  string        `json:"reason"`
	Total   *money.Amount `json:"total"`
	Payment struct {
		Provider   string        `json:"provider"`
		Status     string        `json:"status"`
		Captured   *money.Amount `json:"captured"`
		ExpiresAt  *time.Time    `json:"expires_at"`
		NextAction *struct {
			Type         string `json:"type"`
			ClientSecret string `json:"client_secret"`
		} `json:"next_action"`
	} `json:"payment"`
}

func TestStripe(t *testing.T) {
	t.Parallel()
	p, provider := startWithStripe(t, options{})
	if a := p.call(t, http.MethodGet, gateway, "/payments/config"); string(a.body) != `{"provider":"stripe","publishable_key":"`+stripePublishable+`"}`+"\n" {
		t.Errorf("pages are told %s", a.body)
	}
	o, c := p.register(t, organizer), p.register(t, customer)
	book := func(t *testing.T, token string) *answer {
		e := p.publish(t, o, draft(5))
		return p.call(t, http.MethodPost, gateway, "/bookings", as(c), key(t.Name()), body(obj{"event_id": e.ID, "tickets": 2, "payment": obj{"token": token}}))
	}
	wait := func(t *testing.T, id, status string) (b paid) {
		t.Helper()
		eventually(t, func() error {
			b = paid{}
			if p.get(t, gateway, "/bookings/"+id, &b, as(c)); b.Status != status {
				return fmt.Errorf("it is %s %s", b.Status, b.Reason)
			}
			return nil
		})
		return b
	}
	wantBooks := func(t *testing.T, id string, want stripetest.Balance) {
		t.Helper()
		if got := provider.Books()[id]; got != want {
			t.Errorf("the provider's books say %+v, want %+v", got, want)
		}
	}
	whole := stripetest.Balance{Captured: 5000, Charges: 1}

	t.Run("paid at once, and refunded", func(t *testing.T) {
		t.Parallel()
		var b paid
		book(t, stripetest.Visa).want(t, http.StatusCreated).into(t, &b)
		if b.Status != "CONFIRMED" || b.Payment.Provider != "stripe" || b.Payment.Captured == nil || *b.Payment.Captured != *b.Total {
			t.Errorf("%+v", b)
		}
		wantBooks(t, b.ID, whole)
		p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).want(t, http.StatusOK)
		wantBooks(t, b.ID, stripetest.Balance{Captured: 5000, Charges: 1, Refunded: 5000, Refunds: 1})
	})
	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		book(t, stripetest.Declined).refused(t, http.StatusPaymentRequired, problem.PaymentDeclined)
	})
	for _, succeed := range []bool{true, false} {
		t.Run(fmt.Sprintf("the customer acts, %t", succeed), func(t *testing.T) {
			t.Parallel()
			var b paid
			book(t, stripetest.Authentication).want(t, http.StatusAccepted).into(t, &b)
			if pay := b.Payment; b.Status != "PENDING" || pay.Status != "requires_action" || pay.NextAction == nil ||
				pay.NextAction.ClientSecret == "" || pay.ExpiresAt == nil || pay.Captured != nil {
				t.Errorf("%+v", b)
			}
			wantBooks(t, b.ID, stripetest.Balance{})
			if !provider.Act(b.ID, succeed) {
				t.Fatal("there is nothing for the customer to do")
			}
			// Long before the deadline, for the provider says so.
			if succeed {
				if b = wait(t, b.ID, "CONFIRMED"); b.Payment.NextAction != nil || b.Payment.ExpiresAt != nil {
					t.Errorf("%+v", b)
				}
				wantBooks(t, b.ID, whole)
				return
			}
			if b = wait(t, b.ID, "FAILED"); b.Reason != string(problem.PaymentDeclined) {
				t.Errorf("%+v", b)
			}
			wantBooks(t, b.ID, stripetest.Balance{})
		})
	}
	t.Run("charged after it was cancelled", func(t *testing.T) {
		t.Parallel()
		var b paid
		book(t, stripetest.LateSuccess).want(t, http.StatusAccepted).into(t, &b)
		wait(t, b.ID, "CONFIRMED") // there are tickets yet
		wantBooks(t, b.ID, whole)
	})
	t.Run("forged", func(t *testing.T) {
		t.Parallel()
		for _, s := range []service{gateway, bookings} {
			p.call(t, http.MethodPost, s, stripeWebhook, body(obj{"id": "evt_1", "type": "payment_intent.succeeded"}), header("Stripe-Signature", "t=1,v1=00")).
				refused(t, http.StatusBadRequest, problem.InvalidSignature)
		}
	})
}

// Where the sandbox takes the money nobody hears from Stripe.
func TestStripeIsNotThere(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, s := range []service{gateway, bookings} {
		p.call(t, http.MethodPost, s, stripeWebhook, body(obj{"id": "evt_1", "type": "payment_intent.succeeded"})).
			refused(t, http.StatusNotFound, problem.RouteNotFound)
	}
}
