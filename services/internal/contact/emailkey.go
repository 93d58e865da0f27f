package contact

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// EmailKey is what two spellings of one email address have in common: they
// differ in nothing but capital and small letters, in any script, or in how the domain
// is written: in its own script, as A-labels (xn--bcher-kva), or with characters that
// IDNA maps to others.
func EmailKey(email string) string {
	local, domain, ok := strings.Cut(strings.TrimSpace(email), "@")
	key := strings.Map(small, local)
	switch {
	case !ok:
		return key
	case len(domain) > MaxEmail: // nobody has it, and IDNA's effort is the square of its length
		return key + "@" + domain
	}
	// As mail servers are asked for it: ﬁ is fi, and full width is none.
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		ascii = strings.ToLower(domain)
	}
	if shown, err := idna.ToUnicode(ascii); err == nil {
		return key + "@" + shown
	}
	return key + "@" + ascii
}

// small is the small letter of which r is the capital one, or r. Each must be the only
// other form of the other: İ is not the capital i, nor ſ another s. There may be two
// mailboxes, and two are never one account.
func small(r rune) rune {
	if l := unicode.ToLower(r); unicode.ToUpper(l) == r {
		return l
	}
	return r
}

// MailboxKey is one for all the addresses that reach a mailbox, as far as an address
// shows it: what follows a + in the local part is for its owner to choose, and so are
// the dots in one of Gmail.
func MailboxKey(email string) string {
	key := EmailKey(email)
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return key
	}
	local, _, _ := strings.Cut(key[:at], "+")
	domain := key[at:]
	if domain == "@gmail.com" || domain == "@googlemail.com" { // one domain under two names
		local, domain = strings.ReplaceAll(local, ".", ""), "@gmail.com"
	}
	return local + domain
}
