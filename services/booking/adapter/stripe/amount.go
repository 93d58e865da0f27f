package stripe

import (
	"fmt"
	"math"
	"strings"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Stripe's own units (docs.stripe.com/currencies), where they are not a
// hundredth. They differ from ISO 4217's: the krónur and shillings that have had
// no hundredths for years are still counted in them, the ariary is not.
const (
	zeroDecimal  = " BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF "
	threeDecimal = " BHD JOD KWD OMR TND " // of which the last is 0
)

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

// toStripe returns the amount in Stripe's units, exactly, or says why it cannot
// be charged.
func toStripe(a money.Amount) (int64, error) {
	n, ok := scale(a.AmountMinor, decimals(a.Currency)-money.Decimals(a.Currency))
	switch {
	case !ok:
		return 0, fmt.Errorf("stripe: %s is more, or finer, than Stripe counts", a)
	case decimals(a.Currency) == 3 && n%10 != 0:
		return 0, fmt.Errorf("stripe: %s has three decimals; the last has to be 0", a)
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
