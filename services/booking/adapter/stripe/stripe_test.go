package stripe_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

const key = "sk_test_secret"

// start returns the adapter with a scripted provider behind it.
func start(t *testing.T, o stripe.Options) (*stripe.Payments, *stripetest.Server) {
	t.Helper()
	return startAt(t, o, stripetest.Options{Key: key})
}

// startAt is start with a provider of this kind.
func startAt(t *testing.T, o stripe.Options, provider stripetest.Options) (*stripe.Payments, *stripetest.Server) {
	t.Helper()
	server, url := stripetest.Start(t, provider)
	o.Key, o.URL = key, url
	p, err := stripe.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, server
}

func TestPaymentsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestPayments(t, func(t *testing.T) bookingtest.PaymentsUnderTest {
		p, server := start(t, stripe.Options{})
		return bookingtest.PaymentsUnderTest{
			Payments: p, Statements: p,
			Good: stripetest.Visa, Declined: stripetest.Declined, Timeout: stripetest.TimeoutAfter, Action: stripetest.Authentication,
			Act: server.ActOn, Forget: server.ForgetKeys,
			Ledger: func(id string) (captured, refunded int64) {
				b := server.Books()[id]
				return b.Captured, b.Refunded
			},
		}
	})
}
