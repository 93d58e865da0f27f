// Package speech is the languages in which we write to people, English and German,
// and how these write dates, times, amounts and percentages. What they look like is
// CLDR's.
package speech

import (
	"errors"
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // event zones are known wherever this runs
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"
	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// conventions are CLDR's for one language.
type conventions interface {
	locales.Translator
	Decimal() string
}

// dialect is a language in which we write.
type dialect struct {
	tag language.Tag
	conventions
	currencyFirst bool
}

var (
	// dialects begins with the one for everybody whose language we do not write. Of the
	// English dates those of Great Britain are as short as the German ones.
	dialects = []dialect{
		{language.English, en_GB.New().(conventions), true},
		{language.German, de.New().(conventions), false},
	}
	matcher = language.NewMatcher([]language.Tag{dialects[0].tag, dialects[1].tag})
)

// times are the words of this package, which each catalog has.
var times = map[string]string{"%s": "%s Uhr", "%s, %s": "%s, %s Uhr"}

// Catalog returns texts as English and as German, by their English ones. It panics if
// one is malformed.
func Catalog(german map[string]string) catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	for _, words := range []map[string]string{times, german} {
		for english, text := range words {
			if err := errors.Join(b.SetString(language.English, english, english), b.SetString(language.German, english, text)); err != nil {
				panic(fmt.Sprintf("the text %q: %v", english, err))
			}
		}
	}
	return b
}

// Tags are the BCP 47 tags of the languages in which we write.
func Tags() []string {
	var tags []string
	for _, d := range dialects {
		tags = append(tags, d.tag.String())
	}
	return tags
}

// Speech writes in one language.
type Speech struct {
	*message.Printer // of the texts of a Catalog
	Tag              string
	dialect          dialect
}

// Of returns the Speech of the language that suits locale, a BCP 47 tag, best: English
// where none does. Its texts are those of words.
func Of(locale string, words catalog.Catalog) Speech {
	_, i, _ := matcher.Match(language.Make(locale))
	d := dialects[i]
	return Speech{message.NewPrinter(d.tag, message.Catalog(words)), d.tag.String(), d}
}

// Date returns the date of t: "Friday, 12 March 2027", "Freitag, 12. März 2027".
func (s Speech) Date(t time.Time) string { return s.dialect.FmtDateFull(t) }

// Time returns the time of t: "19:30", "19:30 Uhr".
func (s Speech) Time(t time.Time) string { return s.Sprintf("%s", s.dialect.FmtTimeShort(t)) }

// Moment returns the date and the time of t.
func (s Speech) Moment(t time.Time) string {
	return s.Sprintf("%s, %s", s.Date(t), s.dialect.FmtTimeShort(t))
}

// ShortMoment returns the same in few characters: "12 Mar 2027, 19:30",
// "12.03.2027, 19:30 Uhr".
func (s Speech) ShortMoment(t time.Time) string {
	return s.Sprintf("%s, %s", s.dialect.FmtDateMedium(t), s.dialect.FmtTimeShort(t))
}

// Percent returns basis points as people write them: "12.5%", "12,5 %".
func (s Speech) Percent(basisPoints int) string {
	return s.Sprint(number.Percent(float64(basisPoints)/10_000, number.MaxFractionDigits(2)))
}

// Amount returns a as people write it: "€1,025.50", "1.025,50 €".
func (s Speech) Amount(a money.Amount) string {
	symbol := a.Currency
	if unit, err := currency.ParseISO(a.Currency); err == nil {
		symbol = s.Sprint(currency.Symbol(unit))
	}
	return s.amount(a, symbol)
}

// AmountByCode returns a with its currency's code, which has ASCII letters alone:
// "EUR 1,025.50", "1.025,50 EUR".
func (s Speech) AmountByCode(a money.Amount) string { return s.amount(a, a.Currency) }

const noBreak = "\u00a0"

func (s Speech) amount(a money.Amount, symbol string) string {
	sign, minor, unit := "", uint64(a.AmountMinor), uint64(1)
	if a.AmountMinor < 0 {
		sign, minor = "-", -minor
	}
	decimals := money.Decimals(a.Currency)
	for range decimals {
		unit *= 10
	}
	sum := s.Sprint(number.Decimal(minor / unit))
	if decimals > 0 {
		sum += fmt.Sprintf("%s%0*d", s.dialect.Decimal(), decimals, minor%unit)
	}
	last, _ := utf8.DecodeLastRuneInString(symbol)
	switch {
	case !s.dialect.currencyFirst:
		return sign + sum + noBreak + symbol
	case unicode.IsLetter(last):
		return sign + symbol + noBreak + sum
	}
	return sign + symbol + sum
}

// zones are those that somebody has asked for, by name: each is a file to read. There are a
// few hundred.
var zones sync.Map

// Zone returns the named zone, or UTC where nobody knows it.
func Zone(name string) *time.Location {
	if loc, known := zones.Load(name); known {
		return loc.(*time.Location)
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC
	}
	zones.Store(name, loc)
	return loc
}

// ZoneName says which time t is: "Europe/Berlin, UTC+1".
func ZoneName(t time.Time) string {
	_, offset := t.Zone()
	if t.Location() == time.UTC {
		return "UTC"
	}
	sign := '+'
	if offset < 0 {
		sign, offset = '−', -offset
	}
	name := fmt.Sprintf("%s, UTC%c%d", t.Location(), sign, offset/3600)
	if minutes := offset % 3600 / 60; minutes != 0 {
		name += fmt.Sprintf(":%02d", minutes)
	}
	return name
}
