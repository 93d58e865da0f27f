package notification

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
)

// accountKinds are what is told of accounts, by the purpose that a message names.
var accountKinds = map[string]Kind{
	"verification": Verification, "password_reset": PasswordReset, "email_change": EmailChange, "email_changed": EmailChanged,
	"phone_change": PhoneChange,
}

// aboutAccount reports whether a notification of kind k is about an account: the
// user service says what it says.
func (k Kind) aboutAccount() bool {
	return k == Verification || k == PasswordReset || k == EmailChange || k == EmailChanged || k == PhoneChange
}

// HandleUser takes in a user.* message: when it returns nil, the message is known,
// and the mail that it leads to is stored, to go out at once. It is idempotent by the
// message's id. A message that cannot be read is ErrMalformed; an error that is
// neither that nor ErrUnknownType is worth another try.
//
//   - A mail about an account is sent to the address that the user service names,
//     with the link that it names, when it is sent. Neither is stored before, and
//     the link never is.
//   - A code for a phone goes to the number that the user service names, by SMS, in
//     the same way. Where there are no SMS it leads to nothing.
//   - A mail for which there is no reason any more is not sent: its link was used or
//     has expired, or a newer one was asked for.
//   - A message of another type is ErrUnknownType.
//   - A message with an unknown purpose is known, and leads to nothing: a newer user
//     service sends it.
func (s *Service) HandleUser(ctx context.Context, m events.Message) error {
	now := s.o.Now()
	r := Record{MessageID: m.ID, At: now, EventAt: now}
	if m.Type != events.TypeAccountMail {
		return fmt.Errorf("%w: %q", ErrUnknownType, m.Type)
	}
	if m.ID == "" {
		return fmt.Errorf("%w: no id", ErrMalformed)
	}
	var data events.AccountMail
	if err := json.Unmarshal(m.Data, &data); err != nil || uuid.Validate(data.MailID) != nil || uuid.Validate(data.UserID) != nil {
		return fmt.Errorf("%w: the data is no account mail", ErrMalformed)
	}
	if kind := accountKinds[data.Purpose]; kind == PhoneChange && s.o.SMS == nil {
		s.o.Log.WarnContext(ctx, "a code for a phone is not sent: there are no SMS", "message_id", m.ID, "user_id", data.UserID)
	} else if kind != Nothing {
		kept, err := json.Marshal(data)
		if err != nil {
			return fmt.Errorf("%w: the account mail cannot be kept", ErrMalformed)
		}
		r.Kind, r.Booking = kind, string(kept)
		channel := Email
		if kind == PhoneChange {
			channel = SMS
		}
		n := newDelivery(channel, data.UserID, now)
		n.Status = Resolving // to whom it goes is asked when it is sent
		n.Subject, n.Kind, n.Booking = editionOf("").subject(kind, ""), kind, r.Booking
		n.Turn = s.lanes[channel].turns.next(paidFor, data.UserID)
		r.Deliveries = []Notification{n}
	}
	outcome, err := s.enqueue(ctx, r)
	if err != nil {
		return fmt.Errorf("enqueue message %s: %w", m.ID, err)
	}
	s.o.Log.InfoContext(ctx, "message taken in", "message_id", m.ID, "type", m.Type, "kind", r.Kind, "new", outcome != Ignored)
	return nil
}

// notDue is the Error of a mail about an account, or with links, that there was no reason
// to send any more.
const notDue = "its link was used or has expired, or a newer one was asked for"

// attemptAccountMail is n, a mail about an account, after one attempt at it.
func (s *Service) attemptAccountMail(ctx context.Context, n Notification) Notification {
	var data events.AccountMail
	if err := json.Unmarshal([]byte(n.Booking), &data); err != nil {
		return s.outcome(n, &SendError{Reason: "the notification cannot be written", Permanent: true})
	}
	m, err := s.o.AccountMails.AccountMail(ctx, data.MailID)
	n, ok := s.answered(n, err)
	if !ok {
		return n
	}
	if n.Channel == SMS {
		n.To = m.To
		body, err := renderCode(m)
		if err != nil {
			return s.outcome(n, &SendError{Reason: "the notification cannot be written", Permanent: true})
		}
		return s.outcome(n, s.o.SMS.Send(ctx, Text{ID: n.ID, To: n.To, Body: body}))
	}
	to, known := address(m.To)
	if !known {
		return s.outcome(n, &SendError{Reason: "the account's address is none", Permanent: true})
	}
	n.To = to
	c, err := renderAccountMail(n.Kind, m)
	if err != nil {
		return s.outcome(n, &SendError{Reason: "the notification cannot be written", Permanent: true})
	}
	n.Subject = c.Subject
	return s.outcome(n, s.o.Mailer.Send(ctx, Mail{ID: n.ID, To: n.To, Subject: c.Subject, Text: c.Text, HTML: c.HTML, Date: n.CreatedAt}))
}

// answered is n after it was asked, with this error, what it says and to whom it goes. It
// reports whether n can be sent now.
func (s *Service) answered(n Notification, err error) (_ Notification, ok bool) {
	switch {
	case errors.Is(err, ErrNotDue):
		n.Error = notDue
		if n.Status = Outdated; n.To == "" {
			n.Status = Dropped
		}
		return n, false
	case err != nil:
		n.Attempts++
		n.Error = "the mail's link could not be asked for"
		n = s.later(n)
		if n.Attempts >= s.o.MaxAttempts {
			n.Status = Dropped // the address was never known
		}
		return n, false
	}
	if n.Status == Resolving {
		n.Status, n.Attempts, n.Error = Pending, 0, ""
	}
	return n, true
}

// renderCode writes the SMS with a code, by which a user proves to have the phone.
func renderCode(m AccountMail) (string, error) {
	return editionOf(m.Locale).sms(PhoneChange, view{Token: m.Code})
}

// renderAccountMail writes a mail about an account.
func renderAccountMail(kind Kind, m AccountMail) (Content, error) {
	in := editionOf(m.Locale)
	return in.execute(kind, view{
		Name: line(m.Name), URL: m.URL, Token: m.Token, Operation: m.Operation, Until: in.moment(m.ExpiresAt.UTC()),
	})
}
