package document

import (
	"math"
	"strings"
	"unicode"

	ics "github.com/arran4/golang-ical"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

// Calendar implements booking.Documents. The UID is the one of the mails' entries, so
// that a calendar that has one of them knows the entry again.
func (*Documents) Calendar(e booking.CalendarEntry) ([]byte, error) {
	s := speech.Of(e.Locale, words)
	cal := ics.NewCalendar()
	cal.SetProductId("-//Boxoffice//Boxoffice//EN")
	event := cal.AddEvent(e.BookingID + "@boxoffice")
	event.SetDtStampTime(e.At)
	event.SetSequence(int(max(0, min(e.Version, math.MaxInt32))))
	event.SetStatus(ics.ObjectStatusConfirmed)
	if e.Cancelled {
		event.SetStatus(ics.ObjectStatusCancelled)
	}
	event.SetStartAt(e.Event.StartsAt)
	if e.Event.EndsAt.After(e.Event.StartsAt) {
		event.SetEndAt(e.Event.EndsAt)
	}
	event.SetSummary(oneLine(e.Event.Title))
	if place := joined(e.Event.Venue.Name, e.Event.Venue.Address, e.Event.Venue.City, e.Event.Venue.Country); place != "" {
		event.SetLocation(oneLine(place))
	}
	event.SetDescription(s.Sprintf("Booking reference") + ": " + events.Reference(e.BookingID) + "\n" + s.Sprintf("Booking id: %s", e.BookingID))
	if e.URL != "" {
		event.SetURL(oneLine(e.URL))
	}
	return []byte(cal.Serialize(ics.WithNewLineWindows)), nil
}

// oneLine returns s without control characters. The library escapes line feeds alone, and
// in texts alone.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// joined returns the parts that are not empty, with commas between them.
func joined(parts ...string) string {
	var there []string
	for _, part := range parts {
		if part = strings.TrimSpace(part); part != "" {
			there = append(there, part)
		}
	}
	return strings.Join(there, ", ")
}
