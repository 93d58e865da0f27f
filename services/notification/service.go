package notification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// Options is what a Service is made of. Store, Mailer, Contacts, AccountMails,
// Deliveries and Log are needed; the rest has defaults.
type Options struct {
	Store    Store
	Mailer   Mailer
	SMS      SMSProvider // nil: there are no SMS
	Contacts Contacts
	// AccountMails says what mails about accounts say.
	AccountMails AccountMails
	// Deliveries says what mails with tickets carry.
	Deliveries Deliveries
	Log        *slog.Logger
	// WebURL is the web site that mails link to, without a slash at its end; empty for none.
	WebURL string
	// WithoutPDF says that mails with tickets have no PDF attached.
	WithoutPDF bool

	// Organizer is the mail address that calendars name as the organizer of
	// their entries: the one that mails come from. May be empty.
	Organizer string

	Now func() time.Time // the clock; default time.Now

	// RetryBase is the pause after the first failed attempt; it doubles with
	// each further one up to RetryMax, give or take a quarter. Defaults: 1 s
	// and 30 min.
	RetryBase, RetryMax time.Duration
	// MaxAttempts is after how many failed attempts a delivery is FAILED. To ask
	// for a mail's address in vain is one. Default 60, which with the default
	// pauses is about a day.
	MaxAttempts int
	// SendTimeout bounds one attempt; default 20 s, at most MaxSendTimeout. A lease lasts as long as an
	// attempt and its record can take, so that other processes on the same
	// store keep off. This process sends nothing twice in any case.
	SendTimeout time.Duration
	// Workers is how many mails are sent at a time; default 4. Beside them go half
	// as many SMS, at least one.
	Workers int
	// Retention is how long after an event its notifications keep personal data;
	// default 90 days. It counts from a notification itself if nothing takes place
	// after it, and from MaxAhead later at the latest.
	Retention time.Duration
	// RecipientQuota and AccountQuota are how many notifications about bookings for
	// which nothing is paid go to one address, and to the addresses of one account,
	// within a QuotaPeriod; defaults 10 and 30. They count the first of each booking, and
	// each cancellation in part. Those about money, and others that follow one that was
	// sent, are always sent. Mails to the holders of tickets have as many, whatever was paid.
	RecipientQuota, AccountQuota int
	// Poll is how often an idle worker looks for what is due; default 500 ms.
	// What is enqueued here does not wait for it.
	Poll time.Duration
}

// MaxSendTimeout is the longest Options.SendTimeout of any process.
const MaxSendTimeout = 10 * time.Minute

// Service is the use cases: hearing of bookings, sending, listing.
type Service struct {
	o       Options
	ledger  ledger
	lanes   map[Channel]*lane
	running atomic.Bool
}

// New returns a Service, or an error that names the option that is missing.
func New(o Options) (*Service, error) {
	if o.Store == nil || o.Mailer == nil || o.Contacts == nil || o.AccountMails == nil || o.Deliveries == nil || o.Log == nil {
		return nil, errors.New("notification: Store, Mailer, Contacts, AccountMails, Deliveries and Log are needed")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	for _, d := range []struct {
		value  *time.Duration
		preset time.Duration
	}{
		{&o.RetryBase, time.Second}, {&o.RetryMax, 30 * time.Minute},
		{&o.SendTimeout, 20 * time.Second}, {&o.Poll, 500 * time.Millisecond},
		{&o.Retention, 90 * 24 * time.Hour},
	} {
		if *d.value <= 0 {
			*d.value = d.preset
		}
	}
	for _, n := range []struct {
		value  *int
		preset int
	}{{&o.MaxAttempts, 60}, {&o.Workers, 4}, {&o.RecipientQuota, 10}, {&o.AccountQuota, 30}} {
		if *n.value <= 0 {
			*n.value = n.preset
		}
	}
	return &Service{o: o, lanes: map[Channel]*lane{Email: newLane(Email, o.Workers, o.Now()), SMS: newLane(SMS, max(1, o.Workers/2), o.Now())}}, nil
}

// Handle takes in a booking.* message: when it returns nil, the message is
// known and what it leads to is stored, to go out at once. It is idempotent by
// the message's id. A message of another type is ErrUnknownType, and one that
// cannot be read is ErrMalformed; any other error is worth another try.
//
//   - A confirmation and every cancellation are told by mail: by the
//     customer, of all or some of the tickets, or with the whole event. Where
//     money was paid, they are told by SMS, too.
//   - The confirmation is mailed once more for each request for that, without an SMS.
//   - A confirmation has the tickets: their codes, which no message and no store holds, are
//     asked for when it is sent. It is dropped if the booking or its link is
//     another by then.
//   - A ticket that is passed on is mailed to its new holder, and the holder before is told.
//     It is dropped if it was passed on again, or given back. An address gets few of these mails
//     within a QuotaPeriod, and so do those that one account names.
//   - A guest who asks for the links to their bookings is mailed them, to the address that
//     booking says when it is sent. The keys are in no message and no store.
//   - A failed booking is told where the customer had been answered
//     "pending", or had been charged and got it back. It may have died before
//     anything was known of its event. One that was told may still be paid,
//     late: then it is confirmed after all, or the payment returned, and
//     that is told as well.
//   - Messages come in any order. One that comes after a newer message about
//     the same booking is stale and told to nobody: a confirmation after the
//     cancellation would only mislead, and the cancellation says it all. One
//     that still waits to be sent when the newer message comes is dropped.
//   - Of one booking, mails go out one after the other, oldest first, and so do
//     SMS: nobody is told an older state after a newer one.
//   - A cancellation in part is never stale, whatever was told before it: each
//     is money of its own, and no other message tells of it. What remains of the
//     booking it says only if nothing newer is known. Nor does it make
//     the confirmation stale, which it may overtake: that has what the customer
//     needs at the door. What it does make stale is that the booking failed.
//   - Where nothing was paid, nobody has proven that the address is theirs: then
//     an address and an account are told only of so many bookings, and cancellations in
//     part, which count one by one (RecipientQuota). Whoever was told of a booking hears
//     in any case what becomes of the whole of it.
//   - An account gets few SMS about cancellations in part within a QuotaPeriod. The mails
//     about them go out in any case.
func (s *Service) Handle(ctx context.Context, m events.Message) error {
	b, kind, err := decode(m)
	if err != nil {
		return err
	}
	now := s.o.Now()
	r := Record{MessageID: m.ID, BookingID: b.BookingID, Kind: kind, Version: b.Version, At: now, EventAt: now}
	if m.Type == events.TypeBookingTicketsChanged {
		r.BookingID = "" // the message outdates no mail to the buyer
	}
	records := []Record{r}
	switch {
	case kind.toHolder():
		records, err = s.toHolders(r, b)
	case kind == Links:
		err = s.askForLinks(&records[0], b)
	case kind != Nothing:
		err = s.address(&records[0], b)
	}
	if err != nil {
		return err
	}
	var outcome Outcome
	for _, r := range records {
		if outcome, err = s.enqueue(ctx, r); err != nil {
			return fmt.Errorf("enqueue message %s: %w", m.ID, err)
		}
		if outcome == Limited {
			s.o.Log.WarnContext(ctx, "notification not sent", "message_id", m.ID, "booking_id", b.BookingID, "user_id", b.UserID,
				"kind", r.Kind, "reason", OverQuota)
		}
	}
	s.o.Log.InfoContext(ctx, "message taken in", "message_id", m.ID, "type", m.Type, "booking_id", b.BookingID, "new", outcome != Ignored)
	return nil
}

// partTexts is how many SMS about cancellations in part go out for one account within a
// QuotaPeriod. Nobody has to have proven that the number is theirs.
const partTexts = 5

// address gives r what it tells about b, which decode has checked, and a mail to
// be written of that; an SMS, too, if the booking is paid.
func (s *Service) address(r *Record, b events.Booking) error {
	data, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("%w: the booking cannot be kept", ErrMalformed)
	}
	r.Booking = string(data)
	r.EventAt = eventAt(r.Kind, b.Event.StartsAt, r.At)
	switch r.Kind {
	case ItemsCancelled:
		r.Part = b.Cancellation.ID
	case Resent:
		r.Part = r.MessageID
	}
	mail := newDelivery(Email, b.UserID, r.At)
	mail.To, mail.Status = b.UserEmail, Pending
	r.Deliveries = []Notification{mail}
	class := classOf(r.Kind, b)
	switch {
	case !paid(r.Kind, b):
		r.Quotas = []Quota{
			{Key: "account/" + b.UserID, Most: s.o.AccountQuota},
			{Key: "to/" + mailboxKey(b.UserEmail), Most: s.o.RecipientQuota},
		}
	case s.o.SMS != nil && r.Kind != Resent: // for what is not paid nobody has proven that the number is theirs
		sms := newDelivery(SMS, b.UserID, r.At)
		if r.Part != "" { // each costs nothing but a ticket that is paid back
			r.SMSQuotas = []Quota{{Key: "sms/account/" + b.UserID, Most: partTexts}}
		}
		sms.Status = Resolving // whether there is a phone is asked later: the user service may be down
		r.Deliveries = append(r.Deliveries, sms)
	}
	for i := range r.Deliveries {
		n := &r.Deliveries[i]
		n.Turn = s.lanes[n.Channel].turns.next(class, place(b))
		n.BookingID, n.Subject = b.BookingID, editionOf("").subject(r.Kind, b.Event.Title)
		n.Kind, n.Version, n.Booking = r.Kind, r.Version, r.Booking
	}
	return nil
}

var errPanicked = errors.New("the store panicked")

// enqueue stores r, to go out at once: where a worker can have them, its
// deliveries are claimed from their birth. What it has reserved for them it gives
// up however the store ends: a broker recovers a handler that panics.
func (s *Service) enqueue(ctx context.Context, r Record) (outcome Outcome, err error) {
	since := time.Now()
	var reserved []Notification
	for i := range r.Deliveries { // the mail first: where that has to wait, so does the SMS
		n := &r.Deliveries[i]
		if !s.reserve(s.lanes[n.Channel]) {
			break
		}
		n.Lease, n.Due = newID(), r.At.Add(s.lease())
		reserved = append(reserved, *n)
	}
	err = errPanicked // stands if the store never answers
	defer func() {
		switch {
		case err != nil: // it may be stored: then the leases go back at once
			s.hand(reserved, time.Time{})
		case outcome == Leased:
			s.hand(reserved, since)
		default:
			for _, n := range reserved {
				s.lanes[n.Channel].vacate(1)
			}
			reserved = nil
		}
		if err == nil && outcome != Ignored && len(reserved) < len(r.Deliveries) {
			s.Wake()
		}
	}()
	outcome, err = s.o.Store.Enqueue(ctx, r)
	return outcome, err
}

// SendTest mails the caller at once and returns the notification as it then
// stands: SENT, or PENDING with the reason why the first attempt failed.
func (s *Service) SendTest(ctx context.Context, caller identity.Caller) (Notification, error) {
	now := s.o.Now()
	to, err := s.o.Contacts.Contact(ctx, caller.UserID)
	if err != nil { // then the test of mail is in English
		to = Contact{}
		s.o.Log.WarnContext(ctx, "the language of a test mail could not be asked for", "user_id", caller.UserID, "error", err)
	}
	c, err := renderTest(caller.Name, now, to.Locale)
	if err != nil {
		return Notification{}, err
	}
	n := newDelivery(Email, caller.UserID, now)
	n.To, n.Status = caller.Email, Pending
	n.Subject, n.Text, n.HTML = c.Subject, c.Text, c.HTML
	// Claimed from birth: this call sends it, and no worker does so as well.
	// If it dies half-way, the lease ends and a worker takes over.
	since := time.Now()
	n.Lease, n.Due = newID(), now.Add(s.lease())
	n.Kind = Test
	r := Record{MessageID: newID(), Kind: Test, At: now, EventAt: now, Deliveries: []Notification{n}}
	if _, err := s.o.Store.Enqueue(ctx, r); err != nil {
		return Notification{}, fmt.Errorf("enqueue test mail: %w", err)
	}
	return s.deliver(ctx, leased{Notification: n, since: since}, false), nil
}

// List returns the deliveries that f chooses among those that caller may see:
// all for an admin, their own for everybody else.
func (s *Service) List(ctx context.Context, caller identity.Caller, f Filter) ([]Notification, error) {
	if !caller.IsAdmin() {
		if caller.UserID == "" {
			return []Notification{}, nil
		}
		f.UserID = caller.UserID
	}
	return s.o.Store.List(ctx, f)
}

// Wake lets idle workers look at once for what is due. It never blocks.
func (s *Service) Wake() {
	for _, l := range s.lanes {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// lease is how long a claim holds. It may wait for a worker; a mailer may use
// the time anew for each step of a conversation, of which there are four (to
// connect, to greet, to log in, to hand over), and a database may answer some
// seconds after it should.
func (s *Service) lease() time.Duration { return leaseOf(s.o.SendTimeout) }

func leaseOf(sendTimeout time.Duration) time.Duration { return lead + 4*sendTimeout + 2*recordTime }

// pause is how long to wait after the attempt-th failure, 1 being the first.
func (s *Service) pause(attempt int) time.Duration {
	return retry.Pauses{First: s.o.RetryBase, Limit: s.o.RetryMax, Jitter: 25}.After(attempt)
}

// longestPause is more than pause ever is.
func (s *Service) longestPause() time.Duration { return s.o.RetryMax + s.o.RetryMax/4 + 1 }

func newDelivery(c Channel, userID string, at time.Time) Notification {
	return Notification{ID: newID(), UserID: userID, Channel: c, CreatedAt: at, Due: at}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
