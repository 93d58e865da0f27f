package money

import (
	"errors"
	"math"
	"testing"
)

func TestString(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Amount{
		"25.00 EUR":                 {2500, "EUR"},
		"0.05 EUR":                  {5, "EUR"},
		"2500 JPY":                  {2500, "JPY"},
		"2.500 KWD":                 {2500, "KWD"},
		"-12.30 USD":                {-1230, "USD"},
		"-92233720368547758.08 USD": {math.MinInt64, "USD"},
	} {
		if got := a.String(); got != want {
			t.Errorf("%#v prints %q, want %q", a, got, want)
		}
	}
}

func TestArithmeticRefusesOverflowAndMixedCurrencies(t *testing.T) {
	t.Parallel()
	if got, err := (Amount{2500, "EUR"}).Times(3); err != nil || got != (Amount{7500, "EUR"}) {
		t.Errorf("3 × 25.00 EUR = %v, %v", got, err)
	}
	for _, n := range []int{-1, 3} {
		if _, err := (Amount{math.MaxInt64 / 2, "EUR"}).Times(n); !errors.Is(err, ErrOverflow) {
			t.Errorf("times %d: error %v, want ErrOverflow", n, err)
		}
	}
	if got, err := (Amount{1, "EUR"}).Plus(Amount{0, "EUR"}); err != nil || got.AmountMinor != 1 {
		t.Errorf("1 + 0 = %v, %v", got, err)
	}
	if _, err := (Amount{math.MaxInt64, "EUR"}).Plus(Amount{1, "EUR"}); !errors.Is(err, ErrOverflow) {
		t.Errorf("max + 1: error %v, want ErrOverflow", err)
	}
	if _, err := (Amount{1, "EUR"}).Plus(Amount{1, "USD"}); !errors.Is(err, ErrCurrency) {
		t.Errorf("EUR + USD: error %v, want ErrCurrency", err)
	}
}

func TestMinus(t *testing.T) {
	t.Parallel()
	if got, err := (Amount{100, "EUR"}).Minus(Amount{30, "EUR"}); err != nil || got != (Amount{70, "EUR"}) {
		t.Errorf("1.00 − 0.30 = %v, %v", got, err)
	}
	if _, err := (Amount{0, "EUR"}).Minus(Amount{math.MinInt64, "EUR"}); !errors.Is(err, ErrOverflow) {
		t.Errorf("0 − min: error %v, want ErrOverflow", err)
	}
	if _, err := (Amount{1, "EUR"}).Minus(Amount{1, "USD"}); !errors.Is(err, ErrCurrency) {
		t.Errorf("EUR − USD: error %v, want ErrCurrency", err)
	}
}

func TestBasisPoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor int64
		n     int
		want  int64
	}{
		{2500, 1000, 250}, {1, 5000, 1}, {1, 4999, 0}, {3, 5000, 2}, {333, 3333, 111}, {0, 10_000, 0}, {7, 0, 0},
		{math.MaxInt64, 10_000, math.MaxInt64}, {math.MaxInt64, 5000, math.MaxInt64/2 + 1},
	} {
		if got, err := (Amount{c.minor, "EUR"}).BasisPoints(c.n); err != nil || got != (Amount{c.want, "EUR"}) {
			t.Errorf("%d bp of %d = %v, %v, want %d", c.n, c.minor, got, err, c.want)
		}
	}
	for _, c := range []struct {
		a    Amount
		want int64
	}{{Amount{5550, "KWD"}, 690}, {Amount{5560, "KWD"}, 690}, {Amount{20_000, "MGA"}, 2500}, {Amount{100, "JPY"}, 13}, {Amount{79_992, "MGA"}, 9900}} {
		if got, err := c.a.BasisPoints(1250); err != nil || got.AmountMinor != c.want {
			t.Errorf("12.5 %% of %s = %v, %v, want %d", c.a, got, err, c.want)
		}
	}
	for _, a := range []Amount{{5555, "KWD"}, {5559, "KWD"}, {9, "BHD"}, {199, "MGA"}, {math.MaxInt64, "KWD"}} {
		if got, err := a.BasisPoints(10_000); err != nil || got.AmountMinor > a.AmountMinor {
			t.Errorf("100 %% of %s = %v, %v", a, got, err)
		}
	}
	for _, n := range []int{-1, 10_001, math.MaxInt} {
		if got, err := (Amount{math.MaxInt64, "EUR"}).BasisPoints(n); !errors.Is(err, ErrOverflow) {
			t.Errorf("%d bp of max = %v, %v, want ErrOverflow", n, got, err)
		}
	}
}
