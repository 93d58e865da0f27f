package notification

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// The methods by which calendars come (RFC 5546).
const (
	publish = "PUBLISH"
	cancel  = "CANCEL"
)

// calendar is what the mail of kind has for the customer's calendar: the event,
// or that it is off. organizer is the address that the mails come from. It is
// empty for a kind that changes nothing there.
//
// Of one booking the UID is the same and SEQUENCE grows with the booking's
// version, so that a calendar knows the entry again, and which of two mails is
// newer. It has no DTEND where an earlier release has told of the booking, which did
// not know when its event ends: an event without DTEND takes place at its start (RFC
// 5545, 3.6.1), which is true; any other end would be made up.
func (in edition) calendar(kind Kind, b events.Booking, organizer string) string {
	method, status := publish, "CONFIRMED"
	switch kind {
	case Confirmation, Resent:
	case Cancellation, EventCancelled:
		method, status = cancel, "CANCELLED"
	default:
		return ""
	}
	const stamp = "20060102T150405Z"
	venue := b.Event.Venue
	var c strings.Builder
	property(&c, "BEGIN", "VCALENDAR")
	property(&c, "VERSION", "2.0")
	property(&c, "PRODID", "-//Boxoffice//Boxoffice//EN")
	property(&c, "METHOD", method)
	property(&c, "BEGIN", "VEVENT")
	property(&c, "UID", b.BookingID+"@boxoffice")
	property(&c, "DTSTAMP", b.OccurredAt.UTC().Format(stamp))
	property(&c, "SEQUENCE", strconv.FormatInt(max(0, min(b.Version, math.MaxInt32)), 10))
	property(&c, "STATUS", status)
	if organizer != "" { // RFC 5546 wants one in both methods
		property(&c, "ORGANIZER;CN=Boxoffice", "mailto:"+url.PathEscape(organizer))
	}
	property(&c, "DTSTART", b.Event.StartsAt.UTC().Format(stamp))
	if !b.Event.EndsAt.IsZero() {
		property(&c, "DTEND", b.Event.EndsAt.UTC().Format(stamp))
	}
	property(&c, "SUMMARY", escape(b.Event.Title))
	if where := join(", ", venue.Name, venue.Address, venue.City, venue.Country); where != "" {
		property(&c, "LOCATION", escape(where))
	}
	property(&c, "DESCRIPTION", escape(in.Sprintf("Booking reference: %s", events.Reference(b.BookingID))+"\n"+in.Sprintf("Booking id: %s", b.BookingID)))
	property(&c, "END", "VEVENT")
	property(&c, "END", "VCALENDAR")
	return c.String()
}

// attachments is a booking's calendar, if there is one, as it goes with the mail.
func attachments(bookingID, calendar string) []Attachment {
	if calendar == "" {
		return nil
	}
	method := publish
	if strings.Contains(calendar, "\r\nMETHOD:"+cancel+"\r\n") {
		method = cancel
	}
	return []Attachment{{
		Name: "boxoffice-" + events.Reference(bookingID) + ".ics",
		Type: "text/calendar; charset=utf-8; method=" + method,
		Body: calendar,
	}}
}

// escape makes s the value of a property of the type TEXT (RFC 5545, 3.3.11).
func escape(s string) string { return escapes.Replace(s) }

var escapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// property writes a content line, folded so that no line is longer than 75
// octets (RFC 5545, 3.1). A fold comes neither within a character nor, for some
// calendars trip over it, within an escape.
func property(c *strings.Builder, name, value string) {
	const most = 75
	length, escaped := 0, false
	for _, r := range name + ":" + value {
		size := utf8.RuneLen(r)
		begins := r == '\\' && !escaped
		need := size
		if begins {
			need++
		}
		if !escaped && length+need > most {
			c.WriteString("\r\n ")
			length = 1
		}
		c.WriteRune(r)
		length, escaped = length+size, begins
	}
	c.WriteString("\r\n")
}
