package booking

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// LinkMails keeps the requests for links to the bookings of guests, and the mails that
// they lead to. bookingtest.TestLinkMails holds every promise made here. Where a context
// has ended, nothing changes and its error is returned.
//
// It finds the guests' bookings of a Key without their timelines.
//   - Found are the bookings of guests whose address has that contact.EmailKey.
//   - Found are bookings that are or were Confirmed, the last made first, up to MostFound.
//   - A booking that an account has claimed is not found, nor one whose address is another since.
//   - A found booking that cannot be read is Unreadable, and hides no other.
type LinkMails interface {
	// Request stores a request, to be worked off.
	//   - Of the requests of one client within a span only the first so many are stored. The others are no
	//     error.
	//   - Of racing requests of one client no more are stored.
	//   - It looks for no booking.
	Request(ctx context.Context, r LinkRequest, within Span, most int) error

	// WorkOff decides on up to limit requests, and returns on how many.
	//   - Those that have waited longest come first.
	//   - decide is called with the guests' bookings of the request's Key, and with how many
	//     mails its Mailbox was sent within a span. It does no I/O and may be called again.
	//   - The mail that decide returns, its message and the end of the request are stored
	//     together or not at all. With a nil mail the request ends.
	//   - A request whose address has no guest's booking ends, and decide is not called.
	//   - Of many at once, each request is decided on once, and decide is told of the mails
	//     that the others have stored.
	//   - When decide returns an error nothing is stored, and that error is returned.
	WorkOff(ctx context.Context, within Span, limit int,
		decide func(r LinkRequest, found []Booking, recent int) (*LinkMail, events.Message, error)) (int, error)

	// Get returns a mail, and the guests' bookings of its Key as they are now. ErrMailNotDue
	// if it is unknown.
	Get(ctx context.Context, id string) (LinkMail, []Booking, error)

	// Prune forgets what counts no more.
	//   - Requests that were worked off are forgotten LinkRequestsKept after they were made.
	//   - Mails are forgotten LinkMailsKept after they were made.
	//   - Requests that wait stay.
	Prune(ctx context.Context, now time.Time) error
}

// Span is a stretch of time, without its ends.
type Span struct{ After, Before time.Time }

// MostFound is how many bookings a mail has links to at most.
const MostFound = 50

// LinkRequest asks for the links to the bookings of an address.
type LinkRequest struct {
	ID      string // UUIDv7
	Key     string // contact.EmailKey of the address
	Mailbox string // contact.MailboxKey of it
	Client  string // a keyed hash of the client's network address
	At      time.Time
	// TraceParent is the W3C Trace Context of the request, or "".
	TraceParent string
}

// LinkMail is a mail with the links to a guest's bookings. It has none of them, and no
// address but those of its bookings.
type LinkMail struct {
	ID        string // UUIDv7, and the id of the message about it
	Key       string
	Mailbox   string
	CreatedAt time.Time
}
