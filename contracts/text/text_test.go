package text_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/text"
)

func TestIsLine(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"": true, "Night of Strings": true, "寂しさ 🎷 🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F": true,
		"שלום\u200f!": true, "\u200eA": true, "\u061cم": true, "क्\u200dष": true, "می\u200cخواهم": true, "Donau\u00addampf\u200bschiff": true,
		"\u0600١٢": true, "cafe\u0301": true,
		"two\r\nBcc: lines": false, "bell\a": false, "tab\t": false, "line\u2028": false, "paragraph\u2029": false, "\x85": false,
		"\u202eturned": false, "\u202aA\u202c": false, "\u2066A\u2069": false, "\ufeffA": false, "\ufff9": false, "\ue000": false, "\xff": false,
	} {
		if got := text.IsLine(s); got != want {
			t.Errorf("IsLine(%+q) is %t, want %t", s, got, want)
		}
	}
}

func TestIsText(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"": true, "one\ntwo\tthree\n": true, "one\u2028two\u2029three": true,
		"one\r": false, "\x1b[0m": false, "\u202e": false, "\xff": false,
	} {
		if got := text.IsText(s); got != want {
			t.Errorf("IsText(%+q) is %t, want %t", s, got, want)
		}
	}
}

func TestIsIgnored(t *testing.T) {
	t.Parallel()
	for r, want := range map[rune]bool{
		'\u00ad': true, '\u034f': true, '\u061c': true, '\u115f': true, '\u1160': true, '\u17b4': true, '\u17b5': true, '\u180b': true, '\u180e': true,
		'\u180f': true, '\u200b': true, '\u200f': true, '\u202e': true, '\u2060': true, '\u2065': true, '\u206f': true, '\u3164': true, '\ufe00': true,
		'\ufe0f': true, '\ufeff': true, '\uffa0': true, '\ufff0': true, '\U0001bca0': true, '\U0001d173': true, '\U000e0001': true, '\U000e0100': true,
		'\U000e01ef': true, '\U000e0fff': true,
		'a': false, ' ': false, 'é': false, '\u0301': false, '\u0600': false, '\u2800': false, '寂': false, '\U0001f3b7': false,
	} {
		if got := text.IsIgnored(r); got != want {
			t.Errorf("IsIgnored(%U) is %t, want %t", r, got, want)
		}
	}
}

func TestIsVisible(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"a": true, "1": true, "?": true, "🎷": true, "寂": true, "e\u0301": true, "\u200fש": true, "\u200b\u3164a": true, "+": true,
		"": false, " \t\u00a0\u3000": false, "\u202e": false, "\u200b": false, "\u200d\u200c": false, "\u200e\u200f\u061c": false, "\u00ad": false,
		"\U0001d159": false, "\U00013441": false, "\U00013442": false, "\u3164": false, "\u115f": false, "\u1160": false, "\uffa0": false, "\u2800": false, "\ufffc": false, "\u2060": false, "\ufeff": false, "\u034f": false,
		"\ufe0f": false, "\U000e0020": false, "\u0301": false, "\u180e": false, "\xff": false, "\u2800 \u3164\u200b": false,
	} {
		if got := text.IsVisible(s); got != want {
			t.Errorf("IsVisible(%+q) is %t, want %t", s, got, want)
		}
	}
}
