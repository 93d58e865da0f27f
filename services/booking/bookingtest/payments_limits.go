package bookingtest

import (
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// limited are currencies that providers count in different ways: with two
// decimals, three and none, with decimals that are always 0, and one that few
// support.
var limited = []string{"EUR", "USD", "HUF", "TWD", "IDR", "INR", "KWD", "BHD", "TND", "IQD", "JPY", "KRW", "ISK", "UGX", "MGA", "MRU"}

// limitsOf returns the limits of each supported currency.
func (u PaymentsUnderTest) limitsOf(t *testing.T) map[string]booking.ChargeLimits {
	t.Helper()
	all := map[string]booking.ChargeLimits{}
	for _, currency := range limited {
		l, err := u.Payments.Limits(currency)
		switch {
		case err == nil:
			all[currency] = l
		case !errors.Is(err, booking.ErrCurrencyNotSupported):
			t.Errorf("limits of %s: %v", currency, err)
		}
	}
	return all
}

// payable reports whether the provider prepares a charge of this amount.
func (u PaymentsUnderTest) payable(t *testing.T, minor int64, currency string) bool {
	t.Helper()
	_, err := u.Payments.Prepare(t.Context(), booking.Charge{
		BookingID: newID(), Amount: money.Amount{AmountMinor: minor, Currency: currency}, Token: u.Good,
	})
	if err != nil && (!errors.Is(err, booking.ErrAmountNotPayable) || errors.Is(err, booking.ErrPaymentDeclined)) {
		t.Errorf("%d of %s: %v", minor, currency, err)
	}
	return err == nil
}

func limitsAreWhole(t *testing.T, u PaymentsUnderTest) {
	for currency, l := range u.limitsOf(t) {
		if l.Step < 1 || l.Minimum < l.Step || l.Maximum < l.Minimum || l.Minimum%l.Step != 0 || l.Maximum%l.Step != 0 {
			t.Errorf("limits of %s: %+v", currency, l)
		}
	}
}

func limitsHold(t *testing.T, u PaymentsUnderTest) {
	for currency, l := range u.limitsOf(t) {
		for _, minor := range []int64{l.Minimum, l.Minimum + l.Step, l.Maximum - l.Step, l.Maximum} {
			c := u.prepareOf(t, money.Amount{AmountMinor: minor, Currency: currency}, u.Good)
			reference, err := u.charge(t.Context(), c)
			must(t, err)
			u.wantSettled(t, c, booking.Settlement{Captured: true, Reference: reference, Amount: c.Amount})
		}
	}
}

func limitsRefuse(t *testing.T, u PaymentsUnderTest) {
	for currency, l := range u.limitsOf(t) {
		for _, minor := range []int64{-l.Step, 0, l.Minimum - l.Step, l.Minimum - 1, l.Maximum + 1, l.Maximum + l.Step} {
			if u.payable(t, minor, currency) {
				t.Errorf("%d of %s is prepared, with limits of %+v", minor, currency, l)
			}
		}
		if l.Step > 1 && u.payable(t, l.Minimum+l.Step/2, currency) {
			t.Errorf("half a step of %s more than the minimum is prepared, with limits of %+v", currency, l)
		}
	}
}

func limitsUnsupported(t *testing.T, u PaymentsUnderTest) {
	all := u.limitsOf(t)
	for _, currency := range limited {
		if _, supported := all[currency]; !supported && u.payable(t, 10_000, currency) {
			t.Errorf("100 of %s are prepared", currency)
		}
	}
}

func limitsRefund(t *testing.T, u PaymentsUnderTest) {
	for currency, l := range u.limitsOf(t) {
		c := u.prepareOf(t, money.Amount{AmountMinor: l.Minimum + l.Step, Currency: currency}, u.Good)
		reference, err := u.charge(t.Context(), c)
		must(t, err)
		if err := u.Payments.Refund(t.Context(), refundOf(c, reference, l.Step)); err != nil {
			t.Errorf("a step of %s is not given back: %v", currency, err)
		}
	}
}

func limitsFees(t *testing.T, u PaymentsUnderTest) {
	for currency, l := range u.limitsOf(t) {
		if step := money.Step(currency); step%l.Step != 0 {
			t.Errorf("fees in %s are multiples of %d, charges of %d", currency, step, l.Step)
		}
	}
}
