package smtp_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smtp"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

const from = "Boxoffice <tickets@boxoffice.example>"

func mailer(t *testing.T, url string) *smtp.Server {
	t.Helper()
	m, err := smtp.New(url, from)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newMailer(t *testing.T) (notification.Mailer, func() [][]byte) {
	s := newServer(t, &server{})
	return mailer(t, "smtp://"+s.addr+"?tls=none"), s.taken
}

func someMail() notification.Mail {
	return notification.Mail{ID: uuid.NewString(), To: "ada@example.com", Subject: "s", Text: "t", HTML: "h", Date: time.Now()}
}

func TestMailerContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestMailer(t, newMailer)
}

// sendFunc is a Mailer that is broken in one way.
type sendFunc func(ctx context.Context, m notification.Mail) error

func (f sendFunc) Send(ctx context.Context, m notification.Mail) error { return f(ctx, m) }

func TestMailerSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	suitetest.MustFail(t, "makes_a_new_message_id_each_time", func(t *testing.T) {
		notificationtest.TestMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			m, taken := newMailer(t)
			return sendFunc(func(ctx context.Context, mail notification.Mail) error {
				mail.ID = uuid.NewString()
				return m.Send(ctx, mail)
			}), taken
		})
	}, "the_message_id_is_the_same_however_often_it_is_sent")
	suitetest.MustFail(t, "outlives_its_context", func(t *testing.T) {
		notificationtest.TestMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			m, taken := newMailer(t)
			return sendFunc(func(ctx context.Context, mail notification.Mail) error {
				return m.Send(context.WithoutCancel(ctx), mail)
			}), taken
		})
	}, "a_context_that_has_ended_sends_nothing")
	suitetest.MustFail(t, "says_sent_before_it_is", func(t *testing.T) {
		notificationtest.TestMailer(t, func(t *testing.T) (notification.Mailer, func() [][]byte) {
			_, taken := newMailer(t)
			return sendFunc(func(context.Context, notification.Mail) error { return nil }), taken
		})
	}, "a_mail_arrives_with_its_parts")
	// SMTP alone cannot be exactly once: the suite for that tells the two apart.
	suitetest.MustFail(t, "is_smtp", func(t *testing.T) {
		notificationtest.TestExactlyOnceMailer(t, newMailer)
	}, "the_first_is_the_only_one")
}

func TestInternationalizedAddresses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		to, rcpt  string
		noUTF8    bool
		asks      bool   // for SMTPUTF8
		permanent string // the reason why it is not sent
	}{
		"a domain, old server":     {to: "ada@bücher.example", noUTF8: true, rcpt: "ada@xn--bcher-kva.example"},
		"a domain, new server":     {to: "ada@bücher.example", rcpt: "ada@xn--bcher-kva.example"},
		"ASCII":                    {to: "ada@example.com", rcpt: "ada@example.com"},
		"a local part, new server": {to: "adä@bücher.example", rcpt: "adä@xn--bcher-kva.example", asks: true},
		"a local part, old server": {
			to: "adä@example.com", noUTF8: true, permanent: "the mail server takes no recipient with letters other than ASCII before the @",
		},
		"no domain": {to: "ada@-ü.example", permanent: "the domain of the recipient's address is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, &server{noUTF8: test.noUTF8})
			m := someMail()
			m.To = test.to
			err := mailer(t, "smtp://"+s.addr+"?tls=none").Send(t.Context(), m)
			if test.permanent != "" {
				var failure *notification.SendError
				if !errors.As(err, &failure) || !failure.Permanent || failure.Reason != test.permanent || len(s.taken()) > 0 {
					t.Errorf("error %v, want a permanent one: %s", err, test.permanent)
				}
				return
			}
			if err != nil || len(s.rcpts) != 1 || s.rcpts[0] != test.rcpt || s.utf8[0] != test.asks {
				t.Errorf("error %v; sent to %q, asking for SMTPUTF8: %v; want %q, %v", err, s.rcpts, s.utf8, test.rcpt, test.asks)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	refusal := func(code int, enhanced gosmtp.EnhancedCode) error {
		return &gosmtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "no <ada@example.com> here"}
	}
	for name, test := range map[string]struct {
		server    *server
		permanent bool
		reason    string
	}{
		"unknown recipient":      {&server{refuseRcpt: refusal(550, gosmtp.EnhancedCode{5, 1, 1})}, true, "the mail server answered 550 5.1.1 to the recipient"},
		"recipient busy":         {&server{refuseRcpt: refusal(451, gosmtp.EnhancedCode{4, 2, 0})}, false, "the mail server answered 451 4.2.0 to the recipient"},
		"unknown domain":         {&server{refuseRcpt: refusal(556, gosmtp.EnhancedCode{5, 1, 10})}, true, "the mail server answered 556 5.1.10 to the recipient"},
		"mailbox closed":         {&server{refuseRcpt: refusal(550, gosmtp.EnhancedCode{5, 2, 1})}, true, "the mail server answered 550 5.2.1 to the recipient"},
		"no mailbox":             {&server{refuseRcpt: refusal(550, gosmtp.NoEnhancedCode)}, true, "the mail server answered 550 to the recipient"},
		"no mailbox, no detail":  {&server{refuseRcpt: refusal(553, gosmtp.EnhancedCode{5, 0, 0})}, true, "the mail server answered 553 5.0.0 to the recipient"},
		"no mailbox, said late":  {&server{refuseData: refusal(550, gosmtp.NoEnhancedCode)}, true, "the mail server answered 550 to the content"},
		"relaying denied":        {&server{refuseRcpt: refusal(550, gosmtp.EnhancedCode{5, 7, 1})}, false, "the mail server answered 550 5.7.1 to the recipient"},
		"relaying denied, 554":   {&server{refuseRcpt: refusal(554, gosmtp.EnhancedCode{5, 7, 1})}, false, "the mail server answered 554 5.7.1 to the recipient"},
		"login needed late":      {&server{refuseRcpt: refusal(530, gosmtp.NoEnhancedCode)}, false, "the mail server answered 530 to the recipient"},
		"sender refused late":    {&server{refuseRcpt: refusal(550, gosmtp.EnhancedCode{5, 1, 8})}, false, "the mail server answered 550 5.1.8 to the recipient"},
		"mailbox full":           {&server{refuseRcpt: refusal(552, gosmtp.EnhancedCode{5, 2, 2})}, false, "the mail server answered 552 5.2.2 to the recipient"},
		"content refused":        {&server{refuseData: refusal(554, gosmtp.EnhancedCode{5, 7, 1})}, false, "the mail server answered 554 5.7.1 to the content"},
		"server full":            {&server{refuseData: refusal(452, gosmtp.EnhancedCode{4, 3, 1})}, false, "the mail server answered 452 4.3.1 to the content"},
		"sender refused":         {&server{refuseFrom: refusal(550, gosmtp.EnhancedCode{5, 7, 1})}, false, "the mail server answered 550 5.7.1 to the sender"},
		"login is needed":        {&server{password: "secret"}, false, "the mail server answered 502 5.7.0 to the sender"},
		"connection ends at 250": {&server{dropAfterData: true}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, test.server)
			err := mailer(t, "smtp://"+s.addr+"?tls=none").Send(t.Context(), someMail())
			if test.reason == "" {
				if err != nil || len(s.taken()) != 1 {
					t.Fatalf("error %v with %d mails taken, want none with 1: it was taken", err, len(s.taken()))
				}
				return
			}
			var failure *notification.SendError
			if !errors.As(err, &failure) {
				t.Fatalf("error %#v, want a SendError", err)
			}
			if failure.Permanent != test.permanent || failure.Reason != test.reason {
				t.Errorf("permanent %v, %q; want %v, %q", failure.Permanent, failure.Reason, test.permanent, test.reason)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := newServer(t, &server{password: "p@ss:w0rd/"})
	if err := mailer(t, "smtp://boxoffice:p%40ss%3Aw0rd%2F@"+s.addr+"?tls=none").Send(t.Context(), someMail()); err != nil {
		t.Errorf("with the right password: %v", err)
	}
	err := mailer(t, "smtp://boxoffice:wrong@"+s.addr+"?tls=none").Send(t.Context(), someMail())
	var failure *notification.SendError
	if !errors.As(err, &failure) || failure.Permanent || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %#v, want a temporary SendError without it", err)
	}
	if n := len(s.taken()); n != 1 {
		t.Errorf("%d mails were taken, want 1", n)
	}
}

// A password, or a mail, is not sent in the clear unless the URL says so.
func TestNoTLSNoMail(t *testing.T) {
	t.Parallel()
	s := newServer(t, &server{})
	if err := mailer(t, "smtp://"+s.addr).Send(t.Context(), someMail()); err == nil || len(s.taken()) != 0 {
		t.Errorf("error %v and %d mails taken by a server without STARTTLS", err, len(s.taken()))
	}
	if err := mailer(t, "smtp://"+s.addr+"?tls=opportunistic").Send(t.Context(), someMail()); err != nil {
		t.Errorf("opportunistic: %v", err)
	}
}

// A server may say the enhanced code without having announced that it does.
func TestEnhancedCodesCountUnannounced(t *testing.T) {
	t.Parallel()
	for answer, permanent := range map[string]bool{
		"550 5.7.1 relaying denied":                  false,
		"550-5.7.1 relaying\r\n550 5.7.1 denied":     false,
		"550 5.1.1 nobody here":                      true,
		"550 nobody here":                            true,
		"550 <5.7.1@example.com>: nobody here 5.7.1": true,
	} {
		addr := plainServer(t, answer)
		var failure *notification.SendError
		err := mailer(t, "smtp://"+addr+"?tls=none").Send(t.Context(), someMail())
		if !errors.As(err, &failure) || failure.Permanent != permanent || !strings.HasSuffix(failure.Reason, " to the recipient") {
			t.Errorf("%q: %#v, want permanent %v", answer, err, permanent)
		}
	}
}

func TestAServerThatIsDownOrSilentIsTemporary(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var failure *notification.SendError
	m := mailer(t, "smtp://"+ln.Addr().String()+"?tls=none")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := m.Send(ctx, someMail()); !errors.As(err, &failure) || failure.Permanent { // it accepts, and says nothing
		t.Errorf("silent: %#v, want a temporary SendError", err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	err = m.Send(t.Context(), someMail())
	if !errors.As(err, &failure) || failure.Permanent || failure.Reason != "the mail server cannot be reached" {
		t.Errorf("down: %#v, want a temporary SendError", err)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"smtp://mail.example.com", "smtp://u:p@mail.example.com:2525", "smtps://u:p@mail.example.com", "smtp://[::1]:25?tls=none",
	} {
		if _, err := smtp.New(good, from); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "mail.example.com", "http://secret@mail.example.com", "smtp://", "smtp://u:secret@h?tls=maybe", "smtp://u:secret@h:99999",
		"smtps://u:secret@h?tls=none", "smtp://u:secret@h?tls=opportunistic", "smtp://u:secret%zz@h", "smtp://u:secret@h/path",
	} {
		if _, err := smtp.New(bad, from); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one without the password", bad, err)
		}
	}
}
