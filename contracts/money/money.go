// Package money is the wire and domain form of an amount of money.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strings"
)

// Amount is a sum in minor units of one currency: {2500, "EUR"} is 25 euro.
// It is never a float.
type Amount struct {
	AmountMinor int64  `json:"amount_minor" doc:"Amount in minor units (cents of a euro, yen of a yen)" example:"2500"`
	Currency    string `json:"currency" doc:"ISO 4217 code" pattern:"^[A-Z]{3}$" example:"EUR"`
}

// ErrOverflow is returned when a sum or product does not fit in 64 bits.
var ErrOverflow = errors.New("money: amount out of range")

// ErrCurrency is returned when two currencies meet in one sum.
var ErrCurrency = errors.New("money: currencies differ")

// Times returns a multiplied by n, or ErrOverflow. Neither may be negative.
func (a Amount) Times(n int) (Amount, error) {
	if n < 0 || a.AmountMinor < 0 {
		return Amount{}, ErrOverflow
	}
	hi, lo := bits.Mul64(uint64(a.AmountMinor), uint64(n))
	if hi != 0 || lo > math.MaxInt64 {
		return Amount{}, ErrOverflow
	}
	return Amount{AmountMinor: int64(lo), Currency: a.Currency}, nil
}

// Plus returns a + b, ErrCurrency where their currencies differ, or ErrOverflow.
func (a Amount) Plus(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, ErrCurrency
	}
	s := a.AmountMinor + b.AmountMinor
	if (s > a.AmountMinor) != (b.AmountMinor > 0) {
		return Amount{}, ErrOverflow
	}
	return Amount{AmountMinor: s, Currency: a.Currency}, nil
}

// Minus returns a − b, ErrCurrency where their currencies differ, or ErrOverflow.
func (a Amount) Minus(b Amount) (Amount, error) {
	if b.AmountMinor == math.MinInt64 {
		return Amount{}, ErrOverflow
	}
	return a.Plus(Amount{AmountMinor: -b.AmountMinor, Currency: b.Currency})
}

// BasisPoints returns n hundredths of a percent of a, rounded half up and then
// down to a multiple of Step, or ErrOverflow. Neither may be negative.
func (a Amount) BasisPoints(n int) (Amount, error) {
	if n < 0 || a.AmountMinor < 0 {
		return Amount{}, ErrOverflow
	}
	const whole = 10_000
	hi, lo := bits.Mul64(uint64(a.AmountMinor), uint64(n))
	lo, carry := bits.Add64(lo, whole/2, 0)
	if hi += carry; hi >= whole {
		return Amount{}, ErrOverflow
	}
	part, _ := bits.Div64(hi, lo, whole)
	if part > math.MaxInt64 {
		return Amount{}, ErrOverflow
	}
	minor := int64(part)
	return Amount{AmountMinor: minor - minor%Step(a.Currency), Currency: a.Currency}, nil
}

// Step returns the least amount of a currency, in its minor units, of which
// payment providers move a multiple: 10 where there are thousandths, for cards
// know hundredths, and 100 for the ariary, whose fifths nobody counts.
func Step(currency string) int64 {
	switch {
	case Decimals(currency) == 3:
		return 10
	case currency == "MGA":
		return 100
	}
	return 1
}

// IsZero reports whether nothing is owed, in whatever currency.
func (a Amount) IsZero() bool { return a.AmountMinor == 0 }

// zeroDecimal and threeDecimal list the ISO 4217 currencies whose minor unit
// is not a hundredth.
const (
	zeroDecimal  = " BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
	threeDecimal = " BHD IQD JOD KWD LYD OMR TND "
)

// Decimals returns how many digits the currency's minor unit has: 2 for EUR, 0
// for JPY, 3 for KWD.
func Decimals(currency string) int {
	switch {
	case strings.Contains(zeroDecimal, " "+currency+" "):
		return 0
	case strings.Contains(threeDecimal, " "+currency+" "):
		return 3
	default:
		return 2
	}
}

// String formats the amount for people: "25.00 EUR", "2500 JPY".
func (a Amount) String() string {
	sign, minor := "", uint64(a.AmountMinor)
	if a.AmountMinor < 0 {
		sign, minor = "-", -minor
	}
	d := Decimals(a.Currency)
	if d == 0 {
		return fmt.Sprintf("%s%d %s", sign, minor, a.Currency)
	}
	unit := uint64(1)
	for range d {
		unit *= 10
	}
	return fmt.Sprintf("%s%d.%0*d %s", sign, minor/unit, d, minor%unit, a.Currency)
}
