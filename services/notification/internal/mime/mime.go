// Package mime writes a notification.Mail as the message that goes out, one
// way for every Mailer.
package mime

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/wneessen/go-mail"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// Writer writes messages from one sender.
type Writer struct {
	from   *netmail.Address
	domain string
}

// NewWriter returns a Writer of mails from, an address with or without a name:
// "Boxoffice <tickets@example.com>".
func NewWriter(from string) (*Writer, error) {
	a, err := netmail.ParseAddress(from)
	if err != nil || strings.ContainsFunc(from, unicode.IsControl) {
		return nil, fmt.Errorf("the sender %q is no mail address", from)
	}
	if strings.Contains(a.Name, encodedWord) {
		return nil, fmt.Errorf("the name of the sender %q would be read as an encoded word", from)
	}
	var ok bool
	if a.Address, ok = notification.ASCIIDomain(a.Address); !ok {
		return nil, fmt.Errorf("the domain of the sender %q is none", from)
	}
	return &Writer{from: a, domain: a.Address[strings.LastIndex(a.Address, "@")+1:]}, nil
}

// Message returns m as a message. Written twice it is the same, byte for byte:
// its Message-ID and its boundaries are made of m.ID, its date is m.Date. What
// cannot be a mail is a permanent notification.SendError.
func (w *Writer) Message(m notification.Mail) (*mail.Msg, error) {
	if _, err := uuid.Parse(m.ID); err != nil {
		return nil, &notification.SendError{Reason: "the notification's id is not valid", Permanent: true}
	}
	to, err := netmail.ParseAddress(m.To)
	if err != nil || strings.ContainsFunc(m.To, unicode.IsControl) {
		return nil, &notification.SendError{Reason: "the recipient's address is not valid", Permanent: true}
	}
	address, ok := notification.ASCIIDomain(to.Address)
	if !ok {
		return nil, &notification.SendError{Reason: "the domain of the recipient's address is not valid", Permanent: true}
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(w.from)
	msg.ToMailAddress(&netmail.Address{Address: address})
	msg.SetMessageIDWithValue(m.ID + "@" + w.domain)
	msg.SetDateWithValue(m.Date.UTC())
	setSubject(msg, strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, m.Subject))
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office answers (RFC 3834)
	if err := write(msg, m); err != nil {
		return nil, &notification.SendError{Reason: "the mail cannot be written", Permanent: true}
	}
	return msg, nil
}

// setSubject sees to it that a reader decodes s as it is: the library leaves
// ASCII alone, also where it looks like an encoded word.
func setSubject(msg *mail.Msg, s string) {
	if !strings.Contains(s, encodedWord) {
		msg.Subject(s)
		return
	}
	const most = 45 // bytes of UTF-8, with which a word has 72 of its 75 characters (RFC 2047)
	var words []string
	for chunk := ""; s != ""; {
		_, size := utf8.DecodeRuneInString(s)
		chunk, s = chunk+s[:size], s[size:]
		if next, _ := utf8.DecodeRuneInString(s); s == "" || len(chunk)+utf8.RuneLen(next) > most {
			words = append(words, encodedWord+"utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(chunk))+"?=")
			chunk = ""
		}
	}
	msg.SetGenHeaderPreformatted(mail.HeaderSubject, strings.Join(words, "\r\n "))
}

// encodedWord is how one begins.
const encodedWord = "=?"

// write gives msg its parts, and writes it once for nothing: what fails halfway
// through a server's DATA would be taken as the whole mail.
func write(msg *mail.Msg, m notification.Mail) error {
	// The library takes one boundary for all levels of a mail, but keeps those
	// that it has written with: so each level is written alone first, with
	// nothing in it.
	msg.SetBodyString(mail.TypeTextPlain, "")
	if len(m.Attachments) > 0 {
		if err := msg.AttachReader("", strings.NewReader("")); err != nil {
			return err
		}
		if err := writeWith(msg, "boxoffice-mixed-"+m.ID); err != nil {
			return err
		}
		msg.UnsetAllAttachments()
	}
	if len(m.Inline) > 0 {
		if err := msg.EmbedReader("", strings.NewReader("")); err != nil {
			return err
		}
		if err := writeWith(msg, "boxoffice-related-"+m.ID); err != nil {
			return err
		}
		msg.UnsetAllEmbeds()
	}
	msg.AddAlternativeString(mail.TypeTextHTML, "")
	if err := writeWith(msg, "boxoffice-"+m.ID); err != nil {
		return err
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	for _, picture := range m.Inline {
		if err := add(picture.Attachment, msg.EmbedReader, picture.ID, mail.WithFileContentID(picture.ID)); err != nil {
			return err
		}
	}
	for _, file := range m.Attachments {
		if err := add(file, msg.AttachReader, ""); err != nil {
			return err
		}
	}
	return writeWith(msg, "")
}

// add gives file, of which id is in a header, too, to a message.
func add(file notification.Attachment, to func(name string, body io.Reader, options ...mail.FileOption) error, id string, options ...mail.FileOption) error {
	if strings.ContainsFunc(file.Name+file.Type+id, unicode.IsControl) {
		return errors.New("a file's name, type or id has control characters")
	}
	return to(file.Name, strings.NewReader(file.Body),
		append(options, mail.WithFileContentType(mail.ContentType(file.Type)), mail.WithFileEncoding(mail.EncodingB64))...)
}

func writeWith(msg *mail.Msg, boundary string) error {
	msg.SetBoundary(boundary)
	_, err := msg.WriteTo(io.Discard)
	return err
}
