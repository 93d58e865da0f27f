package booking

import (
	"context"
	"slices"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// The limits of mails with links, and how long they count.
const (
	// LinkMailsPerDay is how many of them a mailbox is sent within a day. Whoever asks may
	// be somebody else.
	LinkMailsPerDay = 3
	// linkRequestsPerHour is how many requests of one client are worked off within an hour.
	linkRequestsPerHour = 30
	// LinkRequestsKept is how long a request counts for its client.
	LinkRequestsKept = time.Hour
	// LinkMailsKept is how long a mail is known: it counts for a day, and is tried for as
	// long.
	LinkMailsKept = 48 * time.Hour
)

// around is from when to when something counts at now that does for so long. It reaches
// as far ahead as back: another process may be some moments ahead, and a clock that was
// far ahead keeps nobody from mails for longer.
func around(now time.Time, life time.Duration) Span { return Span{now.Add(-life), now.Add(life)} }

// FindBookings asks for a mail with the links to the bookings that guests have made with
// this address. The request is stored, and what it leads to decided later: neither the answer nor
// its time tells whether there are any. client is a hash of the network address
// that it comes from. A problem.Invalid if it is no address.
func (s *Service) FindBookings(ctx context.Context, email, client string) error {
	email, wrong := contact.Email("email", norm.NFC.String(email))
	if wrong != nil {
		return wrong
	}
	now := s.now()
	r := LinkRequest{ID: newID(), Key: contact.EmailKey(email), Mailbox: contact.MailboxKey(email), Client: client, At: now, TraceParent: s.TraceParent(ctx)}
	if err := s.LinkMails.Request(ctx, r, around(now, LinkRequestsKept), linkRequestsPerHour); err != nil {
		return err
	}
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return nil
}

// GuestKey is what guests find b by: the contact.EmailKey of its address; "" if it is an
// account's.
func (b *Booking) GuestKey() string {
	if !b.Guest {
		return ""
	}
	return contact.EmailKey(b.UserEmail)
}

// workOffPoll is how often requests of other processes are looked for, and
// workOffBatch how many are decided on in one transaction.
const (
	workOffPoll  = time.Second
	workOffBatch = 20
)

// MailLinks decides on the mails that were asked for, until ctx ends.
func (s *Service) MailLinks(ctx context.Context) error {
	tick := time.NewTicker(workOffPoll)
	defer tick.Stop()
	for {
		if err := worker.Try(ctx, s.Log, "mails with links", func() error { return s.MailLinksNow(ctx) }); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "mails with links not decided on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.asked:
		case <-tick.C:
		}
	}
}

// MailLinksNow decides on the mails that have been asked for.
func (s *Service) MailLinksNow(ctx context.Context) error {
	for {
		told := false
		n, err := s.LinkMails.WorkOff(ctx, around(s.now(), 24*time.Hour), workOffBatch, func(r LinkRequest, found []Booking, recent int) (*LinkMail, events.Message, error) {
			m, message, err := s.decideOnLinks(r, found, recent)
			told = told || m != nil
			return m, message, err
		})
		if err != nil {
			return err
		}
		if told {
			s.Committed()
		}
		if n < workOffBatch {
			return nil
		}
	}
}

// decideOnLinks returns the mail that r leads to, and the message about it; nil if no link
// is good any more, or the mailbox has its mails of the day.
func (s *Service) decideOnLinks(r LinkRequest, found []Booking, recent int) (*LinkMail, events.Message, error) {
	now := s.now()
	found = s.linked(found, now)
	if recent >= LinkMailsPerDay || len(found) == 0 {
		return nil, events.Message{}, nil
	}
	last := newest(found)
	last.Version--       // of a message about a change, which comes after it
	last.UpdatedAt = now // when it was asked for
	if err := last.tell(events.TypeBookingLinksRequested, nil, "", r.TraceParent); err != nil {
		return nil, events.Message{}, err
	}
	message := last.Effects.Messages[0]
	return &LinkMail{ID: message.ID, Key: r.Key, Mailbox: r.Mailbox, CreatedAt: now}, message, nil
}

// linked returns those of found whose links are good at now, by when their events start.
func (s *Service) linked(found []Booking, now time.Time) []Booking {
	if len(s.LinkKeys) == 0 {
		return nil
	}
	good := slices.DeleteFunc(slices.Clone(found), func(b Booking) bool { return b.Unreadable != nil || !now.Before(b.LinksEnd()) })
	slices.SortStableFunc(good, func(a, b Booking) int { return a.Event.StartsAt.Compare(b.Event.StartsAt) })
	return good
}

// newest returns the booking that was made last.
func newest(found []Booking) Booking {
	return slices.MaxFunc(found, func(a, b Booking) int { return a.CreatedAt.Compare(b.CreatedAt) })
}

// LinkMailContent is what a mail with links says when it is sent.
type LinkMailContent struct {
	To, Name string
	// Locale is a BCP 47 tag that the guest has corrected; nil where that is for the
	// user service to say.
	Locale   *string
	Bookings []LinkedBooking
}

// LinkedBooking is a booking with the key that opens it.
type LinkedBooking struct {
	Booking
	LinkKey string
}

// LinkMail returns what the mail with links says now. It goes to the address of the booking
// that was made last, and not to the spelling that was asked for, which somebody else may
// have chosen. ErrMailNotDue if it is unknown, or no link is good any more.
func (s *Service) LinkMail(ctx context.Context, id string) (LinkMailContent, error) {
	_, found, err := s.LinkMails.Get(ctx, id)
	if err != nil {
		return LinkMailContent{}, err
	}
	good := s.linked(found, s.now())
	if len(good) == 0 {
		return LinkMailContent{}, ErrMailNotDue
	}
	last := newest(good)
	c := LinkMailContent{To: last.UserEmail, Name: last.UserName}
	if last.Contact != nil {
		c.Locale = last.Contact.Locale
	}
	for _, b := range good {
		c.Bookings = append(c.Bookings, LinkedBooking{b, s.LinkKeys.Buyer(&b)})
	}
	return c, nil
}
