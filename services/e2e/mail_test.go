package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"regexp"
	"strings"
)

var errNoMail = errors.New("the mail has not come")

// mail is a mail as its reader sees it.
type mail struct {
	id      string // Message-ID
	to      string
	subject string
	text    string
	html    string

	calendar string // the .ics; mostly empty
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
	err = m.read(msg.Header.Get("Content-Type"), msg.Body)
	return m, err
}

// read takes what is in a multipart body: the texts, and the calendar where
// there is one.
func (m *mail) read(contentType string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/alternative" && kind != "multipart/mixed" {
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
			if err := m.read(contentType, part); err != nil {
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
		case "text/calendar":
			if b, err = base64.StdEncoding.DecodeString(string(b)); err != nil {
				return err
			}
			m.calendar = string(b)
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
