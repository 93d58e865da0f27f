package speech

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// spoken is what English and German say, with ordinary spaces.
func spoken(say func(Speech) string) [2]string {
	words := Catalog(nil)
	var said [2]string
	for i, tag := range Tags() {
		said[i] = strings.ReplaceAll(say(Of(tag, words)), noBreak, " ")
	}
	return said
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	words := Catalog(map[string]string{"Hello %s": "Guten Tag %s"})
	for locale, want := range map[string]string{
		"de": "Guten Tag Ada", "de-AT": "Guten Tag Ada", "de_CH": "Guten Tag Ada", "gsw": "Guten Tag Ada", "en-US": "Hello Ada", "fr": "Hello Ada", "": "Hello Ada", "no language!": "Hello Ada",
	} {
		if got := Of(locale, words).Sprintf("Hello %s", "Ada"); got != want {
			t.Errorf("%q says %q, want %q", locale, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 1, 9, 5, 0, 0, time.UTC)
	for _, test := range []struct {
		say  func(Speech, time.Time) string
		want [2]string
	}{
		{Speech.Date, [2]string{"Monday, 1 March 2027", "Montag, 1. März 2027"}},
		{Speech.Time, [2]string{"09:05", "09:05 Uhr"}},
		{Speech.Moment, [2]string{"Monday, 1 March 2027, 09:05", "Montag, 1. März 2027, 09:05 Uhr"}},
		{Speech.ShortMoment, [2]string{"1 Mar 2027, 09:05", "01.03.2027, 09:05 Uhr"}},
		{Speech.LongDate, [2]string{"1 March 2027", "1. März 2027"}},
		{Speech.Weekday, [2]string{"Monday", "Montag"}},
		{Speech.ShortWeekday, [2]string{"Mon", "Mo."}},
		{Speech.Month, [2]string{"March 2027", "März 2027"}},
		{Speech.ShortMonth, [2]string{"Mar", "März"}},
		{func(s Speech, t time.Time) string { return s.Hours(t, t.Add(90*time.Minute)) }, [2]string{"09:05 – 10:35", "09:05 – 10:35 Uhr"}},
	} {
		if got := spoken(func(s Speech) string { return test.say(s, at) }); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestPercentages(t *testing.T) {
	t.Parallel()
	for basisPoints, want := range map[int][2]string{0: {"0%", "0 %"}, 1000: {"10%", "10 %"}, 1250: {"12.5%", "12,5 %"}, 1: {"0.01%", "0,01 %"}, 10_000: {"100%", "100 %"}} {
		if got := spoken(func(s Speech) string { return s.Percent(basisPoints) }); got != want {
			t.Errorf("%d: %q, want %q", basisPoints, got, want)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for a, want := range map[money.Amount][4]string{
		{AmountMinor: 2550, Currency: "EUR"}:          {"€25.50", "25,50 €", "EUR 25.50", "25,50 EUR"},
		{AmountMinor: 5, Currency: "EUR"}:             {"€0.05", "0,05 €", "EUR 0.05", "0,05 EUR"},
		{Currency: "EUR"}:                             {"€0.00", "0,00 €", "EUR 0.00", "0,00 EUR"},
		{AmountMinor: 123_456_789, Currency: "CHF"}:   {"CHF 1,234,567.89", "1.234.567,89 CHF", "CHF 1,234,567.89", "1.234.567,89 CHF"},
		{AmountMinor: 2550, Currency: "JPY"}:          {"¥2,550", "2.550 ¥", "JPY 2,550", "2.550 JPY"},
		{AmountMinor: 2550, Currency: "KWD"}:          {"KWD 2.550", "2,550 KWD", "KWD 2.550", "2,550 KWD"},
		{AmountMinor: 100, Currency: "CAD"}:           {"CA$1.00", "1,00 CA$", "CAD 1.00", "1,00 CAD"},
		{AmountMinor: 100, Currency: "QQQ"}:           {"QQQ 1.00", "1,00 QQQ", "QQQ 1.00", "1,00 QQQ"},
		{AmountMinor: -1230, Currency: "USD"}:         {"-$12.30", "-12,30 $", "-USD 12.30", "-12,30 USD"},
		{AmountMinor: math.MinInt64, Currency: "EUR"}: {"-€92,233,720,368,547,758.08", "-92.233.720.368.547.758,08 €", "-EUR 92,233,720,368,547,758.08", "-92.233.720.368.547.758,08 EUR"},
	} {
		symbol, code := spoken(func(s Speech) string { return s.Amount(a) }), spoken(func(s Speech) string { return s.AmountByCode(a) })
		if got := [4]string{symbol[0], symbol[1], code[0], code[1]}; got != want {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for code, want := range map[string][2]string{"EUR": {"€{}", "{} €"}, "CHF": {"CHF {}", "{} CHF"}, "": {"{}", "{} "}} {
		if got := spoken(func(s Speech) string { return s.Pattern(code) }); got != want {
			t.Errorf("%q: %q, want %q", code, got, want)
		}
	}
}

func TestPlurals(t *testing.T) {
	t.Parallel()
	words := Catalog(nil, map[string]Plural{"%d tickets": {[2]string{"%d ticket", "%d tickets"}, [2]string{"%d Karte", "%d Karten"}}})
	for n, want := range map[int][2]string{0: {"0 tickets", "0 Karten"}, 1: {"1 ticket", "1 Karte"}, 2: {"2 tickets", "2 Karten"}, 1000: {"1,000 tickets", "1.000 Karten"}} {
		for i, tag := range Tags() {
			if got := Of(tag, words).Sprintf("%d tickets", n); got != want[i] {
				t.Errorf("%q, want %q", got, want[i])
			}
		}
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "de-AT,de;q=0.9,en;q=0.8": "de", "en-US,en;q=0.9,de;q=0.8": "en", "fr-FR,fr": "en", "fr,de;q=0.5": "de", "gsw-CH": "de", ";;;,,,=": "en", "*": "en",
	} {
		if got := Accepted(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{
		"Europe/Berlin": "Europe/Berlin, UTC+2", "America/New_York": "America/New_York, UTC−4", "Asia/Kolkata": "Asia/Kolkata, UTC+5:30",
		"America/St_Johns": "America/St_Johns, UTC−2:30", "UTC": "UTC", "": "UTC", "Local": "UTC", "Mars/Olympus": "UTC", "../etc/passwd": "UTC",
	} {
		if got := ZoneName(at.In(Zone(name))); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// Each mail and each page of a ticket asks for one.
func TestAZoneIsReadOnce(t *testing.T) {
	t.Parallel()
	if a, b := Zone("Europe/Berlin"), Zone("Europe/Berlin"); a != b {
		t.Errorf("%p and %p", a, b)
	}
}
