// Package text is the one rule for texts that people write and others read:
// titles, names, addresses, notes.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsLine reports whether s is valid text of one line. Nothing in it ends a
// header or a line, turns the direction of the text around it, or is of nobody's
// alphabet.
func IsLine(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, isForbidden)
}

// IsText is IsLine for several lines, which end in \n.
func IsText(s string) bool {
	return IsLine(strings.NewReplacer("\n", "", "\t", "", "\u2028", "", "\u2029", "").Replace(s))
}

// IsVisible reports whether s shows anything: a text of spaces, joiners, fillers
// or accents alone does not. Every character that any service strips before it
// shows a text is among them.
func IsVisible(s string) bool { return strings.ContainsFunc(s, shows) }

// IsIgnored reports whether r shows nothing by itself, and nothing is missed without it:
// joiners, marks of direction, soft hyphens, variation selectors, fillers. These are
// Unicode's Default_Ignorable_Code_Point and the other format characters.
func IsIgnored(r rune) bool {
	return r > unicode.MaxASCII && !unicode.Is(unicode.Prepended_Concatenation_Mark, r) &&
		unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// allowed are format characters that texts cannot do without: joiners, marks of
// direction, which end with the letter they stand by, and places where a long
// word may be broken.
const allowed = "\u200c\u200d\u200e\u200f\u061c\u00ad\u200b\u2060"

func isForbidden(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp, unicode.Co):
		return true
	case unicode.Is(unicode.Cf, r):
		isTag := r >= 0xE0020 && r <= 0xE007F // flags of countries within countries
		return !strings.ContainsRune(allowed, r) && !isTag && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
	}
	return false
}

// shows reports whether r is a letter, a digit, punctuation or a symbol with a
// shape of its own.
func shows(r rune) bool {
	switch r {
	case '\u2800', // blank Braille
		'\U0001d159', '\U00013441', '\U00013442', // the null notehead, the full and the half blank of hieroglyphs
		'\ufffc', utf8.RuneError: // what takes the place of another
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !IsIgnored(r)
}
