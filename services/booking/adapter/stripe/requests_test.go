package stripe_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/stripemock"
)

// TestRequestsAreStripes holds each request to Stripe's own description of its
// API: a provider that we have written ourselves believes what we believe.
// stripe-mock has no state, so what it answers is not looked at.
func TestRequestsAreStripes(t *testing.T) {
	t.Parallel()
	mock := stripemock.Start(t)
	asked := map[string]bool{}
	for _, returnURL := range []string{"", "https://shop.example/paid"} {
		p, err := stripe.New(stripe.Options{Key: "sk_test_123", URL: mock.URL, ReturnURL: returnURL})
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{"pm_card_visa", "tok_visa"} {
			c := booking.Charge{BookingID: "b" + token, Attempt: 1, Since: time.Now(), Amount: money.Amount{AmountMinor: 2500, Currency: "EUR"}, Token: token}
			if c.Reference, err = p.Prepare(t.Context(), c); err != nil {
				t.Error(err)
			}
			for c.Attempt = 1; c.Attempt <= 2; c.Attempt++ {
				_, _ = p.Charge(t.Context(), c)
			}
			_, _ = p.Look(t.Context(), booking.Unsettled{BookingID: c.BookingID, Reference: c.Reference})
			_, _ = p.Settle(t.Context(), booking.Unsettled{BookingID: c.BookingID, Reference: c.Reference})
			for _, since := range []time.Time{time.Now(), time.Now().Add(-100 * time.Hour)} {
				_ = p.Refund(t.Context(), booking.RefundRequest{ID: "r", BookingID: c.BookingID, Reference: c.Reference, Amount: c.Amount, Since: since})
			}
		}
		for _, after := range []string{"", "pi_123"} {
			if _, _, err := p.Statements(t.Context(), time.Now(), after, 10); err != nil {
				t.Error(err)
			}
		}
	}
	id := regexp.MustCompile(`/pi_\w+`)
	for _, e := range mock.Exchanges() {
		asked[e.Method+" "+id.ReplaceAllString(e.Path, "/{id}")] = true
		if e.Status != http.StatusOK {
			t.Errorf("%s %s is answered %d: %s", e.Method, e.Path, e.Status, e.Answer)
		}
		if e.Version != stripe.APIVersion {
			t.Errorf("%s %s is of version %q", e.Method, e.Path, e.Version)
		}
	}
	for _, want := range []string{
		"POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/{id}", "POST /v1/payment_intents/{id}",
		"POST /v1/payment_intents/{id}/confirm",
		"POST /v1/payment_intents/{id}/cancel", "POST /v1/payment_methods", "POST /v1/refunds", "GET /v1/refunds",
	} {
		if !asked[want] {
			t.Errorf("never asked: %s", want)
		}
	}
}
