package notification_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// accounts is a user service that a test controls.
type accounts struct {
	*outside
	mail notification.AccountMail
	err  error
}

func (a *accounts) set(mail notification.AccountMail, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mail, a.err = mail, err
}

func (a *accounts) AccountMail(context.Context, string) (notification.AccountMail, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	return a.mail, a.err
}

func accountMessage(t *testing.T, purpose string) events.Message {
	t.Helper()
	id := uuid.NewString()
	data, err := json.Marshal(events.AccountMail{MailID: id, UserID: ada, Purpose: purpose, OccurredAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return events.Message{ID: id, Source: "user", Type: events.TypeAccountMail, Subject: ada, Time: time.Now(), Data: data}
}

const (
	ada   = "01970000-0000-7000-8000-0000000000a1"
	token = "AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"
)

func newAccounts(t *testing.T, change ...func(*notification.Options)) (*accounts, *notification.Service, notification.Store) {
	t.Helper()
	a := &accounts{outside: &outside{}, mail: notification.AccountMail{
		To: "ada@example.com", Name: "Ada evil.example", URL: "https://tickets.example/verify/" + token, ExpiresAt: time.Date(2031, 3, 30, 2, 30, 0, 0, time.UTC),
	}}
	var store notification.Store
	s := newService(t, a.outside, append(change, func(o *notification.Options) { o.AccountMails, store = a, o.Store })...)
	return a, s, store
}

func TestAccountMails(t *testing.T) {
	t.Parallel()
	for purpose, subject := range map[string]string{"verification": "Confirm your email address", "password_reset": "Choose a new password", "email_change": "Confirm your new email address"} {
		a, s, store := newAccounts(t)
		m := accountMessage(t, purpose)
		for range 2 { // delivered again
			if err := s.HandleUser(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if shown := list(t, store); len(shown) != 0 {
			t.Errorf("a list shows a mail of which nobody knows to whom it goes: %+v", shown)
		}
		run(t, s)
		eventually(t, "the mail is as expected", func() bool { mails, _ := a.sent(); return len(mails) > 0 })
		mails, _ := a.sent()
		got := mails[0]
		if len(mails) != 1 || got.To != "ada@example.com" || got.Subject != subject || len(got.Attachments) > 0 {
			t.Errorf("%d mails, to %s about %q", len(mails), got.To, got.Subject)
		}
		for _, text := range []string{"https://tickets.example/verify/" + token, "Sunday, 30 March 2031, 02:30 (UTC)"} {
			if !strings.Contains(got.Text, text) || !strings.Contains(got.HTML, text) {
				t.Errorf("%s: the mail lacks %q:\n%s\n%s", purpose, text, got.Text, got.HTML)
			}
		}
		if !strings.Contains(got.HTML, `href="https://tickets.example/verify/`+token+`"`) {
			t.Errorf("the HTML has no link:\n%s", got.HTML)
		}
		if !strings.Contains(got.HTML, "overflow-wrap:break-word") {
			t.Errorf("the link reaches out of a narrow screen:\n%s", got.HTML)
		}
		if strings.Contains(got.Text, "evil.example") {
			t.Errorf("the name has become a link:\n%s", got.Text)
		}
		eventually(t, "the mail is as expected", func() bool { l := list(t, store); return len(l) == 1 && l[0].Status == notification.Sent })
		sent := list(t, store)[0]
		if sent.UserID != ada || sent.To != "ada@example.com" || sent.Subject != subject {
			t.Errorf("listed: %+v", sent)
		}
		// What is stored has no credential.
		if all, err := json.Marshal(sent); err != nil || strings.Contains(string(all), token) {
			t.Errorf("the token is stored: %s (%v)", all, err)
		}
	}
}

func list(t *testing.T, s notification.Store) []notification.Notification {
	t.Helper()
	all, err := s.List(t.Context(), notification.Filter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A code goes to the phone that it is for, and is stored nowhere.
func TestACodeIsSentBySMS(t *testing.T) {
	t.Parallel()
	a, s, store := newAccounts(t)
	a.set(notification.AccountMail{To: "+491701234567", Name: "Ada", Code: "081542"}, nil)
	m := accountMessage(t, "phone_change")
	for range 2 { // delivered again
		if err := s.HandleUser(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s)
	eventually(t, "the SMS is sent", func() bool { l := list(t, store); return len(l) == 1 && l[0].Status == notification.Sent })
	mails, texts := a.sent()
	want := "081542 is your Boxoffice code, good for ten minutes. Tell it to nobody. If you did not ask for it, ignore this message."
	if len(mails) != 0 || len(texts) != 1 || texts[0].To != "+491701234567" || texts[0].Body != want {
		t.Errorf("%d mails and the SMS %+v, want one: %s", len(mails), texts, want)
	}
	if n := len([]rune(texts[0].Body)); n > 160 {
		t.Errorf("the SMS has %d characters, more than one segment", n)
	}
	sent := list(t, store)[0]
	if sent.Channel != notification.SMS || sent.UserID != ada || sent.To != "+491701234567" {
		t.Errorf("listed: %+v", sent)
	}
	if all, err := json.Marshal(sent); err != nil || strings.Contains(string(all), "081542") {
		t.Errorf("the code is stored: %s (%v)", all, err)
	}
}

// Where there are to be no SMS nobody is sent a code.
func TestACodeWithoutAnSMSGateway(t *testing.T) {
	t.Parallel()
	_, s, store := newAccounts(t, func(o *notification.Options) { o.SMS = nil })
	if err := s.HandleUser(t.Context(), accountMessage(t, "phone_change")); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(time.Hour)
	if codes, err := store.Claim(t.Context(), notification.SMS, late, late.Add(time.Hour), 10); err != nil || len(codes) != 0 {
		t.Errorf("%d codes wait to be sent (%v)", len(codes), err)
	}
}

// A code that was used or has expired is not sent.
func TestACodeThatIsNotDueIsNotSent(t *testing.T) {
	t.Parallel()
	a, s, store := newAccounts(t)
	a.set(notification.AccountMail{}, notification.ErrNotDue)
	if err := s.HandleUser(t.Context(), accountMessage(t, "phone_change")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	eventually(t, "the user service was asked", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.asked > 0 })
	if _, texts := a.sent(); len(texts) != 0 || len(list(t, store)) != 0 {
		t.Errorf("the SMS %+v was sent", texts)
	}
}

func TestAnAccountMailWithoutAWebSite(t *testing.T) {
	t.Parallel()
	a, s, _ := newAccounts(t)
	a.set(notification.AccountMail{To: "ada@example.com", Token: token, Operation: "POST /users/verification/confirm"}, nil)
	if err := s.HandleUser(t.Context(), accountMessage(t, "verification")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	eventually(t, "the mail is as expected", func() bool { mails, _ := a.sent(); return len(mails) > 0 })
	mails, _ := a.sent()
	for _, text := range []string{token, "POST /users/verification/confirm"} {
		if !strings.Contains(mails[0].Text, text) || !strings.Contains(mails[0].HTML, text) {
			t.Errorf("the mail lacks %q:\n%s\n%s", text, mails[0].Text, mails[0].HTML)
		}
	}
	if strings.Contains(mails[0].HTML, "href") {
		t.Errorf("a link to nowhere:\n%s", mails[0].HTML)
	}
}

// The old address is told, and given nothing to act with.
func TestAChangedAddressIsTold(t *testing.T) {
	t.Parallel()
	a, s, _ := newAccounts(t)
	a.set(notification.AccountMail{To: "old@example.com", Name: "Ada"}, nil)
	if err := s.HandleUser(t.Context(), accountMessage(t, "email_changed")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	eventually(t, "the mail is as expected", func() bool { mails, _ := a.sent(); return len(mails) > 0 })
	mails, _ := a.sent()
	m := mails[0]
	if m.To != "old@example.com" || m.Subject != "Your email address was changed" || strings.Contains(m.HTML, "href") || !strings.Contains(m.Text, "another email address now") {
		t.Errorf("to %s about %q:\n%s\n%s", m.To, m.Subject, m.Text, m.HTML)
	}
}

// While the user service is away the mail waits; a mail server that is away is
// tried again, with the same link.
func TestAnAccountMailWaits(t *testing.T) {
	t.Parallel()
	a, s, store := newAccounts(t)
	a.set(a.mail, errors.New("away"))
	a.outside.set(func(o *outside) { o.mailErr = &notification.SendError{Reason: "the mail server is away"} })
	if err := s.HandleUser(t.Context(), accountMessage(t, "password_reset")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	asked := func() (n int) { a.outside.set(func(o *outside) { n = o.asked }); return n }
	eventually(t, "the mail is as expected", func() bool { return asked() > 3 })
	a.set(a.mail, nil)
	eventually(t, "the mail is as expected", func() bool { l := list(t, store); return len(l) == 1 && l[0].Error == "the mail server is away" })
	a.outside.set(func(o *outside) { o.mailErr = nil })
	eventually(t, "the mail is as expected", func() bool { mails, _ := a.sent(); return len(mails) == 1 })
}

// A mail whose link was used, or has expired, is not sent any more.
func TestAnAccountMailThatIsNotDue(t *testing.T) {
	t.Parallel()
	a, s, store := newAccounts(t)
	a.outside.set(func(o *outside) { o.mailErr = &notification.SendError{Reason: "the mail server is away"} })
	if err := s.HandleUser(t.Context(), accountMessage(t, "password_reset")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	eventually(t, "the mail is as expected", func() bool { l := list(t, store); return len(l) == 1 && l[0].Attempts > 0 })
	a.set(notification.AccountMail{}, notification.ErrNotDue)
	eventually(t, "the mail is as expected", func() bool { l := list(t, store); return len(l) == 1 && l[0].Status == notification.Outdated })
	a.outside.set(func(o *outside) { o.mailErr = nil })
	if err := s.HandleUser(t.Context(), accountMessage(t, "verification")); err != nil {
		t.Fatal(err)
	}
	if mails, _ := a.sent(); len(mails) != 0 {
		t.Errorf("%d mails are sent", len(mails))
	}
}

func TestUserMessages(t *testing.T) {
	t.Parallel()
	_, s, store := newAccounts(t)
	good := accountMessage(t, "verification")
	for what, change := range map[string]func(m *events.Message){
		"no id":      func(m *events.Message) { m.ID = "" },
		"no object":  func(m *events.Message) { m.Data = []byte(`[]`) },
		"no mail":    func(m *events.Message) { m.Data = []byte(`{"user_id":"` + ada + `"}`) },
		"no user":    func(m *events.Message) { m.Data = []byte(`{"mail_id":"` + ada + `"}`) },
		"bad UTF-8":  func(m *events.Message) { m.Data = []byte("\xff") },
		"no UUID":    func(m *events.Message) { m.Data = []byte(`{"mail_id":"../x","user_id":"` + ada + `"}`) },
		"no data":    func(m *events.Message) { m.Data = nil },
		"half of it": func(m *events.Message) { m.Data = m.Data[:len(m.Data)/2] },
	} {
		m := good
		change(&m)
		if err := s.HandleUser(t.Context(), m); !errors.Is(err, notification.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A newer user service says more than this one knows.
	if err := s.HandleUser(t.Context(), accountMessage(t, "something_new")); err != nil {
		t.Errorf("an unknown purpose: %v", err)
	}
	newer := good
	newer.Type = "user.erased.v1"
	for _, data := range []string{string(good.Data), "no JSON", ""} {
		newer.Data = []byte(data)
		if err := s.HandleUser(t.Context(), newer); !errors.Is(err, notification.ErrUnknownType) || errors.Is(err, notification.ErrMalformed) {
			t.Errorf("an unknown type, data %q: %v", data, err)
		}
	}
	if got := list(t, store); len(got) != 0 {
		t.Errorf("stored: %+v", got)
	}
}
