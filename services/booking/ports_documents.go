package booking

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// Documents draws what a buyer holds in hand: tickets to print or to show, QR codes, an
// entry for the calendar. It stores nothing and asks nobody. bookingtest.TestDocuments
// holds every promise made here.
//   - The same input gives the same bytes.
type Documents interface {
	// TicketsPDF returns a PDF document of d. A page says what d and the ticket have.
	//   - Each ticket has a page, in their order.
	//   - A page says the event, its place, its organizer, the ticket and its holder.
	//   - Times are those of the event's time zone.
	//   - A page has the ticket's code as a QR code and as text.
	//   - A page says on what terms the ticket can be returned and passed on.
	//   - A page says that its ticket replaces an earlier issue.
	//   - The words are in the document's language.
	//   - The longest texts fit their pages.
	//   - Texts are printed as they are.
	//   - A text that the font lacks is left out, and the page says so.
	//   - Marks of direction and invisible characters are not printed.
	//   - Without a ticket or a code there is no document.
	TicketsPDF(d TicketDocument) ([]byte, error)
	// QRPNG returns the QR code of a ticket's code as PNG.
	//   - A QR code is read back as its code.
	//   - What is longer than a ticket's code, or has other characters, is refused.
	QRPNG(code string) ([]byte, error)
	// QRSVG is QRPNG, as SVG.
	QRSVG(code string) ([]byte, error)
	// Calendar returns e as an iCalendar object (RFC 5545).
	//   - An entry has the event's title, place, start and end.
	//   - The end is left out where it is not known.
	//   - All entries of a booking have one UID, and a later one has a higher SEQUENCE.
	//   - The entry of a cancelled booking is cancelled.
	//   - Long lines are folded, and texts are escaped.
	Calendar(e CalendarEntry) ([]byte, error)
}

// TicketDocument is what a document of tickets says. Its texts are as their authors wrote
// them.
type TicketDocument struct {
	// Locale is a BCP 47 tag ("de-AT"). The document is in English where it is
	// of another language, or empty.
	Locale    string
	BookingID string
	Event     events.Event // as it was booked
	// Organizer is the name of whoever holds the event; "" where it is not known.
	Organizer string
	// At is when the booking changed last, which is the document's date.
	At      time.Time
	Tickets []TicketPage
}

// TicketPage is one ticket of a TicketDocument, with its code.
type TicketPage struct {
	Ticket
	Code string
}

// CalendarEntry is a booking as a calendar has it.
type CalendarEntry struct {
	Locale    string // as in TicketDocument
	BookingID string
	Version   int64     // the booking's
	At        time.Time // when the booking changed last
	Event     events.Event
	Cancelled bool
	// URL is where the booking can be seen; "" for none.
	URL string
}
