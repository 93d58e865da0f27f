package notification

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

// smsOf is the SMS about a confirmed booking for an event with this title.
func smsOf(t *testing.T, locale, title string) string {
	t.Helper()
	b := someBooking()
	b.Event.Title = title
	return contentIn(t, locale, message(t, events.TypeBookingConfirmed, b), false).SMS
}

func TestSeptets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "Füße": 4, "ÄÖÜäöüß": 7, "@£$¥èéùìòÇØøÅåΔ": 15, "€": 2, "[a]": 5, "a|b~": 6, "12,50 €": 8} {
		if !isGSM(text) {
			t.Errorf("%q is not in the alphabet", text)
		}
		if got := septets(text); got != want {
			t.Errorf("%q has %d septets, want %d", text, got, want)
		}
	}
	for _, text := range []string{"音楽", "ç", "á", "…", "–", "„", "\u00a0", "😀", "`"} {
		if isGSM(text) {
			t.Errorf("%q is in the alphabet", text)
		}
	}
}

func TestATitleIsWrittenInTheAlphabetWhereItCanBe(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Füße & Größe":              "Füße & Größe",
		"Fu\u0308ße":                "Füße",
		"Dvořák: „Rusalka“ – Oper…": `Dvorak: "Rusalka" - Oper...`,
		"Beyoncé à Łódź, Çà et là":  "Beyoncé à Lodz, Çà et là",
		"L’été\u00a0– 5\u202f%":     "L'été - 5 %",
		"evil.\u2060example":        "evil. example",
		"音楽 – „live“":               "音楽 – „live“",
		"evil.\u2060example 音楽":     "evil. example 音楽",
		"Rock \U0001F3B8 am Ring":   "Rock \U0001F3B8 am Ring",
		"ערב של מיתרים":             "ערב של מיתרים",
	} {
		if got := plain(title); got != want {
			t.Errorf("%q becomes %q, want %q", title, got, want)
		}
	}
}

func TestAnSMSIsOneSegmentWherePossible(t *testing.T) {
	t.Parallel()
	for _, locale := range speech.Tags() {
		for title, whole := range map[string]bool{
			"A Night of Strings":                       true,
			"Füße, Größe, Übermut: Ein Abend für Öfen": true,
			strings.Repeat("Übergrößenträger ", 11):    false,
			strings.Repeat("[€]", 60):                  false,
			strings.Repeat("Dvořák – ", 20):            false,
			strings.Repeat("x", 200):                   false,
		} {
			text := smsOf(t, locale, title)
			if !isGSM(text) || septets(text) > 160 || !whole && septets(text) < 155 {
				t.Errorf("%s: %q has %d septets", locale, text, septets(text))
			}
			if whole != strings.Contains(text, title) || whole == strings.Contains(text, "...,") {
				t.Errorf("%s: %q has not the title %q, or not a part of it", locale, text, title)
			}
			for _, must := range []string{"BX-4D2P-F2DB", "19:30"} {
				if !strings.Contains(text, must) {
					t.Errorf("%s: %q has not %q", locale, text, must)
				}
			}
		}
	}
}

func TestAnSMSOfOtherScriptsIsAtMostThreeSegments(t *testing.T) {
	t.Parallel()
	for _, locale := range speech.Tags() {
		for _, unit := range []string{"音楽", "👩‍👩‍👧‍👦", "й", "नि", "ש"} {
			for n := range 60 {
				title := strings.Repeat("a", n) + strings.Repeat(unit, 140)
				text := smsOf(t, locale, title)
				if got := utf16Units(text); got > 201 {
					t.Fatalf("%s: %q has %d units", locale, text, got)
				}
				for _, must := range []string{"BX-4D2P-F2DB", "19:30"} {
					if !strings.Contains(text, must) {
						t.Fatalf("%s: %q has not %q", locale, text, must)
					}
				}
				_, rest, _ := strings.Cut(text, "x \u2068")
				if rest == "" {
					_, rest, _ = strings.Cut(text, " x ")
				}
				shown, _, found := strings.Cut(rest, "...")
				if !found || !utf8.ValidString(shown) || strings.Trim(strings.TrimLeft(shown, "a"), unit) != "" || !wholeClusters(shown, title) {
					t.Fatalf("%s: the title is cut to %q", locale, shown)
				}
			}
		}
	}
}

// wholeClusters reports whether part is the beginning of s, up to the end of a character.
func wholeClusters(part, s string) bool {
	g := uniseg.NewGraphemes(s)
	for end := 0; end <= len(part); {
		if end == len(part) {
			return strings.HasPrefix(s, part)
		}
		if !g.Next() {
			return false
		}
		_, end = g.Positions()
	}
	return false
}

// With a link an SMS has two segments, and the link is whole.
func TestAnSMSWithALink(t *testing.T) {
	t.Parallel()
	link := "https://tickets.example.org/b/" + bookingID + "/xvQ8MosBTNjY_I8JO9UQvw"
	for _, locale := range speech.Tags() {
		for letter, segments := range map[string]int{"Ü": 2 * 153, "楽": 3 * 67} {
			c, err := render(Confirmation, func() events.Booking {
				b := someBooking()
				b.Event.Title = strings.Repeat(letter, 200)
				return b
			}(), false, locale, carried{Link: link})
			if err != nil {
				t.Fatal(err)
			}
			size := septets
			if !isGSM(c.SMS) {
				size = utf16Units
			}
			if shown := strings.Count(c.SMS, letter); !strings.HasSuffix(c.SMS, " "+link) || size(c.SMS) > segments || shown < 15 {
				t.Errorf("%s: %d characters, with %d of the title: %s", locale, size(c.SMS), shown, c.SMS)
			}
		}
	}
}

// What is said around a title leaves room for it, in each language and of each kind.
func TestEachSMSHasRoomForATitle(t *testing.T) {
	t.Parallel()
	for _, locale := range speech.Tags() {
		in := editionOf(locale)
		for kind := range subjects {
			if kind == Test || kind == Resent || kind == Links || kind.toHolder() || kind.aboutAccount() {
				continue
			}
			for _, due := range []bool{false, true} {
				text, err := in.sms(kind, view{
					Reference: "BX-4D2P-F2DB", Title: strings.Repeat("Ü", 200), WhenShort: in.ShortMoment(someBooking().Event.StartsAt),
					viewItems: viewItems{Tickets: 20}, Refund: "x", RefundCode: "1.234.567,89\u00a0EUR", RefundDue: due,
				})
				if err != nil {
					t.Fatal(err)
				}
				if shown := strings.Count(text, "Ü"); !isGSM(text) || septets(text) > 160 || shown < 15 {
					t.Errorf("%s, %s: %d septets, with %d of the title: %s", locale, kind, septets(text), shown, text)
				}
			}
		}
	}
}
