package ticketcode

import "errors"

// base45 is the alphabet of RFC 9285, which is that of a QR code's alphanumeric
// mode. No library has it: contracts require none.
const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

var errBase45 = errors.New("not base45")

// digits has the value of each character, 45 for a character that is no digit.
var digits = func() (of [256]uint16) {
	for i := range of {
		of[i] = 45
	}
	for value, c := range []byte(base45) {
		of[c] = uint16(value)
	}
	return of
}()

// encode is base45 of an even number of bytes: three characters for each two.
func encode(b []byte) string {
	text := make([]byte, 0, len(b)/2*3)
	for ; len(b) > 0; b = b[2:] {
		n := int(b[0])<<8 | int(b[1])
		text = append(text, base45[n%45], base45[n/45%45], base45[n/45/45])
	}
	return string(text)
}

// decode is the one inverse of encode.
func decode(text string) ([]byte, error) {
	if len(text)%3 != 0 {
		return nil, errBase45
	}
	b := make([]byte, 0, len(text)/3*2)
	for ; text != ""; text = text[3:] {
		c, d, e := digits[text[0]], digits[text[1]], digits[text[2]]
		n := int(c) + int(d)*45 + int(e)*45*45
		if c == 45 || d == 45 || e == 45 || n > 0xffff {
			return nil, errBase45
		}
		b = append(b, byte(n>>8), byte(n))
	}
	return b, nil
}
