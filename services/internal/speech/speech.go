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
	"golang.org/x/text/feature/plural"
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

// Plural is a text that depends on its first argument, a number: for one, and for all
// others.
type Plural struct{ English, German [2]string }

// Catalog returns texts as English and as German, by their English ones, and plurals by
// their names. It panics if one is malformed.
func Catalog(german map[string]string, plurals ...map[string]Plural) catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	for _, words := range []map[string]string{times, german} {
		for english, text := range words {
			if err := errors.Join(b.SetString(language.English, english, english), b.SetString(language.German, english, text)); err != nil {
				panic(fmt.Sprintf("the text %q: %v", english, err))
			}
		}
	}
	for _, some := range plurals {
		for name, p := range some {
			if err := errors.Join(b.Set(language.English, name, selected(p.English)), b.Set(language.German, name, selected(p.German))); err != nil {
				panic(fmt.Sprintf("the plural %q: %v", name, err))
			}
		}
	}
	return b
}

func selected(forms [2]string) catalog.Message {
	return plural.Selectf(1, "%d", plural.One, forms[0], plural.Other, forms[1])
}

// Tags are the BCP 47 tags of the languages in which we write.
func Tags() []string {
	var tags []string
	for _, d := range dialects {
		tags = append(tags, d.tag.String())
	}
	return tags
}

// Accepted returns the tag of the language that suits an Accept-Language header best.
func Accepted(header string) string {
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		wanted = nil
	}
	_, i, _ := matcher.Match(wanted...)
	return dialects[i].tag.String()
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

// LongDate returns the date of t without its weekday: "12 March 2027", "12. März 2027".
func (s Speech) LongDate(t time.Time) string { return s.dialect.FmtDateLong(t) }

// Weekday returns that of t: "Friday", "Freitag".
func (s Speech) Weekday(t time.Time) string { return s.dialect.WeekdayWide(t.Weekday()) }

// ShortWeekday returns the same in few characters: "Fri", "Fr.".
func (s Speech) ShortWeekday(t time.Time) string { return s.dialect.WeekdayAbbreviated(t.Weekday()) }

// Month returns that of t, with its year: "March 2027", "März 2027".
func (s Speech) Month(t time.Time) string {
	return fmt.Sprintf("%s %d", s.dialect.MonthWide(t.Month()), t.Year())
}

// ShortMonth returns the month alone in few characters: "Mar", "März".
func (s Speech) ShortMonth(t time.Time) string { return s.dialect.MonthAbbreviated(t.Month()) }

// Hours returns the time of a beginning and that of an end: "19:30 – 22:00",
// "19:30 – 22:00 Uhr".
func (s Speech) Hours(from, to time.Time) string {
	return s.Sprintf("%s", s.dialect.FmtTimeShort(from)+" – "+s.dialect.FmtTimeShort(to))
}

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
func (s Speech) Amount(a money.Amount) string { return s.amount(a, s.symbol(a.Currency)) }

// Pattern returns how amounts of a currency are written, with {} in the place of the
// number: "€{}", "{} €".
func (s Speech) Pattern(code string) string { return s.around("{}", s.symbol(code)) }

func (s Speech) symbol(code string) string {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return code
	}
	return s.Sprint(currency.Symbol(unit))
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
	return sign + s.around(sum, symbol)
}

// around puts a currency's symbol to a sum.
func (s Speech) around(sum, symbol string) string {
	last, _ := utf8.DecodeLastRuneInString(symbol)
	switch {
	case !s.dialect.currencyFirst:
		return sum + noBreak + symbol
	case unicode.IsLetter(last):
		return symbol + noBreak + sum
	}
	return symbol + sum
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
