package html

import (
	"html/template"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/openboxoffice/boxoffice/services/internal/speech"
	"github.com/openboxoffice/boxoffice/services/web"
)

// wording is a language in which pages are written.
type wording struct {
	// Locale is the language's tag, as it stands in addresses.
	Locale string

	say     speech.Speech
	regions display.Namer // the names of countries
}

var (
	wordings = func() (all []wording) {
		words := speech.Catalog(german, plurals)
		for _, tag := range speech.Tags() {
			all = append(all, wording{tag, speech.Of(tag, words), display.Regions(language.Make(tag))})
		}
		return all
	}()

	// prefixes begin the addresses of pages in one language.
	prefixes = func() (all []string) {
		for _, l := range wordings {
			all = append(all, "/"+l.Locale)
		}
		return all
	}()
)

// wordingOf returns the language with a tag.
func wordingOf(tag string) (wording, bool) {
	i := slices.IndexFunc(wordings, func(l wording) bool { return l.Locale == tag })
	if i < 0 {
		return wording{}, false
	}
	return wordings[i], true
}

// wordingFor returns the language of a page: that of its address, or that which the
// visitor chose, or which the browser prefers.
func wordingFor(prefix, chosen, accepted string) wording {
	for _, tag := range []string{strings.TrimPrefix(prefix, "/"), chosen} {
		if l, known := wordingOf(tag); known {
			return l
		}
	}
	l, _ := wordingOf(speech.Accepted(accepted))
	return l
}

// prefixFor returns the prefix of pages in the language of a BCP 47 tag, or "" for none.
func prefixFor(locale string) string {
	if locale == "" {
		return ""
	}
	return "/" + speech.Of(locale, nil).Tag
}

// prefixOf returns the language with which a path begins.
func prefixOf(path string) (string, bool) {
	i := slices.IndexFunc(prefixes, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
	if i < 0 {
		return "", false
	}
	return prefixes[i], true
}

// bare is a path without a language.
func bare(path string) string {
	before, query, asked := strings.Cut(path, "?")
	if prefix, ok := prefixOf(before); ok {
		if before = strings.TrimPrefix(before, prefix); before == "" {
			before = "/"
		}
	}
	if asked {
		return before + "?" + query
	}
	return before
}

// functions are what templates say in this language.
func (l wording) functions() template.FuncMap {
	return template.FuncMap{
		"t":        l.text,
		"date":     l.say.Date,
		"clock":    l.say.Time,
		"moment":   l.say.Moment,
		"day":      time.Time.Day,
		"weekday":  l.say.Weekday,
		"weekdayS": l.say.ShortWeekday,
		"month":    l.say.Month,
		"monthS":   l.say.ShortMonth,
		"span":     l.span,
		"iso":      func(t time.Time) string { return t.Format(time.RFC3339) },
		"zone":     speech.ZoneName,
		"money":    l.say.Amount,
		"asset":    assetPath,
		"row":      rowOf,
		"field":    fieldOf,
		"optional": optional,
	}
}

// text says one of the texts in words.go, whose arguments stand where it says.
func (l wording) text(english string, args ...any) string { return l.say.Sprintf(english, args...) }

// span is the time between a beginning and an end: of one day its hours, of several
// days those.
func (l wording) span(from, to time.Time) string {
	if runsForDays(from, to) {
		return l.text("%s – %s", l.say.LongDate(from), l.say.LongDate(to))
	}
	return l.say.Hours(from, to)
}

// runsForDays reports whether somebody would say that it takes days. A night is none.
func runsForDays(from, to time.Time) bool { return to.Sub(from) > 18*time.Hour }

// place is venueLines with the country's name.
func (l wording) place(p web.Venue) []string {
	if region, err := language.ParseRegion(p.Country); err == nil {
		p.Country = l.regions.Name(region)
	}
	return venueLines(p)
}
