package bookingtest

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// DocumentsUnderTest is an adapter with what reads what it has drawn.
type DocumentsUnderTest struct {
	booking.Documents
	// Pages returns the text that can be seen on each page of a PDF document, with
	// single spaces.
	Pages func(t *testing.T, pdf []byte) []string
	// Codes returns what the QR code on each page says.
	Codes func(t *testing.T, pdf []byte) []string
	// ReadPNG and ReadSVG return what a QR code says.
	ReadPNG, ReadSVG func(t *testing.T, picture []byte) string
}

// TestDocuments is the contract of booking.Documents.
func TestDocuments(t *testing.T, open func(t *testing.T) DocumentsUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u DocumentsUnderTest)
	}{
		{"the same input gives the same bytes", sameBytes},
		{"each ticket has a page, in their order", pageForEachTicket},
		{"a page says the event, its place, its organizer, the ticket and its holder", pageSaysAll},
		{"times are those of the event's time zone", pageTimes},
		{"a page has the ticket's code as a QR code and as text", pageCodes},
		{"a page says on what terms the ticket can be returned and passed on", pageTerms},
		{"a page says that its ticket replaces an earlier issue", pageReplaces},
		{"the words are in the document's language", pageLanguage},
		{"the longest texts fit their pages", longTextsFit},
		{"texts are printed as they are", textsAsTheyAre},
		{"a text that the font lacks is left out, and the page says so", lackingTexts},
		{"marks of direction and invisible characters are not printed", invisibleTexts},
		{"without a ticket or a code there is no document", noDocument},
		{"a QR code is read back as its code", qrReadBack},
		{"what is longer than a ticket's code, or has other characters, is refused", qrRefused},
		{"an entry has the event's title, place, start and end", calendarEntry},
		{"the end is left out where it is not known", calendarWithoutEnd},
		{"all entries of a booking have one UID, and a later one has a higher SEQUENCE", calendarVersions},
		{"the entry of a cancelled booking is cancelled", calendarCancelled},
		{"long lines are folded, and texts are escaped", calendarFolds},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

// ticketCodes are as long as codes are, and have all of their characters.
var ticketCodes = []string{
	strings.Repeat("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", 3)[:120],
	strings.Repeat(":/.-+*%$ ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210", 3)[:120],
}

func ticketPage(number int, ticketType, holder, code string) booking.TicketPage {
	return booking.TicketPage{
		Ticket: booking.Ticket{Number: number, Item: events.Item{Name: ticketType, Quantity: 1}, Holder: booking.Holder{Name: holder}, Issue: 1},
		Code:   code,
	}
}

func ticketDocument(edits ...func(*booking.TicketDocument)) booking.TicketDocument {
	starts := time.Date(2030, 7, 12, 18, 30, 0, 0, time.UTC)
	d := booking.TicketDocument{
		Locale: "en", BookingID: "0195e9d2-7c1a-7abc-8def-0123456789ab",
		Event: events.Event{
			ID: newID(), Title: "Night of Strings", StartsAt: starts, EndsAt: starts.Add(150 * time.Minute), DoorsAt: starts.Add(-75 * time.Minute), TimeZone: "Europe/Berlin",
			Venue:              events.Venue{Name: "Philharmonie", Address: "Herbert-von-Karajan-Str. 1", City: "Berlin", Country: "DE"},
			CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1250},
		},
		Organizer: "Ångström Concerts", At: start.Add(-time.Hour),
		Tickets: []booking.TicketPage{
			ticketPage(1, "Parkett", "Zoë Ångström", ticketCodes[0]),
			ticketPage(3, "Balcony", "Ηλέκτρα Дуброва", ticketCodes[1]),
		},
	}
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func (u DocumentsUnderTest) pdf(t *testing.T, d booking.TicketDocument) []byte {
	t.Helper()
	pdf, err := u.TicketsPDF(d)
	must(t, err)
	return pdf
}

func (u DocumentsUnderTest) pages(t *testing.T, d booking.TicketDocument) []string {
	t.Helper()
	pages := u.Pages(t, u.pdf(t, d))
	if len(pages) != len(d.Tickets) {
		t.Fatalf("%d tickets have %d pages", len(d.Tickets), len(pages))
	}
	return pages
}

// page is the page of one ticket.
func (u DocumentsUnderTest) page(t *testing.T, edits ...func(*booking.TicketDocument)) string {
	t.Helper()
	d := ticketDocument(edits...)
	d.Tickets = d.Tickets[:1]
	return u.pages(t, d)[0]
}

func wantText(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q: %q", text, page)
		}
	}
}

func sameBytes(t *testing.T, u DocumentsUnderTest) {
	for what, draw := range map[string]func() ([]byte, error){
		"PDF": func() ([]byte, error) {
			return u.TicketsPDF(ticketDocument(func(d *booking.TicketDocument) { d.Event.ID = "" }))
		},
		"PNG":      func() ([]byte, error) { return u.QRPNG(ticketCodes[0]) },
		"SVG":      func() ([]byte, error) { return u.QRSVG(ticketCodes[0]) },
		"calendar": func() ([]byte, error) { return u.Calendar(calendarEntryOf(1)) },
	} {
		first, err := draw()
		must(t, err)
		for range 5 {
			again, err := draw()
			must(t, err)
			if !bytes.Equal(first, again) {
				t.Errorf("the same %s has other bytes", what)
				break
			}
		}
	}
}

func pageForEachTicket(t *testing.T, u DocumentsUnderTest) {
	pages := u.pages(t, ticketDocument())
	wantText(t, pages[0], "Parkett")
	wantText(t, pages[1], "Balcony")
}

func pageSaysAll(t *testing.T, u DocumentsUnderTest) {
	pages := u.pages(t, ticketDocument())
	for i, own := range [][]string{{"Parkett", "Zoë Ångström", "1"}, {"Balcony", "Ηλέκτρα Дуброва", "3"}} {
		wantText(t, pages[i], "Night of Strings", "Philharmonie", "Herbert-von-Karajan-Str. 1", "Berlin", "Ångström Concerts", "BX-4D2P-F2DB")
		wantText(t, pages[i], own...)
	}
}

func pageTimes(t *testing.T, u DocumentsUnderTest) {
	for zone, want := range map[string][]string{
		"Europe/Berlin":    {"2030", "12", "20:30", "19:15"},
		"America/New_York": {"2030", "12", "14:30", "13:15"},
		"Asia/Tokyo":       {"2030", "13", "03:30", "02:15"},
		"Mars/Olympus":     {"2030", "12", "18:30", "17:15", "UTC"},
	} {
		page := u.page(t, func(d *booking.TicketDocument) { d.Event.TimeZone = zone })
		wantText(t, page, want...)
		if !strings.Contains(page, zone) && zone != "Mars/Olympus" {
			t.Errorf("the page does not say which time it is: %q", page)
		}
	}
	if page := u.page(t, func(d *booking.TicketDocument) { d.Event.DoorsAt = time.Time{} }); strings.Contains(page, "19:15") || !strings.Contains(page, "20:30") {
		t.Errorf("without doors the page says %q", page)
	}
}

func pageCodes(t *testing.T, u DocumentsUnderTest) {
	d := ticketDocument()
	pdf := u.pdf(t, d)
	if diff := cmp.Diff(ticketCodes, u.Codes(t, pdf)); diff != "" {
		t.Errorf("QR codes (-want +got):\n%s", diff)
	}
	for i, page := range u.Pages(t, pdf) {
		wantText(t, without(page, " "), without(ticketCodes[i], " "))
	}
}

func without(s, what string) string { return strings.ReplaceAll(s, what, "") }

func pageTerms(t *testing.T, u DocumentsUnderTest) {
	// Free until 48 hours before the start, then a fee until the doors open.
	wantText(t, u.page(t), "10 July 2030", "20:30", "12 July 2030", "19:15", "12.5")
	for what, edit := range map[string]func(*booking.TicketDocument){
		"12.5": func(d *booking.TicketDocument) { d.Event.CancellationPolicy = events.CancellationPolicy{} },
		"10 July": func(d *booking.TicketDocument) { // that time was over when it was booked
			d.At = d.Event.StartsAt.Add(-24 * time.Hour)
		},
	} {
		if page := u.page(t, edit); strings.Contains(page, what) {
			t.Errorf("the page says %q: %q", what, page)
		}
	}
	if page := u.page(t, func(d *booking.TicketDocument) { d.Event.NoTransfers = true }); page == u.page(t) {
		t.Errorf("whether the holder can be changed, the page does not say: %q", page)
	}
}

func pageReplaces(t *testing.T, u DocumentsUnderTest) {
	first, second := u.page(t), u.page(t, func(d *booking.TicketDocument) { d.Tickets[0].Issue = 2 })
	if first == second {
		t.Errorf("the page of the second issue says %q", second)
	}
}

func pageLanguage(t *testing.T, u DocumentsUnderTest) {
	in := func(locale string) string {
		t.Helper()
		return u.page(t, func(d *booking.TicketDocument) { d.Locale = locale })
	}
	wantText(t, in("de"), "Freitag, 12. Juli 2030", "12,5")
	wantText(t, in("en"), "Friday, 12 July 2030", "12.5")
	for locale, as := range map[string]string{"de-AT": "de", "de_CH": "de", "en-US": "en", "fr": "en", "": "en", "no language!": "en"} {
		if in(locale) != in(as) {
			t.Errorf("the words of %q are not those of %q: %q", locale, as, in(locale))
		}
	}
}

func longTextsFit(t *testing.T, u DocumentsUnderTest) {
	for _, letter := range []string{"W", "Ж", "Ω", "i "} {
		long := func(n int) string { return string([]rune(strings.Repeat(letter, n))[:n]) }
		d := ticketDocument(func(d *booking.TicketDocument) {
			d.Event.Title, d.Organizer = long(200), long(200)
			d.Event.Venue = events.Venue{Name: long(200), Address: long(300), City: long(100), Country: long(100)}
			for i := range booking.MaxTickets {
				d.Tickets = append(d.Tickets[:i:i], ticketPage(i+1, long(100), strings.Repeat("Щ", 200), ticketCodes[0]))
				d.Tickets[i].Issue = 255
			}
		})
		for i, page := range u.pages(t, d) {
			want := map[string]int{"Щ": 200, without(letter, " "): strings.Count(long(1200), letter)}
			for letter, n := range want {
				if got := strings.Count(page, letter); got < n {
					t.Fatalf("page %d has %d of %d letters %q", i+1, got, n, letter)
				}
			}
			wantText(t, page, "BX-4D2P-F2DB", "20:30")
			wantText(t, without(page, " "), without(ticketCodes[0], " "))
		}
	}
}

func textsAsTheyAre(t *testing.T, u DocumentsUnderTest) {
	for _, text := range []string{
		`<b>Bach & "Söhne"</b>`, `=HYPERLINK("http://evil.example")`, "{{.Holder}} %s %d %!", `(\) Tj ET`, "$(id) `id` \\n", "Dvořák, Ђорђе, Ὀδυσσεύς, Nguyễn",
	} {
		for what, edit := range map[string]func(*booking.TicketDocument){
			"holder": func(d *booking.TicketDocument) { d.Tickets[0].Holder.Name = text },
			"title":  func(d *booking.TicketDocument) { d.Event.Title = text },
		} {
			if page := u.page(t, edit); !strings.Contains(without(page, " "), without(text, " ")) { // wherever lines end
				t.Errorf("the page does not say the %s %q: %q", what, text, page)
			}
		}
	}
	// However its accents are written.
	wantText(t, u.page(t, func(d *booking.TicketDocument) { d.Tickets[0].Holder.Name = "Zoe\u0308 A\u030angstro\u0308m" }), "Zoë Ångström")
}

func lackingTexts(t *testing.T, u DocumentsUnderTest) {
	nothing := u.page(t, func(d *booking.TicketDocument) { d.Tickets[0].Holder.Name = "" })
	for _, text := range []string{"周杰倫", "Ada 周", "محمد", "שרה", "ไทย", "𝒜𝒹𝒶"} {
		page := u.page(t, func(d *booking.TicketDocument) { d.Tickets[0].Holder.Name = text })
		wantText(t, page, "Night of Strings", "Parkett")
		if strings.Contains(page, "Ada") || strings.ContainsAny(page, without(text, "Ada ")+"\ufffd□") {
			t.Errorf("the page has a part of %q: %q", text, page)
		}
		if len(page) <= len(nothing) {
			t.Errorf("that %q is left out, the page does not say: %q", text, page)
		}
		page = u.page(t, func(d *booking.TicketDocument) { d.Event.Title = text })
		wantText(t, page, "Zoë Ångström", "Parkett")
	}
}

func invisibleTexts(t *testing.T, u DocumentsUnderTest) {
	const marks = "\u202e\u202d\u2066\u2069\u200e\u200f\u061c\u200b\u200d\u00ad\ufeff\u2060\U000e0041\x00\x1b"
	page := u.page(t, func(d *booking.TicketDocument) {
		d.Tickets[0].Holder.Name = "Zo" + marks + "ë Ång" + marks + "ström"
	})
	wantText(t, page, "Zoë Ångström")
	if strings.ContainsAny(page, marks) {
		t.Errorf("the page has marks: %q", page)
	}
}

func noDocument(t *testing.T, u DocumentsUnderTest) {
	for what, edit := range map[string]func(*booking.TicketDocument){
		"no ticket":            func(d *booking.TicketDocument) { d.Tickets = nil },
		"a ticket without one": func(d *booking.TicketDocument) { d.Tickets[1].Code = "" },
		"a code that is none":  func(d *booking.TicketDocument) { d.Tickets[0].Code = "a code" },
	} {
		if pdf, err := u.TicketsPDF(ticketDocument(edit)); err == nil || len(pdf) > 0 {
			t.Errorf("%s: %d bytes, error %v", what, len(pdf), err)
		}
	}
}

func qrReadBack(t *testing.T, u DocumentsUnderTest) {
	for _, code := range ticketCodes {
		png, err := u.QRPNG(code)
		must(t, err)
		if got := u.ReadPNG(t, png); got != code {
			t.Errorf("the PNG of %q says %q", code, got)
		}
		svg, err := u.QRSVG(code)
		must(t, err)
		if got := u.ReadSVG(t, svg); got != code {
			t.Errorf("the SVG of %q says %q", code, got)
		}
	}
}

func qrRefused(t *testing.T, u DocumentsUnderTest) {
	for _, code := range []string{"", "a", "Ä", ticketCodes[0] + "ABC", strings.Repeat("A", 10_000), strings.ToLower(ticketCodes[0])} {
		for what, draw := range map[string]func(string) ([]byte, error){"PNG": u.QRPNG, "SVG": u.QRSVG} {
			if picture, err := draw(code); err == nil || len(picture) > 0 {
				t.Errorf("%s of %d bytes: %d bytes, error %v", what, len(code), len(picture), err)
			}
		}
	}
}

func calendarEntryOf(version int64) booking.CalendarEntry {
	d := ticketDocument()
	return booking.CalendarEntry{
		Locale: "en", BookingID: d.BookingID, Version: version, At: start, Event: d.Event,
		URL: "https://tickets.example/b/1?a=1,2;b",
	}
}

var unescape = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n", `\N`, "\n")

// entry reads an iCalendar object by what RFC 5545 says of lines and texts, and returns
// the properties of its event.
func (u DocumentsUnderTest) entry(t *testing.T, e booking.CalendarEntry) map[string]string {
	t.Helper()
	b, err := u.Calendar(e)
	must(t, err)
	text, ended := strings.CutSuffix(string(b), "\r\n")
	if !ended || !utf8.ValidString(text) {
		t.Errorf("it does not end with a line end, or is no UTF-8: %q", text)
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) > 75 || line == "" || strings.ContainsAny(line, "\r\n") || !utf8.ValidString(line) {
			t.Errorf("the line %q has %d octets", line, len(line))
		}
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n ", ""), "\r\n")
	properties := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		if _, twice := properties[name]; twice && name != "BEGIN" && name != "END" {
			t.Errorf("%s is there twice", name)
		}
		properties[name] = value
	}
	for _, name := range []string{"SUMMARY", "LOCATION", "DESCRIPTION"} {
		properties[name] = unescape.Replace(properties[name])
	}
	if n := len(lines); n < 4 || lines[0] != "BEGIN:VCALENDAR" || lines[n-1] != "END:VCALENDAR" || lines[n-2] != "END:VEVENT" ||
		properties["VERSION"] != "2.0" || properties["PRODID"] == "" {
		t.Errorf("it is no calendar of one event: %q", lines)
	}
	return properties
}

func calendarEntry(t *testing.T, u DocumentsUnderTest) {
	got := u.entry(t, calendarEntryOf(3))
	for name, want := range map[string]string{
		"DTSTART": "20300712T183000Z", "DTEND": "20300712T210000Z", "DTSTAMP": "20300331T015959Z", "STATUS": "CONFIRMED",
		"SUMMARY": "Night of Strings", "LOCATION": "Philharmonie, Herbert-von-Karajan-Str. 1, Berlin, DE", "URL": "https://tickets.example/b/1?a=1,2;b",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	wantText(t, got["DESCRIPTION"], "BX-4D2P-F2DB")
	e := calendarEntryOf(3)
	e.Event.StartsAt, e.Event.EndsAt = e.Event.StartsAt.In(time.FixedZone("", 7200)), e.Event.EndsAt.In(time.FixedZone("", -7200))
	if diff := cmp.Diff(got, u.entry(t, e)); diff != "" {
		t.Errorf("in other zones (-want +got):\n%s", diff)
	}
}

func calendarWithoutEnd(t *testing.T, u DocumentsUnderTest) {
	e := calendarEntryOf(3)
	e.Event.EndsAt, e.URL = time.Time{}, ""
	got := u.entry(t, e)
	for _, name := range []string{"DTEND", "DURATION", "URL"} {
		if value, there := got[name]; there {
			t.Errorf("%s is %q", name, value)
		}
	}
}

func calendarVersions(t *testing.T, u DocumentsUnderTest) {
	second, third := u.entry(t, calendarEntryOf(2)), u.entry(t, calendarEntryOf(3))
	if second["UID"] != third["UID"] || second["SEQUENCE"] != "2" || third["SEQUENCE"] != "3" {
		t.Errorf("version 2 has the UID %s and the SEQUENCE %s, version 3 %s and %s", second["UID"], second["SEQUENCE"], third["UID"], third["SEQUENCE"])
	}
	other := calendarEntryOf(2)
	other.BookingID = newID()
	if u.entry(t, other)["UID"] == second["UID"] {
		t.Errorf("two bookings have the UID %s", second["UID"])
	}
}

func calendarCancelled(t *testing.T, u DocumentsUnderTest) {
	e := calendarEntryOf(3)
	e.Cancelled = true
	if got := u.entry(t, e)["STATUS"]; got != "CANCELLED" {
		t.Errorf("its STATUS is %s", got)
	}
}

func calendarFolds(t *testing.T, u DocumentsUnderTest) {
	for _, end := range []string{"\r\n", "\n", "\r", "\r\n\r\n", "\x00\r\n"} { // no text of others ends a line
		e := calendarEntryOf(1)
		e.Event.Title = "Strings" + end + "ATTENDEE:mailto:eve@example.com"
		e.Event.Venue.City, e.URL = e.Event.Title, e.URL+end+"ATTENDEE:mailto:eve@example.com"
		if got, there := u.entry(t, e)["ATTENDEE"]; there {
			t.Errorf("behind %q it has the ATTENDEE %s", end, got)
		}
	}
	for _, unit := range []string{"a", "ä", "楽", "🎻", ",", `\`, ";", `"`, "a,", "🎻\\", `\n`} {
		for before := range 80 {
			e := calendarEntryOf(1)
			e.Event.Title = strings.Repeat("x", before) + strings.Repeat(unit, 80) + "end"
			e.Event.Venue = events.Venue{Name: e.Event.Title}
			got := u.entry(t, e)
			for _, name := range []string{"SUMMARY", "LOCATION"} {
				if got[name] != e.Event.Title {
					t.Fatalf("%s of %q after %d is %q", name, unit, before, got[name])
				}
			}
		}
	}
}
