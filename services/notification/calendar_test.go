package notification

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// readCalendar checks what RFC 5545 says of lines, and returns what another
// implementation reads in the properties of the entry.
func readCalendar(t *testing.T, entry string) map[string]string {
	t.Helper()
	rest, ended := strings.CutSuffix(entry, "\r\n")
	if !ended || !utf8.ValidString(entry) {
		t.Errorf("it does not end with a line end, or is no UTF-8: %q", entry)
	}
	for l := range strings.SplitSeq(rest, "\r\n") {
		if len(l) > 75 || l == "" || strings.ContainsAny(l, "\r\n") || !utf8.ValidString(l) {
			t.Errorf("the line %q has %d octets", l, len(l))
		}
	}
	read, err := ics.ParseCalendar(strings.NewReader(entry))
	if err != nil || len(read.Events()) != 1 {
		t.Fatalf("it cannot be read (%v):\n%s", err, entry)
	}
	got := map[string]string{}
	for _, p := range read.CalendarProperties {
		got[p.IANAToken] = p.Value
	}
	for _, p := range read.Events()[0].Properties {
		got[p.IANAToken] = p.Value
	}
	return got
}

func TestTheEntryOfACalendar(t *testing.T) {
	t.Parallel()
	b := someBooking()
	b.Version = 7
	b.Event.Title = `Füße; 音楽, "A" \ B: ` + strings.Repeat("🎻ä楽", 30)
	want := map[string]string{
		"VERSION": "2.0", "PRODID": "-//Boxoffice//Boxoffice//EN", "METHOD": "PUBLISH",
		"UID": bookingID + "@boxoffice", "DTSTAMP": "20270102T030405Z", "DTSTART": "20270312T183000Z", "SEQUENCE": "7", "STATUS": "CONFIRMED",
		"ORGANIZER": "mailto:tickets@boxoffice.example", "SUMMARY": b.Event.Title,
		"LOCATION":    "Philharmonie, Herbert-von-Karajan-Str. 1, Berlin, DE",
		"DESCRIPTION": "Booking reference: BX-4D2P-F2DB\nBooking id: " + bookingID,
	}
	if diff := cmp.Diff(want, readCalendar(t, editionOf("").calendar(Confirmation, b, "tickets@boxoffice.example"))); diff != "" {
		t.Errorf("confirmed (-want +got):\n%s", diff)
	}
	b.Event.EndsAt = b.Event.StartsAt.Add(2 * time.Hour)
	want["DTEND"] = "20270312T203000Z"
	if diff := cmp.Diff(want, readCalendar(t, editionOf("").calendar(Resent, b, "tickets@boxoffice.example"))); diff != "" {
		t.Errorf("asked for again (-want +got):\n%s", diff)
	}
	b.Version = 9
	want["METHOD"], want["STATUS"], want["SEQUENCE"] = "CANCEL", "CANCELLED", "9"
	for _, kind := range []Kind{Cancellation, EventCancelled} {
		if diff := cmp.Diff(want, readCalendar(t, editionOf("").calendar(kind, b, "tickets@boxoffice.example"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
	for _, kind := range []Kind{ItemsCancelled, PaymentFailed, PaymentReturned, NotCompleted, Test, Nothing} {
		if got := editionOf("").calendar(kind, b, ""); got != "" {
			t.Errorf("%s has the entry %q", kind, got)
		}
	}
}

func TestTheEntryToTheLetter(t *testing.T) {
	t.Parallel()
	b := someBooking()
	b.Event.Title, b.Event.Venue = `A, B; C \ D`, events.Venue{}
	b.Event.StartsAt = b.Event.StartsAt.In(time.FixedZone("", 3600))
	want := strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Boxoffice//Boxoffice//EN
METHOD:PUBLISH
BEGIN:VEVENT
UID:0195e9d2-7c1a-7abc-8def-0123456789ab@boxoffice
DTSTAMP:20270102T030405Z
SEQUENCE:2
STATUS:CONFIRMED
DTSTART:20270312T183000Z
SUMMARY:A\, B\; C \\ D
DESCRIPTION:Booking reference: BX-4D2P-F2DB\nBooking id: 0195e9d2-7c1a-7abc
 -8def-0123456789ab
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")
	got := editionOf("").calendar(Confirmation, b, "")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Attachment{{"boxoffice-BX-4D2P-F2DB.ics", "text/calendar; charset=utf-8; method=PUBLISH", got}}, attachments(bookingID, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := attachments(bookingID, editionOf("").calendar(Cancellation, b, ""))[0].Type; got != "text/calendar; charset=utf-8; method=CANCEL" {
		t.Errorf("cancelled, the type is %q", got)
	}
	if got := attachments(bookingID, ""); len(got) > 0 {
		t.Errorf("nothing makes the attachment %+v", got)
	}
}

// Wherever a fold falls, nothing is lost, and neither a character nor an escape
// is cut.
func TestFolds(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a", "ä", "楽", "🎻", ",", `\`, ";", " ", "\n", "a,", "🎻\\"} {
		for before := range 80 {
			text := strings.Repeat("x", before) + strings.Repeat(unit, 80) + "end"
			var c strings.Builder
			property(&c, "SUMMARY", escape(text))
			for l := range strings.SplitSeq(strings.TrimSuffix(c.String(), "\r\n"), "\r\n") {
				backslashes := len(l) - len(strings.TrimRight(l, `\`))
				if len(l) > 75 || !utf8.ValidString(l) || backslashes%2 != 0 {
					t.Fatalf("%q after %d: the line %q of %d octets", unit, before, l, len(l))
				}
			}
			if got := strings.ReplaceAll(c.String(), "\r\n ", ""); got != "SUMMARY:"+escape(text)+"\r\n" {
				t.Fatalf("%q after %d: unfolded it is %q", unit, before, got)
			}
		}
	}
}
