package web

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A session in a cookie has its tokens, keys and ids in bytes, not in text: two access
// tokens and MaxLinks links fit then.

// encodeSession returns a session as it is sealed at a moment. Times are in seconds.
func encodeSession(s Session, at time.Time) []byte {
	b := []byte{sessionFormat}
	b = appendTime(b, at)
	b = appendText(b, s.Locale)
	for _, t := range []*Tokens{s.Account, s.Guest} {
		if t == nil {
			t = &Tokens{}
		}
		b = appendText(b, t.Access)
		b = appendText(b, t.Refresh)
		b = appendTime(b, t.ExpiresAt)
	}
	b = append(b, byte(len(s.Links)))
	for _, l := range s.Links {
		b = appendText(b, l.BookingID)
		b = appendText(b, l.Key)
	}
	return b
}

// sessionFormat is raised with each change of what encodeSession writes. Whoever has a
// session of another format is signed out.
const sessionFormat = 1

var errSessionFormat = errors.New("not a session")

// decodeSession reads what encodeSession has written.
func decodeSession(b []byte) (s Session, at time.Time, err error) {
	d := decoder{rest: b}
	if d.byte() != sessionFormat {
		return Session{}, time.Time{}, errSessionFormat
	}
	at, s.Locale = d.time(), d.text()
	for _, to := range []**Tokens{&s.Account, &s.Guest} {
		t := Tokens{Access: d.text(), Refresh: d.text(), ExpiresAt: d.time()}
		if t.Access != "" {
			*to = &t
		}
	}
	for range min(d.byte(), MaxLinks) {
		s.Links = append(s.Links, Link{BookingID: d.text(), Key: d.text()})
	}
	if d.failed || len(d.rest) > 0 {
		return Session{}, time.Time{}, errSessionFormat
	}
	return s, at, nil
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(b, 0)
	}
	return binary.AppendVarint(b, t.Unix())
}

// How a text is written: as it is, as the bytes of a UUID, or as those of segments in
// base64url, of which each has a dot before it but the first.
const (
	plainText = iota
	uuidText
	segmentedText // and 1, 2, … more segments
)

var segmentText = base64.RawURLEncoding.Strict()

func appendText(b []byte, text string) []byte {
	if id, err := uuid.Parse(text); err == nil && id.String() == text {
		return append(append(b, uuidText), id[:]...)
	}
	segments := strings.Split(text, ".")
	out := []byte{byte(segmentedText + len(segments) - 1)}
	for _, segment := range segments {
		raw, err := segmentText.DecodeString(segment)
		// Line breaks are no fault for the decoder, and would be lost.
		if err != nil || len(segments) > maxSegments || segmentText.EncodeToString(raw) != segment {
			return append(binary.AppendUvarint(append(b, plainText), uint64(len(text))), text...)
		}
		out = append(binary.AppendUvarint(out, uint64(len(raw))), raw...)
	}
	return append(b, out...)
}

// maxSegments is how many a token has at most.
const maxSegments = 3

// decoder reads what was appended. After a failure it reads nothing.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) bytes(n uint64) []byte {
	if d.failed || n > uint64(len(d.rest)) {
		d.failed = true
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) byte() byte {
	b := d.bytes(1)
	if d.failed {
		return 0
	}
	return b[0]
}

func (d *decoder) length() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.failed = true
		return 0
	}
	d.bytes(uint64(size))
	return n
}

func (d *decoder) time() time.Time {
	seconds, size := binary.Varint(d.rest)
	if size <= 0 {
		d.failed = true
		return time.Time{}
	}
	d.bytes(uint64(size))
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func (d *decoder) text() string {
	switch form := d.byte(); form {
	case plainText:
		return string(d.bytes(d.length()))
	case uuidText:
		b := d.bytes(16)
		if d.failed {
			return ""
		}
		return uuid.UUID(b).String()
	default:
		segments := make([]string, min(int(form-segmentedText)+1, maxSegments))
		for i := range segments {
			segments[i] = segmentText.EncodeToString(d.bytes(d.length()))
		}
		return strings.Join(segments, ".")
	}
}
