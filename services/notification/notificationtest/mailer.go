package notificationtest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// NewMailer returns a Mailer and what looks at the mails that have been taken
// through it, each as the bytes that were taken.
type NewMailer func(t *testing.T) (m notification.Mailer, taken func() [][]byte)

func someMail() notification.Mail {
	return notification.Mail{
		ID: newID(), To: "ada@example.com", Subject: "Booking confirmed: Füße & 音楽 🎻 " + strings.Repeat("lang ", 30),
		Attachments: []notification.Attachment{{
			Name: "tickets.pdf", Type: "application/pdf", Body: "%PDF-1.7\n" + strings.Repeat("\x00\xff\r\n", 20_000),
		}, {
			Name: "boxoffice-BX-4D2P-F2DB.ics", Type: "text/calendar; charset=utf-8; method=PUBLISH",
			// Line ends of both kinds, a dot alone, what is no text, and no line end at the end.
			Body: "BEGIN:VCALENDAR\r\nSUMMARY:Füße 音楽\r\n 🎻\n.\r\n..\r\n\x00\xff \t\r\nEND:VCALENDAR",
		}},
		Inline: []notification.Inline{
			{ID: "ticket-1.0195e9d2@boxoffice", Attachment: notification.Attachment{Name: "ticket-1.png", Type: "image/png", Body: "\x89PNG\r\n\x1a\n1"}},
			{ID: "ticket-2.0195e9d2@boxoffice", Attachment: notification.Attachment{Name: "ticket-2.png", Type: "image/png", Body: "\x89PNG\r\n\x1a\n2"}},
		},
		Text: "Hëllo,\n\n.\n..two dots\n1 × Ticket = 25.00 EUR\n", HTML: "<p>1 × Ticket = <b>25.00 EUR</b></p>\n", Date: base,
	}
}

// TestMailer holds a notification.Mailer to its promises.
func TestMailer(t *testing.T, newMailer NewMailer) {
	t.Run("a_mail_arrives_with_its_parts", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		want := someMail()
		sendMail(t, m, want)
		got := parseOne(t, taken())
		for name, pair := range map[string][2]string{
			"To": {got.to, want.To}, "Subject": {got.subject, want.Subject}, "text": {got.text, want.Text}, "HTML": {got.html, want.HTML},
			"Auto-Submitted": {got.header.Get("Auto-Submitted"), "auto-generated"},
		} {
			if diff := cmp.Diff(strings.TrimSpace(pair[1]), strings.TrimSpace(pair[0])); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if date, err := got.header.Date(); err != nil || date.Unix() != want.Date.Unix() {
			t.Errorf("its date is %v (%v), want %v", date, err, want.Date)
		}
		if from, err := got.header.AddressList("From"); err != nil || len(from) != 1 {
			t.Errorf("it is from %v (%v)", from, err)
		}
	})
	t.Run("attachments_arrive_byte_for_byte", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		want := someMail()
		sendMail(t, m, want)
		if diff := cmp.Diff(want.Attachments, parseOne(t, taken()).attachments); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("pictures_arrive_beside_the_html", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		want := someMail()
		sendMail(t, m, want)
		if diff := cmp.Diff(want.Inline, parseOne(t, taken()).inline); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("without_files_there_are_none", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		mail := someMail()
		mail.Attachments, mail.Inline = nil, nil
		sendMail(t, m, mail)
		got := parseOne(t, taken())
		if len(got.attachments)+len(got.inline) > 0 || got.text == "" || got.html == "" {
			t.Errorf("the mail is %+v", got)
		}
	})
	t.Run("the_message_id_is_the_same_however_often_it_is_sent", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		one, other := someMail(), someMail()
		sendMail(t, m, one)
		sendMail(t, m, one)
		sendMail(t, m, other)
		seen := map[string]bool{}
		for _, raw := range taken() {
			id := parse(t, raw).header.Get("Message-Id")
			if !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, ">") || strings.Count(id, "@") != 1 {
				t.Errorf("the Message-ID is %q", id)
			}
			if !strings.Contains(id, one.ID) && !strings.Contains(id, other.ID) {
				t.Errorf("the Message-ID %q is not made of the notification's", id)
			}
			seen[id] = true
		}
		if len(seen) != 2 {
			t.Errorf("%d Message-IDs for two mails", len(seen))
		}
	})
	t.Run("a_subject_is_read_as_it_was_written", func(t *testing.T) {
		for _, subject := range []string{
			"Booking confirmed: =?utf-8?q?Free_tickets?=", "=?utf-8?b?RnJlZQ==?= =?utf-8?q?_tickets?=", "1 =? 2 ?=",
			"=?utf-8?q?Füße?= " + strings.Repeat("音楽🎻", 40), "=?x?q?" + strings.Repeat("a b", 50), "Zürich \u200f=?=",
		} {
			m, taken := newMailer(t)
			mail := someMail()
			mail.Subject = subject
			sendMail(t, m, mail)
			if got := parseOne(t, taken()).subject; got != subject {
				t.Errorf("%q is read as %q", subject, got)
			}
		}
	})
	t.Run("a_domain_of_any_script_is_written_as_A_labels", func(t *testing.T) {
		for to, want := range map[string]string{
			"ada@bücher.example":          "ada@xn--bcher-kva.example",
			"ada@BÜCHER.example":          "ada@xn--bcher-kva.example",
			"ada@xn--bcher-kva.example":   "ada@xn--bcher-kva.example",
			"ada@例え.example":              "ada@xn--r8jz45g.example",
			"ada_lovelace@a_b.example.co": "ada_lovelace@a_b.example.co",
		} {
			m, taken := newMailer(t)
			mail := someMail()
			mail.To = to
			sendMail(t, m, mail)
			if got := parseOne(t, taken()).to; got != want {
				t.Errorf("%s: it is to %q, want %q", to, got, want)
			}
		}
	})
	t.Run("no_value_adds_a_header_or_a_recipient", func(t *testing.T) {
		t.Parallel()
		for _, evil := range []string{
			"x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\rBcc: eve@example.com", "x\r\n\r\n<b>body</b>", "x\x00y",
			"ada@example.com>\r\nRCPT TO:<eve@example.com", "ada@example.com, eve@example.com", "\u2028Bcc: eve@example.com",
		} {
			m, taken := newMailer(t)
			subject, to, id, name, kind, picture := someMail(), someMail(), someMail(), someMail(), someMail(), someMail()
			subject.Subject, to.To, id.ID, name.Attachments[0].Name, kind.Attachments[1].Type = evil, evil, evil, "x\r\nX: y", "text/x\r\nX: y"
			picture.Inline[0].ID = "x>\r\nX: y"
			sendMail(t, m, subject)
			for _, bad := range []notification.Mail{to, id, name, kind, picture} {
				if err := m.Send(t.Context(), bad); err == nil {
					t.Errorf("%q is taken as an address, as an id, or in a file's header", evil)
				}
			}
			got := parseOne(t, taken())
			if got.header.Get("Bcc") != "" || got.to != subject.To || got.text == "" {
				t.Errorf("the subject %q changed the mail: to %q, headers %v", evil, got.to, got.header)
			}
		}
	})
	t.Run("a_context_that_has_ended_sends_nothing", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		if err := m.Send(cancelled(t), someMail()); err == nil {
			t.Error("no error")
		}
		if n := len(taken()); n != 0 {
			t.Errorf("%d mails were taken", n)
		}
	})
	t.Run("errors_are_without_personal_data", func(t *testing.T) {
		t.Parallel()
		m, _ := newMailer(t)
		bad := someMail()
		bad.To = "ada lovelace"
		err := m.Send(t.Context(), bad)
		var failure *notification.SendError
		if !errors.As(err, &failure) || !failure.Permanent || failure.Reason == "" {
			t.Fatalf("the error is %#v, want a permanent SendError", err)
		}
		if strings.Contains(strings.ToLower(err.Error()), "ada") {
			t.Errorf("%q names the recipient", err)
		}
	})
	t.Run("many_at_a_time_all_arrive", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		mails := make([]notification.Mail, racers)
		race(t, func(worker int) (bool, error) {
			mails[worker] = someMail()
			return true, m.Send(t.Context(), mails[worker])
		})
		var got, want []string
		for _, raw := range taken() {
			id, _, _ := strings.Cut(strings.Trim(parse(t, raw).header.Get("Message-Id"), "<>"), "@")
			got = append(got, id)
		}
		for _, mail := range mails {
			want = append(want, mail.ID)
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("taken are (-want +got):\n%s", diff)
		}
	})
}

// TestExactlyOnceMailer holds a Mailer to more than every mail system can
// promise: that a mail is taken once, however often it is sent.
func TestExactlyOnceMailer(t *testing.T, newMailer NewMailer) {
	t.Run("the_first_is_the_only_one", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		first := someMail()
		again := first
		again.Subject = "another"
		sendMail(t, m, first)
		before := taken()
		sendMail(t, m, again)
		if after := taken(); len(after) != 1 || !bytes.Equal(before[0], after[0]) {
			t.Error("the second sending changed what the first had written")
		}
	})
	t.Run("racing_senders_write_once", func(t *testing.T) {
		t.Parallel()
		m, taken := newMailer(t)
		mail := someMail()
		if n := race(t, func(int) (bool, error) { return true, m.Send(t.Context(), mail) }); n != racers {
			t.Errorf("%d of %d senders are told that it is sent", n, racers)
		}
		if n := len(taken()); n != 1 {
			t.Errorf("%d mails, want 1", n)
		}
	})
}

func sendMail(t *testing.T, m notification.Mailer, mail notification.Mail) {
	t.Helper()
	if err := m.Send(t.Context(), mail); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

// parsed is a mail as its reader sees it.
type parsed struct {
	header      mail.Header
	to, subject string
	text, html  string
	attachments []notification.Attachment
	inline      []notification.Inline
}

func parseOne(t *testing.T, raw [][]byte) parsed {
	t.Helper()
	if len(raw) != 1 {
		t.Fatalf("%d mails were taken, want 1", len(raw))
	}
	return parse(t, raw[0])
}

func parse(t *testing.T, raw []byte) parsed {
	t.Helper()
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("unreadable mail: %v", err)
	}
	p := parsed{header: msg.Header}
	if to, err := msg.Header.AddressList("To"); err == nil && len(to) == 1 {
		p.to = to[0].Address
	}
	if p.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		t.Errorf("unreadable subject: %v", err)
	}
	p.parts(t, msg.Header.Get("Content-Type"), msg.Body)
	return p
}

// parts reads what is in a multipart body: a text with its HTML, around them the
// pictures if there are any, and around all of it the attachments.
func (p *parsed) parts(t *testing.T, contentType string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/alternative" && kind != "multipart/related" && kind != "multipart/mixed" {
		t.Fatalf("the content is %q (%v), want multipart/alternative, or multipart/related or multipart/mixed around it", kind, err)
	}
	within := kind
	for r := multipart.NewReader(body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("unreadable part: %v", err)
		}
		contentType := part.Header.Get("Content-Type")
		kind, params, _ := mime.ParseMediaType(contentType)
		utf8 := strings.EqualFold(params["charset"], "utf-8")
		switch disposition, file, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition")); {
		case strings.HasPrefix(kind, "multipart/"):
			p.parts(t, contentType, part)
		case disposition == "attachment" && within == "multipart/mixed", disposition == "inline" && within == "multipart/related":
			delete(params, "name") // said once more
			a := notification.Attachment{Name: file["filename"], Type: mime.FormatMediaType(kind, params), Body: decoded(t, part)}
			if disposition == "attachment" {
				p.attachments = append(p.attachments, a)
			} else {
				p.inline = append(p.inline, notification.Inline{ID: strings.Trim(part.Header.Get("Content-Id"), "<>"), Attachment: a})
			}
		case kind == "text/plain" && utf8:
			p.text = strings.ReplaceAll(decoded(t, part), "\r\n", "\n")
		case kind == "text/html" && utf8:
			p.html = strings.ReplaceAll(decoded(t, part), "\r\n", "\n")
		default:
			t.Errorf("a part is %q %v", kind, params)
		}
	}
}

// decoded is what a part says.
func decoded(t *testing.T, part *multipart.Part) string {
	t.Helper()
	var r io.Reader = part
	switch encoding := part.Header.Get("Content-Transfer-Encoding"); encoding {
	case "quoted-printable":
		r = quotedprintable.NewReader(part)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, part)
	default:
		t.Errorf("a part is encoded as %q", encoding)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("unreadable part: %v", err)
	}
	return string(b)
}
