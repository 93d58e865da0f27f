package notification

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// mailboxKey is what all spellings of an address share that reach one mailbox: in
// whatever case, with the domain in its own script or as A-labels, with
// whatever follows a plus sign, which most providers ignore, and at Gmail with
// whatever dots. It is an unsalted hash, which shows no address but confirms one
// that somebody guesses: it is personal data, and pruned.
func mailboxKey(address string) string {
	address, _ = ASCIIDomain(norm.NFKC.String(address)) // which has its own rule: straße is not strasse there
	at := max(strings.LastIndexByte(address, '@'), 0)
	local, _, _ := strings.Cut(norm.NFKC.String(cases.Fold().String(address[:at])), "+")
	domain := strings.ToLower(address[at:])
	if domain == "@gmail.com" || domain == "@googlemail.com" { // one domain under two names
		local, domain = strings.ReplaceAll(local, ".", ""), "@gmail.com"
	}
	sum := sha256.Sum256([]byte(local + domain))
	return hex.EncodeToString(sum[:])
}
