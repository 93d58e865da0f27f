package notification

import (
	"time"
)

// Channel is the way by which a notification reaches its user.
type Channel string

// The channels.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Status is how far a delivery has come.
type Status string

// The statuses. Resolving and Dropped are internal: whether such a delivery
// has an addressee at all is not known, or known not to be so, and no list
// shows it.
const (
	Pending  Status = "PENDING"  // to be sent, or to be tried again
	Sent     Status = "SENT"     // taken by the mail server, folder or SMS provider
	Failed   Status = "FAILED"   // given up; Error says why
	Outdated Status = "OUTDATED" // not sent, because it was no longer true; Error says why

	Resolving Status = "RESOLVING" // an SMS whose user's phone is to be asked for, or a mail about an account whose address is
	Dropped   Status = "DROPPED"   // one that has no addressee, or that is outdated before that is known
)

// Errors of deliveries that were not sent.
const (
	// Replaced is that of one that a newer record has outdated.
	Replaced = "a newer notification about the booking replaced it"
	// Expired is that of one that was still open when it was forgotten.
	Expired = "the event was too long ago"
	// Superseded is that of a mail with tickets that the booking service sees no reason to send.
	Superseded = "its booking, its link or its ticket changed since"
	// noNumber is that of an SMS whose user has removed the number.
	noNumber = "the user has no phone number any more"
	// OverQuota is that of one that a Quota has stopped, and OverSMSQuota that of an SMS.
	OverQuota    = "too many notifications of this kind within an hour"
	OverSMSQuota = "too many SMS within an hour"
)

// Open reports whether there is something left to do.
func (s Status) Open() bool { return s == Resolving || s == Pending }

// Shown reports whether lists have deliveries of this status.
func (s Status) Shown() bool {
	return s == Pending || s == Sent || s == Failed || s == Outdated
}

// Kind is what a notification tells.
type Kind string

// The kinds. A booking has at most one record of each that has deliveries, but
// of ItemsCancelled one for each cancellation in part, and of Resent one for each
// request. Those to holders are records of no booking: they go to others than
// the booking's, and neither wait for its mails nor keep them waiting.
const (
	Confirmation    Kind = "confirmation"
	Resent          Kind = "resent"           // the confirmation once more, as somebody asked for it
	TicketReceived  Kind = "ticket_received"  // to the new holder of a ticket
	TicketPassedOn  Kind = "ticket_passed_on" // to the one before
	Cancellation    Kind = "cancellation"     // by the customer
	ItemsCancelled  Kind = "items_cancelled"  // some of the tickets, and the rest stands
	EventCancelled  Kind = "event_cancelled"  // by the organizer, with everything booked for it
	PaymentFailed   Kind = "payment_failed"   // nothing was charged
	PaymentReturned Kind = "payment_returned" // it was charged, perhaps late, and is refunded: there were no tickets
	NotCompleted    Kind = "not_completed"    // for another reason; nothing was charged
	Links           Kind = "links"            // to the bookings of a guest, who has asked for them
	Verification    Kind = "verification"     // of an account's email address
	PasswordReset   Kind = "password_reset"   // of an account
	EmailChange     Kind = "email_change"     // to an account's new address
	EmailChanged    Kind = "email_changed"    // to its old one
	PhoneChange     Kind = "phone_change"     // a code to an account's new phone
	Test            Kind = "test"
	Nothing         Kind = "" // the message is known, and nobody is told
)

// Outdates reports whether what an older message of kind older tells of a
// booking is no longer so once a newer one of kind k is known. A cancellation
// in part is a fact about money of its own, and never outdated. Nor does it
// outdate the confirmation, without which there had been nothing to cancel. Nor does one
// that was asked for again: it has no SMS, and a Quota may stop it.
func (k Kind) Outdates(older Kind) bool {
	adds := k == ItemsCancelled || k == Resent
	return older != ItemsCancelled && !(adds && older.confirms())
}

// Overtakes reports whether what older notifications say about the state of the booking is
// no longer true once one of kind k is known. One that was asked for again changes nothing.
func (k Kind) Overtakes() bool { return k != Nothing && k != Resent }

// confirms reports whether a notification of kind k says that the booking is confirmed.
func (k Kind) confirms() bool { return k == Confirmation || k == Resent }

// toHolder reports whether a notification of kind k goes to the holder of one ticket.
func (k Kind) toHolder() bool { return k == TicketReceived || k == TicketPassedOn }

// goesOn reports whether the customer still has tickets after a notification of kind k.
func (k Kind) goesOn() bool { return k.confirms() || k == ItemsCancelled }

// Notification is one delivery of one message to one user by one channel.
type Notification struct {
	ID        string // UUIDv7, stable over every attempt: the Message-ID and the idempotency key
	BookingID string // empty for a test mail, and one to a holder
	UserID    string
	Channel   Channel
	To        string // email address or phone number; empty while Resolving
	Subject   string // in English until it was tried, for its language is not known before

	// The record's. Booking is empty where the texts are stored, and for a mail about
	// an account an events.AccountMail. BookingID is empty for a mail to a holder, whose
	// Booking has it.
	Kind    Kind
	Version int64
	Booking string
	// Overtaken says that the booking has a record of a higher version that Overtakes
	// this one. Claim sets it.
	Overtaken bool

	// The texts of a test mail, and of what an earlier release stored. Those
	// about a booking are written when they are sent.
	Text     string // the plain text; for an SMS all of it
	HTML     string // empty for an SMS
	Calendar string // the event as an iCalendar object (RFC 5545), attached to a mail; mostly empty

	Status    Status
	Attempts  int    // how often it was tried and the outcome recorded
	Error     string // why the last attempt failed; empty once sent
	CreatedAt time.Time
	SentAt    time.Time // zero until Sent

	// Due is when an open delivery may be claimed next; while it is leased,
	// when the lease ends.
	Due time.Time
	// Turn orders what is due at one time: the lowest comes first.
	Turn int64
	// Lease is the token of who works on it now; empty when nobody does.
	Lease string
}

// Record is what one message leads to: one to two deliveries, or none.
type Record struct {
	MessageID  string // the CloudEvent's id
	BookingID  string // empty for a test mail, and a mail about an account or to a holder
	Kind       Kind
	Part       string    // the cancellation's id for ItemsCancelled, the message's for Resent; else empty
	Version    int64     // the booking's, as the message has it
	Booking    string    // what the message says about it, as JSON; its texts are written from that. It holds no credential
	At         time.Time // when it came
	EventAt    time.Time // from when the retention counts: the event, or At; at most MaxAhead after At
	Quotas     []Quota   // of different Keys; none where it is sent in any case
	SMSQuotas  []Quota   // of its SMS alone, of which there is one where there are any; of Keys that Quotas do not have
	Deliveries []Notification
}

// MaxAhead is how long after its At the EventAt of a record is at the latest, however
// far ahead its event is.
const MaxAhead = 2 * 365 * 24 * time.Hour

// Quota says how many records of one Key are sent within a QuotaPeriod: Most.
type Quota struct {
	Key  string // an account, or the hash of an address; both are personal data, kept for a short time
	Most int
}

// Once names what a booking is told of once: no two records with deliveries
// have the same.
func (r Record) Once() string { return join("/", r.BookingID, string(r.Kind), r.Part) }

// Filter chooses what a list has. Empty fields choose everything.
type Filter struct {
	UserID    string
	BookingID string
	Status    Status // one that lists show
	Limit     int
	After     *Position // the last item of the page before
}

// Position is a place in a list: lists are ordered by CreatedAt, then ID, the
// newest first.
type Position struct {
	CreatedAt time.Time `json:"t"`
	ID        string    `json:"id"`
}

// Position returns where n stands in a list.
func (n Notification) Position() Position { return Position{n.CreatedAt, n.ID} }
