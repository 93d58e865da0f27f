// Package contact is the one rule for how people are named and reached: each
// function returns a value as it is stored, and what is wrong with it as the named field.
package contact

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/text"
)

// MaxNameLength is in characters.
const MaxNameLength = 200

// e164 is a phone number as the world's exchanges know it.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Name returns name without space around it, and what is wrong with it.
func Name(field, name string) (string, problem.Invalid) {
	name = strings.TrimSpace(name)
	switch n := utf8.RuneCountInString(name); {
	case !text.IsLine(name):
		return "", invalid(field, "has characters that cannot be printed")
	case n < 1 || n > MaxNameLength:
		return "", invalid(field, "must have 1 to 200 characters")
	case !text.IsVisible(name):
		return "", invalid(field, "must have characters that can be seen")
	}
	return name, nil
}

// Phone returns phone, which may be empty, without space around it, and what is wrong with it.
func Phone(field, phone string) (string, problem.Invalid) {
	phone = strings.TrimSpace(phone)
	if phone != "" && !e164.MatchString(phone) {
		return "", invalid(field, "must be a number like +4915112345678")
	}
	return phone, nil
}

// MaxLocaleLength is in bytes: that of RFC 5646 §4.4.1.
const MaxLocaleLength = 35

// Locale returns locale, a BCP 47 language tag or empty, in its canonical form, and
// what is wrong with it.
func Locale(field, locale string) (string, problem.Invalid) {
	locale = strings.TrimSpace(locale)
	if locale == "" {
		return "", nil
	}
	wrong := invalid(field, "must be a language tag like de or en-GB")
	if len(locale) > MaxLocaleLength {
		return "", wrong
	}
	tag, err := language.Parse(locale)
	if err != nil || tag.IsRoot() {
		return "", wrong
	}
	return tag.String(), nil
}

func invalid(field, message string) problem.Invalid {
	return problem.Invalid{{Name: field, Message: message}}
}
