package notification

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

// The characters of the default alphabet of SMS (3GPP TS 23.038), of one septet and of two.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "^{}\\[~]|€\f"
)

// What an SMS has room for: one segment of that alphabet, two with a link, or three of UTF-16, of which
// two have too little for the longest texts around a title.
const (
	gsmRoom     = 160
	gsmLinkRoom = 2 * 153
	utf16Room   = 3 * 67
)

// isGSM reports whether s has characters of the default alphabet alone.
func isGSM(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(gsmBasic+gsmExtended, r) })
}

// septets is the length of s, which isGSM.
func septets(s string) int {
	n := 0
	for _, r := range s {
		if n++; strings.ContainsRune(gsmExtended, r) {
			n++
		}
	}
	return n
}

func utf16Units(s string) int { return len(utf16.Encode([]rune(s))) }

// sms writes the SMS of kind. Its title is cut where the text is too long: nothing else
// of it is of any length.
func (in edition) sms(kind Kind, v view) (string, error) {
	var err error
	write := func(title string) string {
		var b strings.Builder
		v.Title = title
		if e := in.texts.ExecuteTemplate(&b, string(kind)+".sms.txt", v); e != nil {
			err = fmt.Errorf("render: %w", e)
		}
		return strings.ReplaceAll(strings.TrimSpace(b.String()), "\u00a0", " ")
	}
	title := plain(v.Title)
	text := write(title)
	room, size := gsmRoom, septets
	if v.Link != "" {
		room = gsmLinkRoom
	}
	if !isGSM(text) {
		room, size = utf16Room, utf16Units
	}
	if length := size(text); length > room {
		text = write(cut(title, room-(length-size(title)), size))
	}
	return text, err
}

// cut shortens s, which is longer, to room. It cuts nothing that is read as one character.
func cut(s string, room int, size func(string) int) string {
	const dots = "..."
	end, state := 0, -1
	for rest, left := s, room-len(dots); rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if left -= size(cluster); left < 0 {
			break
		}
		end += len(cluster)
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace) + dots
}

// typography are the characters that have one of the default alphabet in their place.
var typography = strings.NewReplacer(
	string(joiner), " ", // it would cost an SMS more than half of its characters
	"\u00a0", " ", "\u2009", " ", "\u202f", " ",
	"‘", "'", "’", "'", "‚", "'", "‛", "'", "`", "'", "´", "'", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‹", "'", "›", "'",
	"–", "-", "—", "-", "‐", "-", "‑", "-", "−", "-", "…", "...", "•", "-", "·", "-", "×", "x", "™", "",
	"ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ð", "d", "þ", "th", "ı", "i", "œ", "oe", "Œ", "OE",
)

// plain is s in the default alphabet, without the marks that it does not have, if s can
// be written so.
func plain(s string) string {
	simple := typography.Replace(norm.NFC.String(s))
	var b strings.Builder
	for _, r := range simple {
		if isGSM(string(r)) {
			b.WriteRune(r)
			continue
		}
		for _, part := range norm.NFD.String(string(r)) {
			if !unicode.Is(unicode.Mn, part) {
				b.WriteRune(part)
			}
		}
	}
	if isGSM(b.String()) {
		return b.String()
	}
	return strings.ReplaceAll(s, string(joiner), " ")
}
