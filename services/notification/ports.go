package notification

import (
	"context"
	"time"
)

// Grace is how long a delivery whose lease has ended stays with whoever had it,
// counted from when somebody finds it so. While a database is away leases end,
// and nobody can record what they sent: the Grace is for that, once it is back.
// It is more than an operation on the database takes that is still waiting.
const Grace = 10 * time.Second

// Store keeps the records and their deliveries. notificationtest.TestStore
// holds it to every sentence below.
type Store interface {
	// Enqueue stores r: its message id as known, and its deliveries, together
	// or not at all. A message id that is known already changes nothing. Of a
	// second record of the same booking, kind and part only the message id is
	// kept: a customer is told once. So it is with a record whose booking has
	// one of a higher version that outdates it (Kind.Outdates): what it would
	// tell is no longer so. Records of the same kind and other parts are all
	// told, in whatever order they come. A
	// delivery with a Lease is claimed from its birth until its Due. It
	// reports whether r's deliveries are what it stored; a record without
	// deliveries reports whether its message id is new.
	Enqueue(ctx context.Context, r Record) (stored bool, err error)
	// Claim returns up to limit open deliveries with Due ≤ now, oldest Due
	// first, each with a new Lease, and sets their Due to until. Nobody gets
	// them again before then. Two callers at one time never get the same
	// delivery. Of a lease that has ended unsettled, the first that finds it
	// sets the Due to now + Grace, and it is not claimed: whoever had it may
	// still settle it. After that it can be claimed again. None is the empty
	// slice and no error.
	Claim(ctx context.Context, now, until time.Time, limit int) ([]Notification, error)
	// Settle stores n's Status, To, Attempts, Error, SentAt and Due, and ends
	// its lease. One that is no longer open is never claimed again. When
	// n.Lease is not the delivery's lease, nothing changes, and it is
	// ErrSettled where the delivery is no longer open, ErrLeaseLost elsewhere.
	Settle(ctx context.Context, n Notification) error
	// List returns up to f.Limit deliveries that f chooses, the newest first.
	// It has none that is Resolving or Dropped. Page after page, each after
	// the last item of the one before, neither repeats nor skips while others
	// are added.
	List(ctx context.Context, f Filter) ([]Notification, error)
}

// Mail is one mail to one address.
type Mail struct {
	ID         string // of the notification
	To         string
	Subject    string
	Text       string
	HTML       string
	Attachment Attachment // its Body is empty where there is none
	Date       time.Time
}

// Attachment is a file that comes with a mail.
type Attachment struct {
	Name string // "boxoffice-BX-4D2P-F2DB.ics"
	Type string // with its parameters: "text/calendar; charset=utf-8"
	Body string
}

// Mailer hands mails to a mail system. notificationtest.TestMailer holds it to
// every sentence below.
type Mailer interface {
	// Send returns nil when the mail system has taken m for good. The mail
	// has m's parts, in UTF-8, as text and as HTML. The attachment arrives
	// with its name and type, byte for byte; where it is empty there is none.
	// The Message-ID is made of m.ID, the same however often m is sent. No
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
}

// Contacts asks the user service. notificationtest.TestContacts holds it to
// every sentence below.
type Contacts interface {
	// Contact returns the user's contact. A user who has no phone has an
	// empty Phone. A user who is not known is ErrNoContact. A user service
	// that does not answer is an error that is not.
	Contact(ctx context.Context, userID string) (Contact, error)
}
