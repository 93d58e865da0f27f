package notification

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/rivo/uniseg"
	"golang.org/x/net/idna"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// maxLine bounds each text that comes from a message, in characters, and
// maxNote what an organizer says.
const (
	maxLine = 200
	maxNote = 500
)

// decode reads what a booking message says, and what is to be told because of
// it. Every error is ErrUnknownType or ErrMalformed.
func decode(m events.Message) (events.Booking, Kind, error) {
	var b events.Booking
	malformed := func(what string) (events.Booking, Kind, error) {
		return events.Booking{}, Nothing, fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	unreadable := json.Unmarshal(m.Data, &b)
	kind, known := kindOf(m.Type, b)
	switch {
	case !known:
		return events.Booking{}, Nothing, fmt.Errorf("%w: %q", ErrUnknownType, m.Type)
	case m.ID == "":
		return malformed("no id")
	case unreadable != nil: // not the decoder's words: they may quote the data
		return malformed("the data is not a booking")
	case uuid.Validate(b.BookingID) != nil:
		return malformed("booking_id is no UUID")
	}
	if kind == Nothing {
		return b, kind, nil // nobody reads the rest
	}
	failed := kind == NotCompleted || kind == PaymentFailed || kind == PaymentReturned
	if failed && (b.Event.StartsAt.IsZero() || line(b.Event.Title) == "") {
		// It ended before the event was looked up: no more than its id is known.
		b.Event = events.Event{}
	}
	if failed || kind.confirms() || kind.toHolder() {
		b.Cancellation = nil
	}
	cancelled := b.Cancellation != nil && len(b.Cancellation.Items) > 0
	policy := b.Event.CancellationPolicy
	to, ok := address(b.UserEmail)
	switch {
	case !ok:
		return malformed("user_email is no address")
	case b.UserID == "":
		return malformed("no user_id")
	case b.Event.StartsAt.IsZero() && !failed:
		return malformed("event.starts_at is missing")
	case kind == ItemsCancelled && (!cancelled || uuid.Validate(b.Cancellation.ID) != nil):
		return malformed("it does not say what is cancelled")
	case kind.toHolder() && (uuid.Validate(b.PassedOn.TicketID) != nil || b.PassedOn.Issue < 1):
		return malformed("it does not say which ticket is passed on")
	case len(b.Items) == 0 && !cancelled:
		return malformed("no items")
	case policy.FreeHours < 0 || policy.FreeHours > 8760 || policy.FeeBasisPoints < 0 || policy.FeeBasisPoints > 10_000:
		return malformed("the cancellation policy is out of range")
	}
	b.UserEmail = to
	if b.OccurredAt.IsZero() {
		b.OccurredAt = m.Time
	}
	b.Note = paragraphs(b.Note, maxNote)
	texts := []*string{
		&b.UserName, &b.Event.Title, &b.Event.TimeZone,
		&b.Event.Venue.Name, &b.Event.Venue.Address, &b.Event.Venue.City, &b.Event.Venue.Country,
	}
	if kind.toHolder() {
		texts = append(texts, &b.PassedOn.To.Name, &b.PassedOn.From.Name)
	}
	for _, s := range texts {
		*s = line(*s)
	}
	if !tidy(b.Items) || cancelled && !tidy(b.Cancellation.Items) {
		return malformed("an item's quantity or price is out of range")
	}
	return b, kind, nil
}

// kindOf is what is to be told because of a message of this type, if the type is
// known.
func kindOf(messageType string, b events.Booking) (kind Kind, known bool) {
	switch messageType {
	case events.TypeBookingConfirmed:
		return Confirmation, true
	case events.TypeBookingResendRequested:
		return Resent, true
	case events.TypeBookingTicketsChanged:
		if b.PassedOn != nil {
			return TicketReceived, true
		}
		return Nothing, true // what is being given back is told when it is
	case events.TypeBookingLinksRequested:
		return Links, true
	case events.TypeBookingCancelled:
		if b.Reason == string(problem.EventCancelled) {
			return EventCancelled, true
		}
		return Cancellation, true
	case events.TypeBookingItemsCancelled:
		return ItemsCancelled, true
	case events.TypeBookingFailed:
		// Whoever was refused at once (sold out, card declined) knows. Told is
		// who was answered "pending", or has a charge and its refund on the bill.
		switch {
		case !b.Refunded.IsZero():
			return PaymentReturned, true
		case !b.Acknowledged:
			return Nothing, true
		case b.Reason == string(problem.PaymentDeclined), b.Reason == string(problem.PaymentAbandoned):
			return PaymentFailed, true
		}
		return NotCompleted, true
	}
	return Nothing, false
}

// tidy makes the names of items lines, and reports whether their sums can be told.
func tidy(items []events.Item) bool {
	for i := range items {
		it := &items[i]
		it.Name = line(it.Name)
		if _, err := it.UnitPrice.Times(it.Quantity); err != nil || it.Quantity == 0 {
			return false
		}
	}
	return true
}

// address returns the bare address in s, if s is exactly one and safe to put
// in a header.
func address(s string) (string, bool) {
	if len(s) > 254 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || strings.ContainsFunc(a.Address, unicode.IsSpace) {
		return "", false
	}
	return a.Address, true
}

// ASCIIDomain is an address with the labels of its domain as A-labels, which every
// mail server understands (RFC 5891); not ok is one that has none.
func ASCIIDomain(address string) (ascii string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	domain := address[at+1:]
	if !strings.ContainsFunc(domain, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return address, true
	}
	domain, err := idna.Lookup.ToASCII(domain)
	return address[:at+1] + domain, err == nil
}

// line makes s one line of bounded length: nothing in it can begin a header, a
// line of its own, turn the direction of the text around it, or become a link.
func line(s string) string { return unlinked(shorten(oneLine(s), maxLine)) }

// oneLine is s without line ends, control characters, the characters that embed
// or override a direction, and joiners. The marks that say in which direction the
// characters beside them run stay.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case r == '\u200e', r == '\u200f', r == '\u061c':
			return r
		case unicode.Is(unicode.Bidi_Control, r), r == utf8.RuneError, r == joiner:
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// paragraphs makes s lines of at most so many characters together; an empty line
// is between two paragraphs.
func paragraphs(s string, most int) string {
	var all []string
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(s)
	for l := range strings.SplitSeq(s, "\n") {
		if l = oneLine(l); l != "" || len(all) > 0 && all[len(all)-1] != "" {
			all = append(all, l)
		}
	}
	return unlinked(shorten(strings.TrimSpace(strings.Join(all, "\n")), most))
}

// joiner is U+2060, a word joiner: it cannot be seen, and breaks no line.
const joiner = '\u2060'

// links is what mail clients make links of: a scheme, or a dot, also as other
// scripts write it, before a letter, or between www and a digit. What comes before
// the dot may be invisible.
var links = regexp.MustCompile(`://|[^\s][` + dots + `]\pL|(?i:www)[` + dots + `]\pN`)

const dots = ".\u3002\uff0e\uff61"

// unlinked is s with joiners in it, so that no mail client makes a link of it.
func unlinked(s string) string {
	for range 2 { // for a dot may follow the only letter after another: a.b.c
		s = links.ReplaceAllStringFunc(s, func(found string) string {
			if found == "://" {
				return ":" + string(joiner) + "//"
			}
			dot := strings.IndexAny(found, dots)
			_, size := utf8.DecodeRuneInString(found[dot:])
			return found[:dot+size] + string(joiner) + found[dot+size:]
		})
	}
	return s
}

// shorten cuts s to at most n characters, the last of them an ellipsis where
// something is missing. It cuts nothing that is read as one character.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	end, state := 0, -1
	for rest, left := s, n-1; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if left -= utf8.RuneCountInString(cluster); left < 0 {
			break
		}
		end += len(cluster)
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace) + "…"
}
