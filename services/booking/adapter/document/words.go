package document

import (
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // event zones are known wherever this runs

	"github.com/go-playground/locales"
	"github.com/go-playground/locales/de"
	"github.com/go-playground/locales/en_GB"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/number"
)

// german has the documents' own words, by their English ones.
var german = map[string]string{
	"Ticket":            "Ticket",
	"Ticket no. %d":     "Ticket Nr. %d",
	"Begins":            "Beginn",
	"Doors":             "Einlass",
	"Venue":             "Ort",
	"Holder":            "Inhaber",
	"Booking reference": "Buchungsnummer",
	"Booking id: %s":    "Buchungs-ID: %s",
	"Please note":       "Bitte beachten",
	"Organizer: %s":     "Veranstalter: %s",
	"%s, %s":            "%s, %s Uhr",
	"%s":                "%s Uhr",
	"Page %d of %d":     "Seite %d von %d",
	"As of %s":          "Stand: %s",
	"Tickets: %s":       "Tickets: %s",

	"(not printable; your booking shows it)":                                   "(nicht druckbar; Ihre Buchung zeigt es)",
	"Some characters on this page cannot be printed. Your booking shows them.": "Einige Zeichen auf dieser Seite sind nicht druckbar. Ihre Buchung zeigt sie.",

	"This ticket replaces all earlier ones with this number (issue %d).":                                                       "Dieses Ticket ersetzt alle früheren mit dieser Nummer (Ausgabe %d).",
	"The code admits one person, once. Whoever shows it first gets in, so keep it to yourself.":                                "Der Code gilt für eine Person und einen Einlass. Eingelassen wird, wer ihn zuerst zeigt: Behalten Sie ihn für sich.",
	"The holder can be changed until %s. The previous code is then refused.":                                                   "Der Inhaber kann bis %s geändert werden. Der bisherige Code gilt dann nicht mehr.",
	"The holder cannot be changed.":                                                                                            "Der Inhaber kann nicht geändert werden.",
	"The ticket can be returned free of charge until %s.":                                                                      "Das Ticket kann bis %s kostenlos zurückgegeben werden.",
	"The ticket can be returned until %s. %s of its price is kept.":                                                            "Das Ticket kann bis %s zurückgegeben werden. Dabei werden %s des Preises einbehalten.",
	"The ticket can be returned free of charge until %s. After that it can be returned until %s, and %s of its price is kept.": "Das Ticket kann bis %s kostenlos zurückgegeben werden. Danach ist die Rückgabe bis %s möglich, und %s des Preises werden einbehalten.",
}

var words = func() catalog.Catalog {
	b := catalog.NewBuilder(catalog.Fallback(language.English))
	for english, text := range german {
		if err := errors.Join(b.SetString(language.English, english, english), b.SetString(language.German, english, text)); err != nil {
			panic(err) // one of the strings above is malformed
		}
	}
	return b
}()

// speech is a language in which documents are written.
type speech struct {
	*message.Printer
	dates locales.Translator
}

var (
	languages = []language.Tag{language.English, language.German} // the first is for all others
	matcher   = language.NewMatcher(languages)
	// dates are CLDR's. Of the English ones these are as short as the German ones.
	dates = []locales.Translator{en_GB.New(), de.New()}
)

// speechOf returns that of a BCP 47 tag.
func speechOf(locale string) speech {
	_, i, _ := matcher.Match(language.Make(locale))
	return speech{message.NewPrinter(languages[i], message.Catalog(words)), dates[i]}
}

func (s speech) date(t time.Time) string { return s.dates.FmtDateFull(t) }

func (s speech) time(t time.Time) string { return s.Sprintf("%s", s.dates.FmtTimeShort(t)) }

// moment is the date and the time of t.
func (s speech) moment(t time.Time) string {
	return s.Sprintf("%s, %s", s.date(t), s.dates.FmtTimeShort(t))
}

// percent is basis points as people write them.
func (s speech) percent(basisPoints int) string {
	return s.Sprint(number.Percent(float64(basisPoints)/10_000, number.MaxFractionDigits(2)))
}

// zoneOf is where an event's times are told; UTC where nobody knows the zone.
func zoneOf(name string) *time.Location {
	if loc, err := time.LoadLocation(name); err == nil && name != "Local" {
		return loc
	}
	return time.UTC
}

// zoneName says which time t is: "Europe/Berlin, UTC+1".
func zoneName(t time.Time) string {
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
