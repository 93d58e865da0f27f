package user

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// The bounds of RFC 5321, in bytes.
const (
	maxEmail     = 254
	maxLocalPart = 64
	maxLabel     = 63
)

// EmailKey is what two spellings of one email address have in common: they
// differ in nothing but case, in any script, or in how the domain is written: in
// its own script, as A-labels (xn--bcher-kva), or with characters that IDNA maps to
// others.
func EmailKey(email string) string {
	email = strings.TrimSpace(email)
	if local, domain, ok := strings.Cut(email, "@"); ok {
		// As mail servers are asked for it: ﬁ is fi, and full width is none.
		if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
			domain = ascii
		}
		if shown, err := idna.ToUnicode(strings.ToLower(domain)); err == nil {
			email = local + "@" + shown
		}
	}
	return strings.Map(func(r rune) rune {
		// Letters of one kind form a ring: K, k and the Kelvin sign. Its least
		// member stands for all of them.
		least := r
		for n := unicode.SimpleFold(r); n != r; n = unicode.SimpleFold(n) {
			least = min(least, n)
		}
		return unicode.ToLower(least)
	}, email)
}

// MailboxKey is one for all the addresses that reach a mailbox, as far as an address
// shows it: what follows a + in the local part is for its owner to choose.
func MailboxKey(email string) string {
	key := EmailKey(email)
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return key
	}
	local, _, _ := strings.Cut(key[:at], "+")
	return local + key[at:]
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
	if !ok || !utf8.ValidString(email) || !localPart(local) || !domainName(domain) {
		return "", invalid("email", "must be an email address like ada@example.com")
	}
	// A second opinion, of those who will have to send mail to it.
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || a.Name != "" {
		return "", invalid("email", "must be an email address like ada@example.com")
	}
	return email, nil
}

func localPart(s string) bool {
	if s == "" || len(s) > maxLocalPart || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		if !letter(r) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r) {
			return false
		}
	}
	return true
}

func domainName(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > maxLabel || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
		for _, r := range l {
			if !letter(r) && r != '-' {
				return false
			}
		}
	}
	return len(labels) > 1
}

func letter(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}
