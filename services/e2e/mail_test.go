package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"os"
	"regexp"
	"strings"
	"testing"
)

var errNoMail = errors.New("the mail has not come")

// mail is a mail as its reader sees it.
type mail struct {
	id      string // Message-ID
	to      string
	subject string
	text    string
	html    string

	calendar string   // the .ics; mostly empty
	pdf      []byte   // the tickets; mostly empty
	pictures [][]byte // those in the HTML, by their Content-IDs in its order

	file string // where all of it is, if it was read from a folder
}

// whole returns m with its tickets. Mails that were read from a folder lack them.
func (m mail) whole(t testing.TB) mail {
	t.Helper()
	if m.file == "" {
		return m
	}
	f, err := os.Open(m.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if m, err = parseMail(f); err != nil {
		t.Fatal(err)
	}
	return m
}

var bookingLine = regexp.MustCompile(`(?m)^Booking id: ([0-9a-f-]{36})\r?$`)

// booking is the id of the booking that the mail is about, or "".
func (m mail) booking() string {
	if found := bookingLine.FindStringSubmatch(m.text); found != nil {
		return found[1]
	}
	return ""
}

func (m mail) confirms() bool { return strings.HasPrefix(m.subject, "Booking confirmed") }
func (m mail) cancels() bool  { return strings.HasPrefix(m.subject, "Booking cancelled") }
func (m mail) repeats() bool  { return strings.HasPrefix(m.subject, "Your booking") }
func (m mail) receives() bool { return strings.HasPrefix(m.subject, "Your ticket") }
func (m mail) loses() bool    { return strings.HasPrefix(m.subject, "Ticket passed on") }
func (m mail) shortens() bool { return strings.HasPrefix(m.subject, "Tickets cancelled") }

// kind is what it is about, in the words of its subject.
func (m mail) kind() string {
	kind, _, _ := strings.Cut(m.subject, ":")
	return kind
}

func parseMail(r io.Reader) (mail, error) {
	msg, err := netmail.ReadMessage(r)
	if err != nil {
		return mail{}, err
	}
	m := mail{id: msg.Header.Get("Message-ID")}
	to, err := msg.Header.AddressList("To")
	if err != nil || len(to) != 1 {
		return mail{}, fmt.Errorf("to %q: %w", msg.Header.Get("To"), err)
	}
	m.to = to[0].Address
	if m.subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return mail{}, err
	}
	files := map[string][]byte{}
	if err = m.read(msg.Header.Get("Content-Type"), msg.Body, files); err != nil {
		return mail{}, err
	}
	m.calendar, m.pdf = string(files["text/calendar"]), files["application/pdf"]
	for _, id := range pictureID.FindAllStringSubmatch(m.html, -1) {
		picture, ok := files[id[1]]
		if !ok {
			return mail{}, fmt.Errorf("it has no picture %q", id[1])
		}
		m.pictures = append(m.pictures, picture)
	}
	return m, nil
}

// pictureID is where the HTML shows a picture of the mail.
var pictureID = regexp.MustCompile(`src="cid:([^"]+)"`)

// read reads a multipart body into m and files. files has attachments by media type and
// pictures by Content-ID.
func (m *mail) read(contentType string, body io.Reader, files map[string][]byte) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/alternative" && kind != "multipart/related" && kind != "multipart/mixed" {
		return fmt.Errorf("content type %q: %w", kind, err)
	}
	for parts := multipart.NewReader(body, params["boundary"]); ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		contentType := part.Header.Get("Content-Type")
		kind, _, _ := mime.ParseMediaType(contentType)
		if strings.HasPrefix(kind, "multipart/") {
			if err := m.read(contentType, part, files); err != nil {
				return err
			}
			continue
		}
		b, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		switch kind {
		case "text/plain":
			m.text = string(b)
		case "text/html":
			m.html = string(b)
		case "text/calendar", "application/pdf", "image/png":
			if b, err = base64.StdEncoding.DecodeString(string(b)); err != nil {
				return err
			}
			if id := part.Header.Get("Content-ID"); id != "" {
				kind = strings.Trim(id, "<>")
			}
			files[kind] = b
		}
	}
}

// What mails are about: see kind.
const (
	bookingConfirmed = "Booking confirmed"
	bookingCancelled = "Booking cancelled"
	itemsCancelled   = "Tickets cancelled"
)

// toldOf counts the mails about each booking by their kind.
func toldOf(mails []mail) map[string]map[string]int {
	told := map[string]map[string]int{}
	for _, m := range mails {
		if told[m.booking()] == nil {
			told[m.booking()] = map[string]int{}
		}
		told[m.booking()][m.kind()]++
	}
	return told
}

// mailsAbout counts the confirmations and cancellations of each booking.
// It returns as violations what no mail may be: a Message-ID used twice.
func mailsAbout(mails []mail) (confirmations, cancellations map[string]int, violations []string) {
	confirmations, cancellations = map[string]int{}, map[string]int{}
	seen := map[string]bool{}
	for _, m := range mails {
		if m.id == "" || seen[m.id] {
			violations = append(violations, fmt.Sprintf("the Message-ID %q occurs twice, or not at all", m.id))
		}
		seen[m.id] = true
		switch {
		case m.confirms():
			confirmations[m.booking()]++
		case m.cancels():
			cancellations[m.booking()]++
		}
	}
	return confirmations, cancellations, violations
}
