package notification

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// deliver makes one attempt at l and records its outcome. It
// returns n as it was recorded. The end of ctx does not cut it off: between a
// server's "taken" and our record of it lies the one place where a mail could
// go out twice. What this process has sent it never sends again: it records it
// as soon as the store lets it. Where n has waited, check asks the store once
// more whether it is outdated.
func (s *Service) deliver(ctx context.Context, l leased, check bool) Notification {
	ctx = context.WithoutCancel(ctx)
	n := l.Notification
	sent, ok := s.ledger.begin(n, l.since)
	switch {
	case !ok:
		return n
	case sent != nil:
		n.Status, n.To, n.Subject, n.Attempts, n.Error, n.SentAt = sent.Status, sent.To, sent.Subject, sent.Attempts, sent.Error, sent.SentAt
	case check && s.outdated(ctx, n):
		n.Error = Replaced
		if n.Status = Outdated; n.To == "" {
			n.Status = Dropped
		}
	default:
		n = s.attemptSafely(ctx, n)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	lease, recorded := s.settle(ctx, n)
	if !recorded {
		s.ledger.end(n, false)
		return n
	}
	if unused := s.ledger.endRecorded(n, lease); unused != "" && n.Status.Open() {
		again := n
		again.Lease = unused
		err := worker.Try(ctx, s.o.Log, "delivery", func() error { return s.o.Store.Settle(ctx, again) }, "notification_id", n.ID)
		if err != nil {
			s.log(n).WarnContext(ctx, "a lease is left to end by itself", "error", err)
		}
	}
	return n
}

// attemptSafely is attempt, of which a panic is a failure like others.
func (s *Service) attemptSafely(ctx context.Context, n Notification) Notification {
	after := n
	err := worker.Try(ctx, s.o.Log, "delivery", func() error {
		after = s.attempt(ctx, n)
		return nil
	}, "notification_id", n.ID)
	if err == nil {
		return after
	}
	after = s.outcome(n, &SendError{Reason: "the attempt failed unexpectedly"})
	if n.Status == Resolving && after.Status == Failed {
		after.Status = Dropped // nobody was named to send it to
	}
	return after
}

// outdated reports whether n is known to be outdated. While the database does
// not answer, n is sent, as it may be sent a moment before it is outdated.
func (s *Service) outdated(ctx context.Context, n Notification) (outdated bool) {
	ctx, cancel := context.WithTimeout(ctx, Behind)
	defer cancel()
	err := worker.Try(ctx, s.o.Log, "delivery", func() (err error) {
		outdated, err = s.o.Store.Outdated(ctx, n)
		return err
	}, "notification_id", n.ID)
	if err != nil {
		s.log(n).WarnContext(ctx, "cannot ask whether a notification is outdated", "error", err)
	}
	return outdated
}

// attempt is n after one attempt at it.
func (s *Service) attempt(ctx context.Context, n Notification) Notification {
	ctx, cancel := context.WithTimeout(ctx, s.o.SendTimeout)
	defer cancel()
	if n.Channel == SMS && s.o.SMS == nil { // a code, or there was a provider when it was stored
		n.Error = "no SMS are sent any more"
		if n.Status = Failed; n.To == "" {
			n.Status = Dropped
		}
		return n
	}
	if n.Kind.aboutAccount() {
		return s.attemptAccountMail(ctx, n)
	}
	if n.Kind == Links {
		return s.attemptLinks(ctx, n)
	}
	var to Contact
	if n.Channel == SMS || n.Booking != "" { // other mails have their address and texts
		var ok bool
		holder := n.To
		if n, to, ok = s.reach(ctx, n); !ok {
			return n
		}
		if n.Kind.toHolder() { // in the buyer's language, for want of the holder's
			n.To, to.Name = holder, ""
		}
	}
	n, c, ok := s.write(ctx, n, to)
	if !ok {
		return n
	}
	if n.Subject = c.Subject; n.Channel == SMS {
		return s.outcome(n, s.o.SMS.Send(ctx, Text{ID: n.ID, To: n.To, Body: c.SMS}))
	}
	return s.outcome(n, s.o.Mailer.Send(ctx, Mail{
		ID: n.ID, To: n.To, Subject: c.Subject, Text: c.Text, HTML: c.HTML, Inline: c.Inline, Attachments: c.Attachments, Date: n.CreatedAt,
	}))
}

// lastTries is how many of the attempts at a mail are made even if the user
// service does not say where its user is now.
const lastTries = 3

// reach asks how to reach n's user, by which name and in which language, each time
// that n is tried: what it knows of before may be somebody else's by now. While the user
// service does not answer, n waits. Only the last attempts at a mail go to the
// address that is known. What a guest has corrected of a booking counts in place of the
// answer: then n does not wait for its language alone. It reports whether n can be sent now.
func (s *Service) reach(ctx context.Context, n Notification) (_ Notification, to Contact, ok bool) {
	corrected := contactOf(n)
	answered := true
	if corrected == nil || corrected.Locale == nil || n.Channel == SMS && corrected.Phone == nil {
		c, err := s.o.Contacts.Contact(ctx, n.UserID)
		if answered = err == nil || errors.Is(err, ErrNoContact); err == nil {
			to = c
			to.Name = line(c.Name)
		}
	}
	if corrected != nil { // its address and name are those of the booking
		to.Email, to.Name = "", ""
		if corrected.Locale != nil {
			to.Locale = *corrected.Locale
		}
		if corrected.Phone != nil {
			to.Phone = *corrected.Phone
		}
		answered = answered || n.Channel == Email || corrected.Phone != nil
	}
	switch {
	case n.Channel == SMS:
		n, ok = s.resolve(n, to.Phone, answered)
		return n, to, ok
	case !answered && n.Attempts < s.o.MaxAttempts-lastTries:
		n.Attempts++
		n.Error = "the address could not be asked for"
		return s.later(n), to, false
	}
	if email, known := address(to.Email); known {
		n.To = email
	}
	return n, to, true
}

// contactOf returns what a guest has corrected of how they hear of n's booking, or nil.
func contactOf(n Notification) *events.Contact {
	var b struct {
		Contact *events.Contact `json:"contact"`
	}
	if json.Unmarshal([]byte(n.Booking), &b) != nil {
		return nil // write says so
	}
	return b.Contact
}

// write is what n says, as of now, to a customer of this name, in this language, and what it
// carries. An empty name is that of the booking. It reports whether n can be sent now.
func (s *Service) write(ctx context.Context, n Notification, to Contact) (_ Notification, c Content, ok bool) {
	if n.Booking == "" {
		return n, Content{Subject: n.Subject, Text: n.Text, HTML: n.HTML, SMS: n.Text, Attachments: attachments(n.BookingID, n.Calendar)}, true
	}
	var b events.Booking
	if err := json.Unmarshal([]byte(n.Booking), &b); err != nil {
		return s.unwritten(n), Content{}, false
	}
	n, d, ok := s.carry(ctx, n, b, to.Locale)
	if !ok {
		return n, Content{}, false
	}
	switch b.UserName = cmp.Or(to.Name, b.UserName); n.Kind {
	case TicketReceived:
		b.UserName = b.PassedOn.To.Name
	case TicketPassedOn:
		b.UserName = b.PassedOn.From.Name
	}
	see, inline, files := s.pack(n, b, d)
	c, err := render(n.Kind, b, n.Overtaken, to.Locale, see)
	if err != nil {
		return s.unwritten(n), Content{}, false
	}
	if n.Channel == Email {
		entry := editionOf(to.Locale).calendar(n.Kind, b, s.o.Organizer)
		c.Inline, c.Attachments = inline, append(files, attachments(b.BookingID, entry)...)
	}
	return n, c, true
}

// unwritten is n, of which the texts cannot be written, after an attempt.
func (s *Service) unwritten(n Notification) Notification {
	return s.outcome(n, &SendError{Reason: "the notification cannot be written", Permanent: true})
}

// outcome is n after an attempt that ended with err.
func (s *Service) outcome(n Notification, err error) Notification {
	n.Attempts++
	if err == nil {
		n.Status, n.Error, n.SentAt = Sent, "", s.o.Now()
		return n
	}
	failure := &SendError{Reason: "the attempt did not succeed"}
	errors.As(err, &failure)
	n.Error = failure.Reason
	if failure.Permanent || n.Attempts >= s.o.MaxAttempts {
		n.Status = Failed
		return n
	}
	return s.later(n)
}

// later is n, of which an attempt has failed, to be tried again after a pause.
func (s *Service) later(n Notification) Notification {
	pause := s.pause(n.Attempts)
	n.Due = s.o.Now().Add(pause)
	n.Turn = s.lanes[n.Channel].turns.again(n.Turn, pause)
	return n
}

// resolve gives an SMS the number that the user service has answered with. One
// without a number is not sent, and nobody sees it unless it had one before. It
// reports whether n can be sent now.
func (s *Service) resolve(n Notification, phone string, answered bool) (_ Notification, ok bool) {
	first := n.Status == Resolving
	switch {
	case answered && phone != "":
		n.To = phone
		if first {
			n.Status, n.Attempts, n.Error = Pending, 0, ""
		}
		return n, true
	case answered && first:
		n.Status = Dropped
	case answered:
		n.Status, n.Error = Outdated, noNumber
	default:
		n.Attempts++
		n.Error = "the phone number could not be asked for"
		n = s.later(n)
		if n.Attempts >= s.o.MaxAttempts { // an SMS a day late helps nobody, and the mail says it all
			if n.Status = Failed; first {
				n.Status = Dropped
			}
		}
	}
	return n, false
}
