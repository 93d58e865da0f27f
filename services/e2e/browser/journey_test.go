package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/openboxoffice/boxoffice/services/standalone"
)

// platform is the whole of it in this process, with the sample events.
type platform struct {
	shop  string // its address
	mails string // the folder that is everybody's mailbox
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	const free = "127.0.0.1:0"
	dir := t.TempDir()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	said, out := io.Pipe()
	ran := make(chan error, 1)
	go func() {
		ran <- standalone.Run(ctx, standalone.Config{
			DataDir: dir, WebAddr: free, UserAddr: free, EventAddr: free, BookingAddr: free, NotificationAddr: free, SampleData: true,
		}, out)
		_ = out.Close()
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	p := &platform{mails: filepath.Join(dir, "mail")}
	lines := bufio.NewScanner(said)
	for p.shop == "" && lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) == 2 && words[0] == "shop" {
			p.shop = words[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }()
	if p.shop == "" {
		t.Fatal("the platform does not start")
	}
	return p
}

// letter is a mail as its reader has it.
type letter struct {
	text        string
	attachments map[string][]byte // by media type
}

// wait waits for a mail to somebody whose text matches.
func (p *platform) wait(t *testing.T, to string, text *regexp.Regexp) letter {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		files, err := filepath.Glob(filepath.Join(p.mails, "*.eml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			l, err := read(name, to)
			if err == nil && text.MatchString(l.text) {
				return l
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatalf("no mail to %s says %s", to, text)
	return letter{}
}

var errNotTheirs = errors.New("a mail to somebody else")

func read(name, to string) (letter, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return letter{}, err
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return letter{}, err
	}
	if !strings.Contains(m.Header.Get("To"), to) {
		return letter{}, errNotTheirs
	}
	l := letter{attachments: map[string][]byte{}}
	return l, l.add(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
}

// add reads a part of a mail.
func (l *letter) add(contentType, encoding string, body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := l.add(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if kind == "text/plain" {
		l.text += string(content)
	} else {
		l.attachments[kind] = content
	}
	return err
}

// Ana buys two tickets on her phone, without an account. Her first card is declined, and
// the second needs 3-D Secure. By the link in her mail she comes back on another device,
// returns a ticket, and passes the other one on.
func TestAnaBuys(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	b := open(t, p.shop)
	b.sized(390, "light")
	b.visit("/").says("What’s on").screen("home")
	b.click(`a[href*="night-trains"]`).says("Night Trains", "Standing")
	b.picture("ana-1-event")
	b.press(`[data-stepper] button:last-child`).press(`[data-stepper] button:last-child`).screen("event")
	b.click(".bar button").says("2 × Standing")
	b.fill("#f-name", "Ana Costa").fill("#f-email", "ana@example.org").click("main form button").says("Checkout", "Ana Costa")
	b.picture("ana-2-checkout")
	b.screen("checkout")
	b.pay("tok_declined").says("The card was declined.")
	b.pay("tok_authenticate").says("Your bank asks you to confirm the payment.").click(`a[href$="/challenge"]`).click(`[value="confirmed"]`)
	b.says("Thank you, you are booked.", "Ticket 1", "Ticket 2")
	b.picture("ana-3-booked")
	b.screen("booking")
	id, _, _ := strings.Cut(strings.TrimPrefix(b.at(), "/b/"), "?")

	m := p.wait(t, "ana@example.org", regexp.MustCompile(`/b/`+id+`/\S+`))
	if pdf := m.attachments["application/pdf"]; !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Errorf("the mail has no tickets, only %d attachments", len(m.attachments))
	}
	link := regexp.MustCompile(regexp.QuoteMeta(p.shop) + `(/\S*b/` + id + `/\S+)`).FindStringSubmatch(m.text)
	if link == nil {
		t.Fatalf("the mail has no link to the shop: %s", m.text)
	}

	other := open(t, p.shop)
	other.sized(390, "dark")
	other.visit(link[1]).says("Ticket 1", "Ticket 2", "for Ana Costa")
	if at := other.at(); !strings.HasSuffix(at, "/b/"+id) {
		t.Errorf("the key is left in the address: %d characters", len(at))
	}
	other.click(`a[href$="/return"]`).says("Which tickets?").press("input[type=checkbox]").click("main form button").says("You get back €24.00").click("main form button")
	other.says("The tickets have been returned.")
	other.click(`.stub-links a:last-child`).fill("#f-name", "Ben Okri").fill("#f-email", "ben@example.org").click("main form button").says("for Ben Okri", "Returned")
	other.picture("ana-4-passed-on")
	for _, document := range []string{"tickets.pdf", "calendar.ics"} {
		if status := eval[int](other, `fetch("/b/`+id+`/`+document+`").then(r => r.status)`, chromedp.EvalAwaitPromise); status != 200 {
			t.Errorf("%s: status %d", document, status)
		}
	}
	if drawn := eval[bool](other, `(i => { i.scrollIntoView(); return i.decode().then(() => i.naturalWidth > 0) })(document.querySelector(".stub-code img"))`, chromedp.EvalAwaitPromise); !drawn {
		t.Error("the ticket has no QR code")
	}
	p.wait(t, "ben@example.org", regexp.MustCompile(`Night Trains`))
}
