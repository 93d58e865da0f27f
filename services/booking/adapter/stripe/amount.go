package stripe

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// supported are the currencies that Stripe charges, of those that money is kept
// in (docs.stripe.com/currencies). An account's country may exclude some of them;
// Stripe says so when it is asked to charge.
const supported = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP" +
	" CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD" +
	" JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK" +
	" NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SVC SZL THB TJS TND TOP TRY" +
	" TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW "

// Stripe's own units, where they are not a hundredth. They differ from ISO 4217's:
// the krónur and shillings that have had no hundredths for years are still counted
// in them, the ariary is not.
const (
	zeroDecimal  = " BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF "
	threeDecimal = " BHD JOD KWD OMR TND " // of which the last is 0
	wholeOnly    = " ISK UGX "             // two decimals, which are 00
)

// minimums are the least that Stripe charges, in its units, of currencies that it
// pays out. A charge in any other currency, or one that is paid out in another
// currency, must reach the minimum of that after a conversion. Stripe alone
// knows its rate, so it may still refuse a charge as too small.
var minimums = map[string]int64{
	"AED": 200, "ARS": 50, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "COP": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
	"HKD": 400, "HUF": 17_500, "IDR": 50, "ILS": 50, "INR": 50, "JPY": 50, "KRW": 50, "MXN": 1000, "MYR": 200, "NOK": 300,
	"NZD": 50, "PHP": 50, "PLN": 200, "RON": 200, "RUB": 50, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50, "ZAR": 50,
}

// digits are how many Stripe counts in, where they are not eight: those of cards.
var digits = map[string]int{"COP": 10, "HUF": 10, "IDR": 12, "INR": 9, "JPY": 10, "LBP": 11}

func decimals(currency string) int {
	switch {
	case strings.Contains(zeroDecimal, " "+currency+" "):
		return 0
	case strings.Contains(threeDecimal, " "+currency+" "):
		return 3
	default:
		return 2
	}
}

// step is what every amount is a multiple of, in Stripe's units.
func step(currency string) int64 {
	switch {
	case strings.Contains(threeDecimal, " "+currency+" "):
		return 10
	case strings.Contains(wholeOnly, " "+currency+" "):
		return 100
	default:
		return 1
	}
}

// Limits implements booking.Payments.
func (p *Payments) Limits(currency string) (booking.ChargeLimits, error) {
	if len(currency) != 3 || !strings.Contains(supported, " "+currency+" ") {
		return booking.ChargeLimits{}, fmt.Errorf("%w: %s", booking.ErrCurrencyNotSupported, currency)
	}
	finer := money.Decimals(currency) - decimals(currency) // than Stripe's units
	unit := step(currency)
	if ours, ok := scale(1, -finer); ok {
		unit = max(unit, ours) // both are powers of ten
	}
	maximum, _ := scale(1, cmp.Or(digits[currency], 8))
	maximum--
	least := max(minimums[currency], 1)
	var l booking.ChargeLimits
	l.Step, _ = scale(unit, finer)
	l.Minimum, _ = scale((least+unit-1)/unit*unit, finer)
	l.Maximum, _ = scale(maximum/unit*unit, finer)
	return l, nil
}

// toStripe returns the amount in Stripe's units, exactly, or says why it cannot
// be moved.
func toStripe(a money.Amount) (int64, error) {
	n, ok := scale(a.AmountMinor, decimals(a.Currency)-money.Decimals(a.Currency))
	switch {
	case !ok:
		return 0, fmt.Errorf("stripe: %s is more, or finer, than Stripe counts", a)
	case n%step(a.Currency) != 0:
		return 0, fmt.Errorf("stripe: %s is no multiple of what Stripe moves", a)
	case n <= 0:
		return 0, fmt.Errorf("stripe: %s is nothing to move", a)
	}
	return n, nil
}

// fromStripe is the inverse of toStripe.
func fromStripe(n int64, currency stripego.Currency) (money.Amount, error) {
	a := money.Amount{Currency: strings.ToUpper(string(currency))}
	minor, ok := scale(n, money.Decimals(a.Currency)-decimals(a.Currency))
	if !ok {
		return money.Amount{}, fmt.Errorf("stripe: %d of %s are no whole minor units", n, a.Currency)
	}
	a.AmountMinor = minor
	return a, nil
}

// scale returns n · 10^digits, where that is a whole number and not too great.
func scale(n int64, digits int) (int64, bool) {
	for ; digits > 0; digits-- {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, false
		}
		n *= 10
	}
	for ; digits < 0; digits++ {
		if n%10 != 0 {
			return 0, false
		}
		n /= 10
	}
	return n, true
}
