package contact

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
	MaxEmail     = 254
	maxLocalPart = 64
	maxDomain    = 253 // in A-labels
	maxLabel     = 63  // as an A-label
)

// Email returns email without space around it, and what is wrong with it.
// It is stricter than RFC 5322: no comments, no quoted local parts, no address
// literals. Nobody has such an address, and each has been a hole somewhere.
func Email(field, email string) (string, problem.Invalid) {
	email = strings.TrimSpace(email)
	if len(email) > MaxEmail {
		return "", invalid(field, "must have at most 254 bytes")
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || !utf8.ValidString(email) || !localPart(local) || !domainName(domain, MaxEmail-len(local)-len("@")) {
		return "", invalid(field, "must be an email address like ada@example.com")
	}
	// A second opinion, of those who will have to send mail to it.
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || a.Name != "" {
		return "", invalid(field, "must be an email address like ada@example.com")
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
