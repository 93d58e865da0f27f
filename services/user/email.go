package user

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/text"
)

// The bounds of RFC 5321, in bytes.
const (
	maxEmail     = 254
	maxLocalPart = 64
	maxDomain    = 253 // in A-labels
	maxLabel     = 63  // as an A-label
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
	case len(domain) > maxEmail: // nobody has it, and IDNA's effort is the square of its length
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

// checkEmail returns email without space around it, and what is wrong with it.
// It is stricter than RFC 5322: no comments, no quoted local parts, no address
// literals. Nobody has such an address, and each has been a hole somewhere.
func checkEmail(email string) (string, problem.Invalid) {
	email = strings.TrimSpace(email)
	if len(email) > maxEmail {
		return "", invalid("email", "must have at most 254 bytes")
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || !utf8.ValidString(email) || !localPart(local) || !domainName(domain, maxEmail-len(local)-len("@")) {
		return "", invalid("email", "must be an email address like ada@example.com")
	}
	// A second opinion, of those who will have to send mail to it.
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || a.Name != "" {
		return "", invalid("email", "must be an email address like ada@example.com")
	}
	return email, nil
}

func localPart(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	if len(s) > maxLocalPart || !text.IsVisible(s) || unicode.IsMark(first) || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		if !letter(r) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r) {
			return false
		}
	}
	return true
}

// domainName reports whether s is a domain that mail servers can be asked for, in at most
// so many bytes.
func domainName(s string, most int) bool {
	for _, r := range s {
		if !letter(r) && r != '-' && r != '.' {
			return false
		}
	}
	ascii, err := idna.Lookup.ToASCII(s)
	if err != nil || len(ascii) > min(most, maxDomain) {
		return false
	}
	labels := strings.Split(ascii, ".")
	for _, l := range labels {
		if l == "" || len(l) > maxLabel || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	return len(labels) > 1
}

func letter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)) && !text.IsIgnored(r)
}
