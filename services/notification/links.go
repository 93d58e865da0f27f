package notification

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

// linksAsked is what is stored of a mail with links until it is sent.
type linksAsked struct {
	MailID string `json:"mail_id"` // the booking service's
}

// askForLinks gives r a mail with the links to the bookings of a guest, of which b was made
// last. It is about no single booking: what becomes of one outdates it no more than the others.
func (s *Service) askForLinks(r *Record, b events.Booking) error {
	data, err := json.Marshal(linksAsked{r.MessageID})
	if err != nil {
		return fmt.Errorf("%w: the mail cannot be kept", ErrMalformed)
	}
	r.BookingID, r.Version, r.Booking = "", 0, string(data)
	n := newDelivery(Email, b.UserID, r.At)
	n.Status = Resolving // to whom it goes is asked when it is sent
	n.Subject, n.Kind, n.Booking = editionOf("").subject(Links, ""), Links, r.Booking
	n.Turn = s.lanes[Email].turns.next(paidFor, b.UserID)
	r.Deliveries = []Notification{n}
	return nil
}

// attemptLinks is n, a mail with links, after one attempt at it.
func (s *Service) attemptLinks(ctx context.Context, n Notification) Notification {
	var asked linksAsked
	if err := json.Unmarshal([]byte(n.Booking), &asked); err != nil {
		return s.unwritten(n)
	}
	m, err := s.o.Deliveries.LinkMail(ctx, asked.MailID)
	n, ok := s.answered(n, err)
	if !ok {
		return n
	}
	to, ok := address(m.To)
	if !ok {
		return s.outcome(n, &SendError{Reason: "the guest's address is none", Permanent: true})
	}
	n.To = to
	c, err := s.renderLinks(m, s.localeOf(ctx, n.UserID, m.Locale))
	if err != nil {
		return s.unwritten(n)
	}
	n.Subject = c.Subject
	return s.outcome(n, s.o.Mailer.Send(ctx, Mail{ID: n.ID, To: n.To, Subject: c.Subject, Text: c.Text, HTML: c.HTML, Date: n.CreatedAt}))
}

// localeOf returns what a guest has corrected, or what the user service says: nothing where it
// does not answer, for a mail that somebody waits for.
func (s *Service) localeOf(ctx context.Context, userID string, corrected *string) string {
	if corrected != nil {
		return *corrected
	}
	c, err := s.o.Contacts.Contact(ctx, userID)
	if err != nil {
		return ""
	}
	return c.Locale
}

// linkedView is a booking as the template of a mail with links sees it. Every text in it is
// one line.
type linkedView struct {
	Title, When, Venue string
	Tickets            int
	Cancelled          bool
	Reference          string
	URL                string
	Key                string // where there is no web site
}

// renderLinks writes a mail with links.
func (s *Service) renderLinks(m LinkMail, locale string) (Content, error) {
	in := editionOf(locale)
	v := view{Name: line(m.Name)}
	for _, b := range m.Bookings {
		l := linkedView{
			Title: line(b.Event.Title), When: in.moment(b.Event.StartsAt.In(speech.Zone(b.Event.TimeZone))), Venue: line(b.Event.Venue.Name),
			Tickets: b.Tickets, Cancelled: b.Cancelled, Reference: events.Reference(b.BookingID),
		}
		if s.o.WebURL == "" {
			l.Key = b.LinkKey
		} else {
			l.URL = s.o.WebURL + "/b/" + b.BookingID + "/" + b.LinkKey
		}
		v.Linked = append(v.Linked, l)
	}
	return in.execute(Links, v)
}
