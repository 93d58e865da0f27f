package notification_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

const (
	firstCode, secondCode = "6BFOXN*KS C43/4T:U QZ2WVHC.ONE", "NCFOXN%TSMAHN-H.L8E1"
	linkKey               = "xvQ8MosBTNjY_I8JO9UQvw"
	firstQR, secondQR     = "\x89PNG first", "\x89PNG second"
	pdf                   = "%PDF-1.7 tickets"
)

func delivered() notification.Delivery {
	return notification.Delivery{LinkKey: linkKey, PDF: []byte(pdf), Tickets: []notification.DeliveredTicket{
		{Number: 1, Name: "Stalls", Holder: "Ada", Code: firstCode, QR: []byte(firstQR)},
		{Number: 3, Name: "Balcony\r\nBcc: eve", Holder: "<b>Grace</b> www.evil.example", Code: secondCode, QR: []byte(secondQR)},
	}}
}

func onTheWeb(o *notification.Options) { o.WebURL = "https://tickets.example" }

// sentMail waits for the only mail.
func (o *outside) sentMail(t *testing.T) notification.Mail {
	t.Helper()
	var mails []notification.Mail
	eventually(t, "a mail is sent", func() bool {
		mails, _ = o.sent()
		return len(mails) > 0
	})
	return mails[0]
}

func TestAConfirmationCarriesTheTickets(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{events.TypeBookingConfirmed, events.TypeBookingResendRequested} {
		o := &outside{delivery: delivered()}
		s := newService(t, o, onTheWeb)
		b := booking("ada")
		b.LinkVersion = 3
		handle(t, s, message(t, kind, b))
		run(t, s)
		m := o.sentMail(t)
		if diff := cmp.Diff([]notification.Wanted{{BookingID: b.BookingID, LinkVersion: 3, PDF: true}}, o.asks()); diff != "" {
			t.Errorf("%s: asked for (-want +got):\n%s", kind, diff)
		}
		reference := events.Reference(b.BookingID)
		if len(m.Attachments) != 2 || m.Attachments[0] != (notification.Attachment{Name: "boxoffice-" + reference + ".pdf", Type: "application/pdf", Body: pdf}) || m.Attachments[1].Name != "boxoffice-"+reference+".ics" {
			t.Errorf("%s: attached are %.200q", kind, m.Attachments)
		}
		ids := []string{"ticket-1." + m.ID + "@boxoffice", "ticket-3." + m.ID + "@boxoffice"}
		want := []notification.Inline{
			{ID: ids[0], Attachment: notification.Attachment{Name: "ticket-1.png", Type: "image/png", Body: firstQR}},
			{ID: ids[1], Attachment: notification.Attachment{Name: "ticket-3.png", Type: "image/png", Body: secondQR}},
		}
		if diff := cmp.Diff(want, m.Inline); diff != "" {
			t.Errorf("%s: the pictures (-want +got):\n%s", kind, diff)
		}
		link := "https://tickets.example/b/" + b.BookingID + "/" + linkKey
		for _, part := range []string{
			`src="cid:` + ids[0] + `" alt="` + firstCode + `"`, `src="cid:` + ids[1] + `"`, `href="` + link + `"`,
			"Stalls", "Balcony Bcc: eve", "&lt;b&gt;Grace&lt;/b&gt; www.\u2060evil.\u2060example", "Ticket no. 3",
		} {
			if !strings.Contains(m.HTML, part) {
				t.Errorf("%s: the HTML has not %q:\n%s", kind, part, m.HTML)
			}
		}
		for _, part := range []string{link, "Ticket no. 1: Stalls, Ada\n", "attached as PDF"} {
			if !strings.Contains(m.Text, part) {
				t.Errorf("%s: the text has not %q:\n%s", kind, part, m.Text)
			}
		}
		if strings.Contains(m.Text, firstCode) {
			t.Errorf("%s: the text has a code, beside PDF and link:\n%s", kind, m.Text)
		}
	}
}

func TestWithoutPDFAndLink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change          func(*notification.Options)
		noKey           bool
		pdf, link, code bool
	}{
		"a PDF and no web site":           {func(*notification.Options) {}, false, true, false, false},
		"a web site and no PDF":           {func(o *notification.Options) { onTheWeb(o); o.WithoutPDF = true }, false, false, true, false},
		"a web site without links":        {onTheWeb, true, true, false, false},
		"neither, so the text has a code": {func(o *notification.Options) { o.WithoutPDF = true }, false, false, false, true},
	} {
		o := &outside{delivery: delivered()}
		if c.noKey {
			o.delivery.LinkKey = ""
		}
		s := newService(t, o, c.change)
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		run(t, s)
		m := o.sentMail(t)
		attached := m.Attachments[0].Type == "application/pdf"
		if attached != c.pdf || strings.Contains(m.Text, "attached as PDF") != c.pdf || o.asks()[0].PDF != c.pdf {
			t.Errorf("%s: a PDF is attached: %v, asked for: %v\n%s", name, attached, o.asks()[0].PDF, m.Text)
		}
		if strings.Contains(m.Text, "/b/") != c.link || strings.Contains(m.HTML, "/b/") != c.link {
			t.Errorf("%s: the link, want %v:\n%s", name, c.link, m.Text)
		}
		if strings.Contains(m.Text, firstCode+"\n") != c.code {
			t.Errorf("%s: the code, want %v:\n%s", name, c.code, m.Text)
		}
		if len(m.Inline) != 2 {
			t.Errorf("%s: %d QR codes", name, len(m.Inline))
		}
	}
}

// The SMS has the link, if there is a web site, and nothing else of what a mail carries.
func TestTheSMSHasTheLink(t *testing.T) {
	t.Parallel()
	for _, site := range []string{"", "https://tickets.example"} {
		o := &outside{contact: notification.Contact{Phone: "+4930123456"}, delivery: delivered()}
		s := newService(t, o, func(o *notification.Options) { o.WebURL = site })
		b := booking("ada")
		handle(t, s, message(t, events.TypeBookingConfirmed, b))
		run(t, s)
		eventually(t, "both are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
		_, texts := o.sent()
		if linked := strings.HasSuffix(texts[0].Body, " "+site+"/b/"+b.BookingID+"/"+linkKey); linked != (site != "") || strings.Contains(texts[0].Body, firstCode) {
			t.Errorf("with the site %q: %s", site, texts[0].Body)
		}
		pdfs := 0
		for _, w := range o.asks() {
			if w.PDF {
				pdfs++
			}
		}
		if asks := len(o.asks()); pdfs != 1 || asks != 1+min(len(site), 1) {
			t.Errorf("with the site %q it is asked %d times, %d times for the PDF", site, asks, pdfs)
		}
	}
}

// What is not due any more is not sent, to whomever.
func TestTicketsThatAreNotDueAreNotSent(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]events.Message{
		"a confirmation":          message(t, events.TypeBookingConfirmed, booking("ada")),
		"a confirmation again":    message(t, events.TypeBookingResendRequested, booking("ada")),
		"a ticket for its holder": message(t, events.TypeBookingTicketsChanged, passedOn(events.Holder{Name: "Bob"}, grace)),
	} {
		o := &outside{deliveryErr: notification.ErrNotDue}
		s := newService(t, o)
		handle(t, s, m)
		run(t, s)
		eventually(t, name+" is OUTDATED", func() bool { return statuses(t, s)[notification.Outdated] == 1 })
		if n := all(t, s)[0]; n.Error != notification.Superseded || n.Attempts != 0 {
			t.Errorf("%s: %q after %d attempts", name, n.Error, n.Attempts)
		}
		if mails, _ := o.sent(); len(mails) > 0 {
			t.Errorf("%s: it was sent", name)
		}
	}
}

// A buyer who returns a ticket at once, or passes one on, is told of the booking in any case, in
// whatever order the messages come.
func TestChangedTicketsTakeNoConfirmationAway(t *testing.T) {
	t.Parallel()
	for name, changed := range map[string]events.Booking{
		"a ticket is given back":                         booking("ada"),
		"a ticket is passed on to somebody without mail": passedOn(events.Holder{Name: "Bob"}, events.Holder{Name: "Grace"}),
		"a ticket is passed on":                          passedOn(events.Holder{Name: "Bob"}, grace),
	} {
		for _, first := range []string{events.TypeBookingConfirmed, events.TypeBookingTicketsChanged} {
			o := &outside{delivery: delivered()}
			s := newService(t, o)
			b := changed
			b.BookingID, b.Version = newUUID(), 5
			confirmed := booking("ada")
			confirmed.BookingID, confirmed.Version = b.BookingID, 4
			messages := []events.Message{message(t, events.TypeBookingConfirmed, confirmed), message(t, events.TypeBookingTicketsChanged, b)}
			if first == events.TypeBookingTicketsChanged {
				slices.Reverse(messages)
			}
			for _, m := range messages {
				handle(t, s, m)
			}
			run(t, s)
			eventually(t, name+", heard after "+first+": the buyer is told", func() bool {
				mails, _ := o.sent()
				return slices.ContainsFunc(mails, func(m notification.Mail) bool { return m.To == "ada@example.com" })
			})
		}
	}
}

var grace = events.Holder{Name: "Grace Hopper", Email: "grace@example.com"}

// passedOn is a booking of which the second ticket was passed on.
func passedOn(from, to events.Holder) events.Booking {
	b := booking("ada")
	b.Version = 5
	b.PassedOn = &events.PassedOn{TicketID: newUUID(), Number: 2, Issue: 4, From: from, To: to}
	return b
}

func TestWhileBookingIsAwayMailsWait(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]events.Message{
		"a confirmation":          message(t, events.TypeBookingConfirmed, booking("ada")),
		"a ticket for its holder": message(t, events.TypeBookingTicketsChanged, passedOn(events.Holder{Name: "Bob"}, grace)),
	} {
		o := &outside{delivery: delivered(), deliveryErr: errors.New("away")}
		s := newService(t, o)
		handle(t, s, m)
		run(t, s)
		eventually(t, name+" has waited", func() bool { return all(t, s)[0].Attempts >= 3 })
		if n := all(t, s)[0]; n.Status != notification.Pending || n.Error != "the tickets could not be asked for" {
			t.Errorf("%s: %s, %q", name, n.Status, n.Error)
		}
		if mails, _ := o.sent(); len(mails) > 0 {
			t.Errorf("%s: it was sent without tickets", name)
		}
		o.set(func(o *outside) { o.deliveryErr = nil })
		if m := o.sentMail(t); len(m.Inline) != 2 {
			t.Errorf("%s: %d QR codes", name, len(m.Inline))
		}
	}
}

// The last attempts at a confirmation do without tickets. A mail that is nothing but a
// ticket fails.
func TestTheLastAttempts(t *testing.T) {
	t.Parallel()
	o := &outside{deliveryErr: errors.New("away")}
	s := newService(t, o, onTheWeb, func(o *notification.Options) { o.MaxAttempts = 5 })
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	handle(t, s, message(t, events.TypeBookingTicketsChanged, passedOn(events.Holder{Name: "Bob"}, grace)))
	run(t, s)
	eventually(t, "one is SENT and one FAILED", func() bool {
		count := statuses(t, s)
		return count[notification.Sent] == 1 && count[notification.Failed] == 1
	})
	mails, _ := o.sent()
	if m := mails[0]; len(mails) != 1 || m.To != "ada@example.com" || len(m.Inline) > 0 || len(m.Attachments) != 1 || strings.Contains(m.Text, "QR") || strings.Contains(m.Text, "/b/") {
		t.Errorf("sent are %+v", mails)
	}
	for _, n := range all(t, s) {
		if n.Status == notification.Failed && (n.To != grace.Email || n.Attempts != 5 || n.Error != "the tickets could not be asked for") {
			t.Errorf("failed is %+v", n)
		}
	}
}

// However often a mail is tried, it is the same.
func TestAMailIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	o := &outside{delivery: delivered()}
	tried := &failing{outside: o, left: 2}
	s := newService(t, o, onTheWeb, func(o *notification.Options) { o.Mailer = tried })
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	run(t, s)
	eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	var mails []notification.Mail
	o.set(func(*outside) { mails = tried.mails })
	if len(mails) != 3 {
		t.Fatalf("%d attempts", len(mails))
	}
	for _, m := range mails[1:] {
		if diff := cmp.Diff(mails[0], m); diff != "" {
			t.Errorf("(-first +later):\n%s", diff)
		}
	}
}

func TestATicketThatIsPassedOn(t *testing.T) {
	t.Parallel()
	type mails map[string]string // subjects by address
	const received, gone = "Your ticket: Concert", "Ticket passed on: Concert"
	buyer := events.Holder{Name: "Ada", Email: "ada@example.com"}
	bob := events.Holder{Name: "Bob", Email: "bob@example.com"}
	for name, c := range map[string]struct {
		from, to events.Holder
		want     mails
	}{
		"by the buyer":                   {buyer, grace, mails{grace.Email: received, buyer.Email: gone}},
		"from one to another":            {bob, grace, mails{grace.Email: received, bob.Email: gone}},
		"from one without an address":    {events.Holder{Name: "Bob"}, grace, mails{grace.Email: received}},
		"to one without an address":      {bob, events.Holder{Name: "Grace"}, mails{bob.Email: gone}},
		"between two without an address": {events.Holder{Name: "Bob"}, events.Holder{Name: "Grace"}, mails{}},
		"to the same under another name": {bob, events.Holder{Name: "Robert", Email: "Bob+tickets@example.com"}, mails{"Bob+tickets@example.com": received}},
		"back to the buyer":              {bob, buyer, mails{buyer.Email: received, bob.Email: gone}},
		"to what is no address":          {bob, events.Holder{Name: "Grace", Email: "grace@example.com, eve@example.com"}, mails{bob.Email: gone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outside{contact: notification.Contact{Email: "elsewhere@example.com", Name: "Elsewhere", Phone: "+4930123456"}, delivery: delivered()}
			o.delivery.Tickets = o.delivery.Tickets[1:]
			s := newService(t, o, onTheWeb)
			run(t, s)
			b := passedOn(c.from, c.to)
			m := message(t, events.TypeBookingTicketsChanged, b)
			for range 3 { // redelivered
				handle(t, s, m)
			}
			eventually(t, "all are sent", func() bool { return statuses(t, s)[notification.Sent] == len(c.want) })
			sent, texts := o.sent()
			got := mails{}
			for _, m := range sent {
				got[m.To] = m.Subject
				switch who := map[string]string{received: c.to.Name, gone: c.from.Name}[m.Subject]; {
				case !strings.HasPrefix(m.Text, "Hello "+who+","):
					t.Errorf("%q begins with %.30q", m.Subject, m.Text)
				case m.Subject == received && (len(m.Inline) != 1 || len(m.Attachments) != 1 || m.Attachments[0].Name != "boxoffice-"+events.Reference(b.BookingID)+"-2.pdf" || !strings.Contains(m.Text, "/b/"+b.BookingID+"/"+linkKey)):
					t.Errorf("%q has %d pictures and %d files:\n%s", m.Subject, len(m.Inline), len(m.Attachments), m.Text)
				case m.Subject == gone && (len(m.Inline)+len(m.Attachments) > 0 || strings.Contains(m.Text+m.HTML, linkKey) || !strings.Contains(m.Text, "no. 2") || strings.Contains(m.Text+m.HTML, c.to.Name)):
					t.Errorf("%q has %d pictures and %d files, or says too much:\n%s", m.Subject, len(m.Inline), len(m.Attachments), m.Text)
				case m.Subject == gone && strings.Contains(m.Text, "You can end that link") != (m.To == buyer.Email):
					t.Errorf("to %s it says:\n%s", m.To, m.Text)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(sent) != len(c.want) || len(texts) > 0 {
				t.Errorf("%d mails, %d SMS (-want +got):\n%s", len(sent), len(texts), diff)
			}
			for _, w := range o.asks() {
				if w.BookingID != b.BookingID || w.TicketID != b.PassedOn.TicketID || w.Issue != 4 || !w.PDF {
					t.Errorf("asked for %+v", w)
				}
			}
		})
	}
}

// A message that only says which tickets are on their way back tells nobody.
func TestTicketsOnTheirWayBackAreNoNews(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o)
	handle(t, s, message(t, events.TypeBookingTicketsChanged, booking("ada")))
	if ns := all(t, s); len(ns) > 0 {
		t.Errorf("there are %+v", ns)
	}
	broken := passedOn(grace, grace)
	broken.PassedOn.TicketID = "x"
	if err := s.Handle(t.Context(), message(t, events.TypeBookingTicketsChanged, broken)); !errors.Is(err, notification.ErrMalformed) {
		t.Errorf("error %v, want ErrMalformed", err)
	}
}

// Nobody has proven the address of a holder: neither an account nor an address is
// flooded, whatever is paid.
func TestMailsToHoldersHaveQuotas(t *testing.T) {
	t.Parallel()
	o := &outside{delivery: delivered()}
	s := newService(t, o, func(o *notification.Options) { o.RecipientQuota, o.AccountQuota = 2, 5 })
	run(t, s)
	for i := range 4 { // to one address
		b := passedOn(events.Holder{Name: "Bob"}, events.Holder{Name: "Grace", Email: fmt.Sprintf("grace+%d@example.com", i)})
		handle(t, s, message(t, events.TypeBookingTicketsChanged, b))
	}
	for i := range 4 { // of one account
		b := passedOn(events.Holder{Name: "Bob"}, events.Holder{Name: "Grace", Email: fmt.Sprintf("grace%d@example.com", i)})
		handle(t, s, message(t, events.TypeBookingTicketsChanged, b))
	}
	eventually(t, "5 are SENT", func() bool { return statuses(t, s)[notification.Sent] == 5 })
	if n := statuses(t, s)[notification.Failed]; n != 3 {
		t.Errorf("%d are FAILED, want 3", n)
	}
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "a confirmation is SENT all the same", func() bool { return statuses(t, s)[notification.Sent] == 6 })
}

// A holder whose mail server is away keeps none of the booking's mails waiting, and makes
// none of them say less.
func TestMailsToHoldersHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	o := &outside{delivery: delivered()}
	s := newService(t, o, func(options *notification.Options) {
		options.Mailer = refusing{o, grace.Email}
		options.RetryBase, options.RetryMax = time.Hour, time.Hour
	})
	run(t, s)
	b := passedOn(events.Holder{Name: "Bob"}, grace)
	handle(t, s, message(t, events.TypeBookingTicketsChanged, b))
	eventually(t, "it was tried", func() bool { return all(t, s)[0].Attempts == 1 })
	handle(t, s, changed(t, events.TypeBookingConfirmed, b, 2, func(b *events.Booking) { b.PassedOn = nil }))
	handle(t, s, changed(t, events.TypeBookingItemsCancelled, b, 6, inPart))
	eventually(t, "the buyer's are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	mails, _ := o.sent()
	if !strings.Contains(mails[0].Subject, "confirmed") || strings.Contains(mails[0].Text, "cancelled since") {
		t.Errorf("the confirmation says:\n%s", mails[0].Text)
	}
}

// No code and no key stays anywhere but in the mail.
func TestNothingOfADeliveryIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	o := &outside{delivery: delivered()}
	tried := &failing{outside: o, left: 1}
	s := newService(t, o, onTheWeb, func(options *notification.Options) {
		options.Store, options.Log, options.Mailer = sqlite.New(db), slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), tried
	})
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	handle(t, s, message(t, events.TypeBookingTicketsChanged, passedOn(events.Holder{Name: "Bob"}, grace)))
	stop := run(t, s)
	eventually(t, "both are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
	listed := fmt.Sprintf("%+v", all(t, s))
	stop()
	kept := map[string][]byte{"the log": log.Bytes(), "the list": []byte(listed)}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		if kept[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.ContainsFunc(files, func(file string) bool { return bytes.Contains(kept[filepath.Base(file)], []byte(grace.Email)) }) {
		t.Error("the files do not have what they should")
	}
	for where, what := range kept {
		for _, secret := range []string{firstCode, secondCode, linkKey, firstQR, pdf} {
			if bytes.Contains(what, []byte(secret)) {
				t.Errorf("%s has %q", where, secret)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// failing is a Mailer that takes nothing the first times.
type failing struct {
	*outside
	left  int
	mails []notification.Mail
}

func (f *failing) Send(ctx context.Context, m notification.Mail) error {
	fails := false
	f.set(func(*outside) {
		f.mails = append(f.mails, m)
		f.left--
		fails = f.left >= 0
	})
	if fails {
		return &notification.SendError{Reason: "not yet"}
	}
	return mailerOf{f.outside}.Send(ctx, m)
}

// refusing is a Mailer that takes nothing for one address.
type refusing struct {
	o  *outside
	to string
}

func (r refusing) Send(ctx context.Context, m notification.Mail) error {
	if m.To == r.to {
		return &notification.SendError{Reason: "not yet"}
	}
	return mailerOf{r.o}.Send(ctx, m)
}

func newUUID() string { return uuid.Must(uuid.NewV7()).String() }
