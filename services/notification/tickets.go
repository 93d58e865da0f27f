package notification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strconv"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// toHolders returns the records of b, a booking of which a ticket has another holder: r for
// the new holder, and before it one for the holder before. So the message is known only once
// both are stored. A holder without an address has no mail, and one who keeps the ticket
// under another name hears of it once.
func (s *Service) toHolders(r Record, b events.Booking) ([]Record, error) {
	to, from := b.PassedOn.To, b.PassedOn.From
	received := r
	received.Kind = Nothing
	var ok bool
	if to.Email, ok = address(to.Email); ok {
		if err := s.addressHolder(&received, TicketReceived, b, to); err != nil {
			return nil, err
		}
	}
	if from.Email, ok = address(from.Email); !ok || mailboxKey(from.Email) == mailboxKey(to.Email) {
		return []Record{received}, nil
	}
	passed := r
	passed.MessageID += "/before"
	if err := s.addressHolder(&passed, TicketPassedOn, b, from); err != nil {
		return nil, err
	}
	return []Record{passed, received}, nil
}

// addressHolder gives r a mail of this kind about b to a holder.
func (s *Service) addressHolder(r *Record, kind Kind, b events.Booking, to events.Holder) error {
	data, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("%w: the booking cannot be kept", ErrMalformed)
	}
	r.Kind, r.BookingID, r.Booking = kind, "", string(data)
	r.EventAt = eventAt(kind, b.Event.StartsAt, r.At)
	r.Quotas = []Quota{ // nobody has proven that the address is the holder's
		{Key: "holders/" + b.UserID, Most: s.o.AccountQuota},
		{Key: "to/" + mailboxKey(to.Email), Most: s.o.RecipientQuota},
	}
	n := newDelivery(Email, b.UserID, r.At)
	n.To, n.Status = to.Email, Pending
	n.Turn = s.lanes[Email].turns.next(free, place(b)) // buyers come first
	n.Subject, n.Kind, n.Version, n.Booking = editionOf("").subject(kind, b.Event.Title), kind, r.Version, r.Booking
	r.Deliveries = []Notification{n}
	return nil
}

// carried is what the texts of a notification see of what it carries. Its zero value is
// nothing.
type carried struct {
	Seats []seat
	Link  string // to the booking, or the ticket
	PDF   bool   // it is attached

	Received bool // the mail is about one ticket, which its reader holds
	Number   int  // of the ticket that was passed on
	Buyer    bool // who held it is the buyer
}

// seat is a ticket as the templates see it. Every text in it is one line.
type seat struct {
	Number       int
	Name, Holder string
	Code         string
	QR           htmltemplate.URL // where the mail has the picture of it
}

// carry asks the booking service what n carries, each time that n is tried: no store holds
// a code or a key. While it does not answer, n waits. Only the last attempts at a confirmation
// do without: that there is a booking is worth a mail, too. It reports whether
// n can be sent now.
func (s *Service) carry(ctx context.Context, n Notification, b events.Booking, locale string) (_ Notification, d Delivery, ok bool) {
	w := Wanted{BookingID: b.BookingID, LinkVersion: b.LinkVersion, PDF: n.Channel == Email && !s.o.WithoutPDF, Locale: locale}
	switch {
	case n.Kind == TicketReceived:
		w.TicketID, w.Issue = b.PassedOn.TicketID, b.PassedOn.Issue
	case !n.Kind.confirms(), n.Channel == SMS && s.o.WebURL == "":
		return n, Delivery{}, true
	}
	d, err := s.o.Deliveries.Delivery(ctx, w)
	switch {
	case err == nil:
		return n, d, true
	case errors.Is(err, ErrNotDue):
		n.Status, n.Error = Outdated, Superseded
		return n, Delivery{}, false
	case n.Kind.confirms() && n.Attempts >= s.o.MaxAttempts-lastTries:
		return n, Delivery{}, true
	}
	n.Attempts++
	n.Error = "the tickets could not be asked for"
	if n.Attempts >= s.o.MaxAttempts {
		n.Status = Failed
		return n, Delivery{}, false
	}
	return s.later(n), Delivery{}, false
}

// pack puts what n, a mail about b, carries into c, and returns what its texts see of it.
func (s *Service) pack(n Notification, b events.Booking, d Delivery) (see carried, inline []Inline, files []Attachment) {
	for _, t := range d.Tickets {
		id := fmt.Sprintf("ticket-%d.%s@boxoffice", t.Number, n.ID)
		inline = append(inline, Inline{id, Attachment{Name: fmt.Sprintf("ticket-%d.png", t.Number), Type: "image/png", Body: string(t.QR)}})
		see.Seats = append(see.Seats, seat{t.Number, line(t.Name), line(t.Holder), t.Code, htmltemplate.URL("cid:" + id)}) //nolint:gosec // it is made of a number and an id
	}
	if len(d.PDF) > 0 {
		see.PDF = true
		name := "boxoffice-" + events.Reference(b.BookingID)
		if n.Kind == TicketReceived {
			name += "-" + strconv.Itoa(b.PassedOn.Number)
		}
		files = append(files, Attachment{Name: name + ".pdf", Type: "application/pdf", Body: string(d.PDF)})
	}
	if n.Kind.toHolder() {
		see.Received, see.Number, see.Buyer = n.Kind == TicketReceived, b.PassedOn.Number, mailboxKey(n.To) == mailboxKey(b.UserEmail)
	}
	if d.LinkKey != "" && s.o.WebURL != "" {
		see.Link = s.o.WebURL + "/b/" + b.BookingID + "/" + d.LinkKey
	}
	return see, slices.Clip(inline), slices.Clip(files)
}
