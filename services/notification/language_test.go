package notification_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Each notification is in the language that its user wants when it is sent.
func TestTheLanguageOfAUser(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]struct{ subject, text, sms string }{
		"de-AT": {"Buchung bestätigt: Concert", "Guten Tag Ada,", "Buchung BX-"},
		"en":    {"Booking confirmed: Concert", "Hello Ada,", "booking BX-"},
		"ja":    {"Booking confirmed: Concert", "Hello Ada,", "booking BX-"},
		"":      {"Booking confirmed: Concert", "Hello Ada,", "booking BX-"},
	} {
		t.Run(locale, func(t *testing.T) {
			t.Parallel()
			o := &outside{contact: notification.Contact{Phone: "+4930123456", Locale: locale}}
			s := newService(t, o)
			run(t, s)
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
			eventually(t, "mail and SMS are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
			mails, texts := o.sent()
			if mails[0].Subject != want.subject {
				t.Errorf("the subject is %q, want %q", mails[0].Subject, want.subject)
			}
			if !strings.Contains(mails[0].Text, want.text) {
				t.Errorf("the mail does not say %q:\n%s", want.text, mails[0].Text)
			}
			if !strings.Contains(texts[0].Body, want.sms) {
				t.Errorf("the SMS is %q, want one with %q", texts[0].Body, want.sms)
			}
			for _, n := range all(t, s) {
				if n.Subject != want.subject {
					t.Errorf("the %s is listed as %q, want %q", n.Channel, n.Subject, want.subject)
				}
			}
		})
	}
}

func TestACalendarEntryIsInTheLanguageOfItsMail(t *testing.T) {
	t.Parallel()
	o := &outside{contact: notification.Contact{Locale: "de"}}
	s := newService(t, o)
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "the mail is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	if mails, _ := o.sent(); !strings.Contains(mails[0].Attachments[0].Body, "DESCRIPTION:Buchungsnummer: BX-") {
		t.Errorf("the entry is\n%s", mails[0].Attachments[0].Body)
	}
}

// What a guest has corrected of a booking counts, and where that is no language the
// user service is asked, without the mail waiting for its answer.
func TestTheLanguageThatAGuestHasCorrected(t *testing.T) {
	t.Parallel()
	german, none := "de", ""
	for name, c := range map[string]struct {
		corrected *string
		of        string // what the user service has
		away      bool
		want      string
	}{
		"another":              {&german, "en", false, "Guten Tag"},
		"another, nobody else": {&german, "", true, "Guten Tag"},
		"removed":              {&none, "de", false, "Hello"},
		"untouched":            {nil, "de", false, "Guten Tag"},
		"untouched, and away":  {nil, "de", true, "Hello"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outside{contact: notification.Contact{Email: "guest@example.com", Name: "Guest", Locale: c.of}}
			if c.away {
				o.usersErr = errors.New("away")
			}
			s := newService(t, o)
			run(t, s)
			b := booking("corrected")
			b.Contact = &events.Contact{Locale: c.corrected}
			handle(t, s, message(t, events.TypeBookingConfirmed, b))
			eventually(t, "the mail is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
			if mails, _ := o.sent(); mails[0].To != "corrected@example.com" || !strings.Contains(mails[0].Text, c.want+" Ada,") {
				t.Errorf("it goes to %s and says\n%s", mails[0].To, mails[0].Text)
			}
		})
	}
}

func TestTheLanguageOfAccountMails(t *testing.T) {
	t.Parallel()
	for purpose, want := range map[string]string{
		"verification": "Bestätigen Sie Ihre E-Mail-Adresse", "password_reset": "Wählen Sie ein neues Passwort",
		"email_change": "Bestätigen Sie Ihre neue E-Mail-Adresse", "email_changed": "Ihre E-Mail-Adresse wurde geändert",
	} {
		a, s, store := newAccounts(t)
		m := a.mail
		m.Locale = "de-CH"
		a.set(m, nil)
		if err := s.HandleUser(t.Context(), accountMessage(t, purpose)); err != nil {
			t.Fatal(err)
		}
		run(t, s)
		eventually(t, "it is sent", func() bool { l := list(t, store); return len(l) == 1 && l[0].Status == notification.Sent })
		if mails, _ := a.sent(); mails[0].Subject != want || !strings.HasPrefix(mails[0].Text, "Guten Tag ") {
			t.Errorf("%s: the subject is %q, want %q:\n%s", purpose, mails[0].Subject, want, mails[0].Text)
		}
		if got := list(t, store)[0].Subject; got != want {
			t.Errorf("%s is listed as %q, want %q", purpose, got, want)
		}
	}
}

func TestTheLanguageOfATestMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		usersErr error
		want     string
	}{"German": {nil, "Test-E-Mail von Boxoffice"}, "nobody says": {errors.New("away"), "Boxoffice test mail"}} {
		o := &outside{contact: notification.Contact{Locale: "de"}, usersErr: c.usersErr}
		n, err := newService(t, o).SendTest(t.Context(), identity.Caller{UserID: ada, Email: "ada@example.com", Name: "Ada", Role: identity.Admin})
		if err != nil || n.Subject != c.want || n.Status != notification.Sent {
			t.Errorf("%s: it is %s, and the subject %q, want %q (%v)", name, n.Status, n.Subject, c.want, err)
		}
	}
}
