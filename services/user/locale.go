package user

import (
	"strings"

	"golang.org/x/text/language"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// MaxLocaleLength is in bytes: that of RFC 5646 §4.4.1.
const MaxLocaleLength = 35

// checkLocale returns locale, a BCP 47 language tag, in its canonical form, and
// what is wrong with it.
func checkLocale(locale string) (string, problem.Invalid) {
	locale = strings.TrimSpace(locale)
	if locale == "" {
		return "", nil
	}
	wrong := invalid("locale", "must be a language tag like de or en-GB")
	if len(locale) > MaxLocaleLength {
		return "", wrong
	}
	tag, err := language.Parse(locale)
	if err != nil || tag.IsRoot() {
		return "", wrong
	}
	return tag.String(), nil
}
