package events

import (
	"encoding/base32"
	"encoding/hex"
	"strings"
)

// crockford has no letters that are misheard or misread: no I, L, O, U.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Reference is the short form of a booking's id, for people to read out and to
// write down: "BX-7K3F-9QRT". It is made of the id's last 40 bits, which are
// random: two bookings of one customer never share it in practice, but it is
// no key. Programs use the id.
func Reference(bookingID string) string {
	id, err := hex.DecodeString(strings.ReplaceAll(bookingID, "-", ""))
	if err != nil || len(id) != 16 {
		return bookingID
	}
	s := crockford.EncodeToString(id[11:])
	return "BX-" + s[:4] + "-" + s[4:]
}
