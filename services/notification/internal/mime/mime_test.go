package mime_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/internal/mime"
)

func someMail() notification.Mail {
	return notification.Mail{
		ID: uuid.NewString(), To: "ada@example.com", Subject: "Füße", Text: "text\n", HTML: "<p>html</p>\n", Date: time.Now(),
		Inline: []notification.Inline{
			{ID: "1@boxoffice", Attachment: notification.Attachment{Name: "1.png", Type: "image/png", Body: "\x89PNG"}},
			{ID: "2@boxoffice", Attachment: notification.Attachment{Name: "2.png", Type: "image/png", Body: "\x89PNG 2"}},
		},
		Attachments: []notification.Attachment{
			{Name: "a.pdf", Type: "application/pdf", Body: "%PDF"},
			{Name: "a.ics", Type: "text/calendar; charset=utf-8", Body: strings.Repeat("BEGIN:VCALENDAR\r\n", 20)},
		},
	}
}

func newWriter(t *testing.T) *mime.Writer {
	t.Helper()
	w, err := mime.NewWriter("Boxoffice <tickets@boxoffice.example>")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWrittenTwiceItIsTheSame(t *testing.T) {
	t.Parallel()
	all := someMail()
	files, pictures, none := all, all, all
	files.Inline, pictures.Attachments = nil, nil
	none.Inline, none.Attachments = nil, nil
	w := newWriter(t)
	for name, m := range map[string]notification.Mail{"with all": all, "with files": files, "with pictures": pictures, "with nothing": none} {
		var written []string
		for range 2 {
			msg, err := w.Message(m)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				var b bytes.Buffer
				if _, err := msg.WriteTo(&b); err != nil {
					t.Fatal(err)
				}
				written = append(written, b.String())
			}
		}
		for _, again := range written[1:] {
			if again != written[0] {
				t.Errorf("%s: it is\n%s\nand then\n%s", name, written[0], again)
			}
		}
	}
}

// Each level of a mail has a boundary of its own, and none begins with another.
func TestBoundaries(t *testing.T) {
	t.Parallel()
	m := someMail()
	msg, err := newWriter(t).Message(m)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	for boundary, want := range map[string]int{"boxoffice-mixed-" + m.ID: 4, "boxoffice-related-" + m.ID: 4, "boxoffice-" + m.ID: 3} {
		if got := strings.Count(b.String(), fmt.Sprintf("\r\n--%s", boundary)); got != want {
			t.Errorf("%d lines begin with the boundary %s, want %d:\n%s", got, boundary, want, &b)
		}
	}
}

func TestTheSendersDomainIsWrittenAsALabels(t *testing.T) {
	t.Parallel()
	w, err := mime.NewWriter("Bücher <karten@bücher.example>")
	if err != nil {
		t.Fatal(err)
	}
	m := someMail()
	msg, err := w.Message(m)
	if err != nil {
		t.Fatal(err)
	}
	if from, err := msg.GetSender(false); err != nil || from != "<karten@xn--bcher-kva.example>" {
		t.Errorf("the sender is %q (%v)", from, err)
	}
	if id := msg.GetMessageID(); id != "<"+m.ID+"@xn--bcher-kva.example>" {
		t.Errorf("the Message-ID is %q", id)
	}
}

func TestAFileAddsNoHeader(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *notification.Mail){
		"name":           func(m *notification.Mail) { m.Attachments[1].Name = "a.ics\r\nX-Evil: 1" },
		"type":           func(m *notification.Mail) { m.Attachments[0].Type = "text/calendar\r\nX-Evil: 1" },
		"picture's name": func(m *notification.Mail) { m.Inline[0].Name = "1.png\r\nX-Evil: 1" },
		"picture's id":   func(m *notification.Mail) { m.Inline[1].ID = "2>\r\nX-Evil: 1" },
	} {
		m := someMail()
		change(&m)
		_, err := newWriter(t).Message(m)
		var failure *notification.SendError
		if !errors.As(err, &failure) || !failure.Permanent {
			t.Errorf("%s: error %v, want a permanent SendError", name, err)
		}
	}
}
