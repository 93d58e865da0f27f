package notification

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// Grace is how long a delivery whose lease has ended stays with whoever had it,
// counted from when somebody finds it so. While a database is away leases end,
// and nobody can record what they sent: the Grace is for that, once it is back.
// It is more than an operation on the database takes that is still waiting.
const Grace = 10 * time.Second

// Behind is how long a delivery waits that has to let an earlier one of its
// booking go first, counted from when that is due, or from now while it is
// being sent.
const Behind = 250 * time.Millisecond

// Outcome is what Enqueue did with a record.
type Outcome string

// The outcomes.
const (
	Ignored Outcome = ""        // at most its message id is new
	Stored  Outcome = "stored"  // its deliveries are stored, without a lease
	Leased  Outcome = "leased"  // its deliveries are stored, with the leases that they had
	Limited Outcome = "limited" // its deliveries are stored as Failed: a quota is used up
)

// QuotaPeriod is the time for which a Quota says how much is sent.
const QuotaPeriod = time.Hour

// Store keeps the records and their deliveries. notificationtest.TestStore
// holds it to every sentence below.
type Store interface {
	// Enqueue stores r: its message id as known, and its deliveries, together
	// or not at all.
	//
	//   - A message id that is known already changes nothing.
	//   - Of a second record of the same booking, kind and part only the
	//     message id is kept: a customer is told once.
	//   - Of a record whose booking has one of a higher version that outdates it
	//     (Kind.Outdates) only the message id is kept.
	//   - Records of the same kind and other parts are all told, in whatever
	//     order they come.
	//   - The deliveries of records of a lower version that r outdates, and that
	//     are open, become Outdated, with the Error Replaced; those that are
	//     Resolving become Dropped. A lease on one stays: its owner may settle it.
	//   - Where the first delivery has a Lease, each that has one is claimed from
	//     its birth until its Due, unless
	//     its booking has an earlier delivery that is open or leased, or a record
	//     of a higher version. Then r's deliveries are stored without a lease,
	//     due at their creation.
	//
	//   - Within any QuotaPeriod at most Most records with a Quota of one Key are
	//     sent, by their At, whoever stores them at the same time. The deliveries of
	//     each other one are stored as Failed, with the Error OverQuota and without
	//     a lease. It uses up none of its quotas.
	//   - A record uses each of its quotas once, however often it comes. One that
	//     is not told uses none.
	//   - A record without a Part whose booking has another one with a delivery that no
	//     quota has stopped is sent in any case, and uses no quota: whoever was told of a
	//     booking hears how it goes on.
	//   - A record with a Part uses its quotas whatever its booking is told: a booking has
	//     as many of them as it has tickets.
	//   - Where one of its SMSQuotas is used up, the SMS of a record that is sent is stored
	//     as Dropped, with the Error OverSMSQuota, and the others without a lease. SMSQuotas
	//     are used as Quotas are; a record that is not sent uses none.
	//
	//   - A record of the booking that cannot be read is left out and logged. It does
	//     not hinder the others.
	//
	// It reports what it did. A record without deliveries is Stored when its
	// message id is new.
	Enqueue(ctx context.Context, r Record) (Outcome, error)
	// Claim returns up to limit open deliveries by channel c with Due ≤ now, each
	// with a new Lease, and sets their Due to until. None is the empty slice and no error.
	//
	//   - Those with the lowest Turn come first, and of one Turn those with the
	//     oldest Due.
	//   - Nobody gets them again before until. Two callers at one time never get
	//     the same delivery.
	//   - Of a lease that has ended unsettled, the first that finds it sets the
	//     Due to now + Grace, and it is not claimed: whoever had it may still
	//     settle it. After that it can be claimed again.
	//   - A booking's deliveries by one channel go one at a time, in the order of
	//     their versions: while an earlier one is open, or its lease has not
	//     ended for the Grace, a later one is not claimed. It is due again
	//     shortly after the earlier one is.
	//   - Overtaken says whether the booking has a record of a higher version of
	//     which anybody is told, and whose Kind Overtakes.
	Claim(ctx context.Context, c Channel, now, until time.Time, limit int) ([]Notification, error)
	// BringForward shortens, after the clock is set back, the leases and pauses
	// that a wrong clock stored. Callers choose times that no clock which is right
	// to within 15 minutes stores, whatever its process's configuration.
	//   - The Due of a delivery with a lease that is later than leased becomes
	//     leased. It keeps the lease, which whoever has it may still settle.
	//   - The Due of an open delivery without a lease that is later than waiting
	//     becomes waiting.
	//   - Nothing else of a delivery changes.
	BringForward(ctx context.Context, leased, waiting time.Time) error
	// Outdated reports whether n, which is leased, has been outdated since it was
	// claimed. It is false where n.Lease is not the delivery's lease.
	Outdated(ctx context.Context, n Notification) (bool, error)
	// Settle stores n's Status, To, Subject, Attempts, Error, SentAt and Turn, its Due if n
	// is open, and ends its lease. One that is no longer open is never claimed again. One that was
	// outdated while it was leased stays so if n is open: it is not tried again.
	// When n.Lease is not the delivery's lease, nothing changes, and it is
	// ErrSettled where the delivery is no longer open, ErrLeaseLost elsewhere.
	Settle(ctx context.Context, n Notification) error
	// Forget deletes the personal data of up to limit records with EventAt before t
	// of which no delivery has a lease until t or later, and returns how many it were: their Booking, and of their deliveries To, the
	// texts and the calendar. Open deliveries become Outdated with the Error
	// Expired; those that are Resolving become Dropped. Leases that ended before t
	// are gone: Settle brings nothing back. What has been told stays known. An error may come with a count, of the records that are forgotten.
	Forget(ctx context.Context, t time.Time, limit int) (int, error)
	// List returns up to f.Limit deliveries that f chooses, the newest first.
	// It has none that is Resolving or Dropped. Page after page, each after
	// the last item of the one before, neither repeats nor skips while others
	// are added.
	List(ctx context.Context, f Filter) ([]Notification, error)
}

// Mail is one mail to one address.
type Mail struct {
	ID          string // of the notification
	To          string
	Subject     string
	Text        string
	HTML        string
	Inline      []Inline // pictures in the HTML
	Attachments []Attachment
	Date        time.Time
}

// Inline is a picture that the HTML of a mail shows, as "cid:" and its ID.
type Inline struct {
	ID string // "ticket-1.<notification id>@boxoffice"
	Attachment
}

// Attachment is a file that comes with a mail.
type Attachment struct {
	Name string // of ASCII: "boxoffice-BX-4D2P-F2DB.ics"
	Type string // with its parameters: "text/calendar; charset=utf-8"
	Body string
}

// Mailer hands mails to a mail system. notificationtest.TestMailer holds it to
// every sentence below.
type Mailer interface {
	// Send returns nil when the mail system has taken m for good. The mail
	// has m's parts, in UTF-8, as text and as HTML. Its subject decodes to m's. Each attachment arrives
	// with its name and type, byte for byte, in m's order. So does each picture, beside the HTML
	// and with its Content-ID.
	// The Message-ID is made of m.ID, the same however often m is sent. The
	// domain of m.To is written with A-labels. No
	// value of m can add a header or a recipient. A context that has ended
	// sends nothing. Errors are SendErrors without personal data.
	Send(ctx context.Context, m Mail) error
}

// Text is one SMS.
type Text struct {
	ID   string // of the notification
	To   string // E.164
	Body string
}

// SMSProvider hands texts to a provider. notificationtest.TestSMS holds it to
// every sentence below.
type SMSProvider interface {
	// Send returns nil when the provider has taken t. The provider is given
	// t.ID as the key by which it knows a repetition. A context that has
	// ended sends nothing. Errors are SendErrors without personal data.
	Send(ctx context.Context, t Text) error
}

// Contact is how a user can be reached now.
type Contact struct {
	Email string
	Name  string
	Phone string // E.164, or empty
	// Locale is a BCP 47 tag, or empty where the user has not said in which language
	// we write.
	Locale string
}

// Contacts asks the user service. notificationtest.TestContacts holds it to
// every sentence below.
type Contacts interface {
	// Contact returns the user's contact. A user who has no phone has an
	// empty Phone, and one who has not said a language an empty Locale. A user who is not known is ErrNoContact. A user service
	// that does not answer is an error that is not.
	Contact(ctx context.Context, userID string) (Contact, error)
}

// AccountMail is what a mail about an account says.
type AccountMail struct {
	To     string
	Name   string
	Locale string // a BCP 47 tag, or empty
	URL    string // the link; empty where there is no web site
	// Token and Operation are what the mail shows where there is none.
	Token, Operation string
	// Code is what the SMS to a new phone says.
	Code      string
	ExpiresAt time.Time
}

// AccountMails asks the user service. notificationtest.TestAccountMails holds it to
// every sentence below.
type AccountMails interface {
	// AccountMail returns what the mail with this id says now. One that is not known,
	// or no longer to be sent, is ErrNotDue. A user service that does not answer is
	// an error that is not.
	AccountMail(ctx context.Context, id string) (AccountMail, error)
}

// Wanted says what is asked of Deliveries.
type Wanted struct {
	BookingID string
	// LinkVersion is that of the link for the buyer. It counts if TicketID is empty.
	LinkVersion int
	// TicketID and Issue are those of the ticket for a holder.
	TicketID string
	Issue    int
	PDF      bool   // the tickets as PDF, too
	Locale   string // of the PDF, a BCP 47 tag; empty for that of the booking
}

// Delivery is what a mail with tickets carries. It is a credential, and stored nowhere.
type Delivery struct {
	LinkKey string // opens the booking, or the ticket; empty where there are no links
	Tickets []DeliveredTicket
	PDF     []byte
}

// DeliveredTicket is a valid ticket.
type DeliveredTicket struct {
	Number int    // its place in the booking
	Name   string // the ticket type's
	Holder string // their name
	Code   string
	QR     []byte // the code as a QR code, as PNG
}

// LinkMail is what a mail with the links to a guest's bookings says. It is a credential,
// and stored nowhere.
type LinkMail struct {
	To, Name string
	Locale   *string // a BCP 47 tag, or empty; nil where that is for the user service to say
	Bookings []LinkedBooking
}

// LinkedBooking is a booking with the key that opens it.
type LinkedBooking struct {
	BookingID string
	Cancelled bool
	Event     events.Event
	Tickets   int
	LinkKey   string
}

// Deliveries asks the booking service. notificationtest.TestDeliveries holds it to
// every sentence below.
type Deliveries interface {
	// Delivery returns what w asks for, as it is now.
	//
	//   - A buyer gets the valid tickets by number, and the key of the booking.
	//   - A holder gets their ticket, and its key.
	//   - The PDF comes where it is asked for.
	//   - What is not due is ErrNotDue: the booking is not confirmed, or unknown, its link
	//     version is another, or the ticket's issue is.
	//   - No answer is another error.
	Delivery(ctx context.Context, w Wanted) (Delivery, error)
	// LinkMail returns what the mail with this id says, as it is now.
	//
	//   - A mail with links is told whole, with its bookings in their order.
	//   - A mail with links that is not due is ErrNotDue: it is unknown, or none of its
	//     links is good any more.
	//   - No answer about links is another error.
	LinkMail(ctx context.Context, id string) (LinkMail, error)
}
