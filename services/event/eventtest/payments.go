package eventtest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// PaymentsFixture is a Payments of a payment provider that a test controls.
type PaymentsFixture struct {
	Payments event.Payments
	Put      func(currency string, l event.ChargeLimits) // makes the provider charge it
	Down     func()                                      // makes booking stop answering
}

// TestPayments holds an event.Payments to its promises. newPayments returns one of
// a provider that charges no currency.
func TestPayments(t *testing.T, newPayments func(t *testing.T) PaymentsFixture) {
	euros, dinars := event.ChargeLimits{Step: 1, Minimum: 50, Maximum: 99_999_999}, event.ChargeLimits{Step: 10, Minimum: 20, Maximum: 99_990}
	t.Run("limits_are_those_of_the_currency", func(t *testing.T) {
		t.Parallel()
		f := newPayments(t)
		f.Put("EUR", euros)
		f.Put("KWD", dinars)
		for currency, want := range map[string]event.ChargeLimits{"EUR": euros, "KWD": dinars} {
			got, err := f.Payments.Limits(t.Context(), currency)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", currency, diff)
			}
		}
	})
	t.Run("a_currency_that_is_not_charged_is_ErrCurrencyNotSupported", func(t *testing.T) {
		t.Parallel()
		f := newPayments(t)
		f.Put("EUR", euros)
		_, err := f.Payments.Limits(t.Context(), "IQD")
		wantErr(t, err, event.ErrCurrencyNotSupported)
	})
	t.Run("no_answer_is_ErrBookingUnavailable", func(t *testing.T) {
		t.Parallel()
		f := newPayments(t)
		f.Put("EUR", euros)
		_, err := f.Payments.Limits(t.Context(), "EUR")
		must(t, err)
		f.Down()
		for _, currency := range []string{"EUR", "IQD"} {
			_, err := f.Payments.Limits(t.Context(), currency)
			wantErr(t, err, event.ErrBookingUnavailable)
			if errors.Is(err, event.ErrCurrencyNotSupported) {
				t.Errorf("an outage passes for %s not being charged", currency)
			}
		}
	})
}

// AnyPrice is an event.Payments of a provider that charges whatever is asked.
type AnyPrice struct{}

// Limits implements event.Payments.
func (AnyPrice) Limits(context.Context, string) (event.ChargeLimits, error) {
	return event.ChargeLimits{Step: 1, Minimum: 1, Maximum: event.MaxPrice * event.MaxTickets}, nil
}
