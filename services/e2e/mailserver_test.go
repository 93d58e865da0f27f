package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// mailServer is a mail server that can be away.
type mailServer struct {
	address string

	mu     sync.Mutex
	server *smtp.Server // nil while it is down
	moody  bool         // takes mails, and says that it has not
	got    []mail
	bad    []error
}

// newMailServer returns one that is down, at an address that is its own.
func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{address: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.down)
	return m
}

func (m *mailServer) up(t *testing.T, moody bool) {
	t.Helper()
	var l net.Listener
	eventually(t, func() (err error) {
		l, err = net.Listen("tcp", m.address)
		return err
	})
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return session{m}, nil }))
	server.Domain, server.ReadTimeout, server.WriteTimeout = "localhost", 10*time.Second, 10*time.Second
	server.ErrorLog = quiet{}
	m.mu.Lock()
	m.server, m.moody = server, moody
	m.mu.Unlock()
	go func() { _ = server.Serve(l) }()
}

func (m *mailServer) down() {
	m.mu.Lock()
	server := m.server
	m.server = nil
	m.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// mails are what it has taken and not disowned, in order.
func (m *mailServer) mails() []mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mail(nil), m.got...)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// session is one client's connection.
type session struct{ *mailServer }

func (s session) Mail(string, *smtp.MailOptions) error { return nil }
func (s session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s session) Reset()                               {}
func (s session) Logout() error                        { return nil }

func (s session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err // the client was killed half-way
	}
	m, err := parseMail(bytes.NewReader(b))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moody {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not now"}
	}
	if err != nil {
		s.bad = append(s.bad, err)
		return err
	}
	s.got = append(s.got, m)
	return nil
}

// mailed is a platform whose mails come to a mail server, which counts each
// time that one is sent.
type mailed struct {
	system
	server *mailServer
}

func (m mailed) mails() ([]mail, error) { return m.server.mails(), nil }

// While the mail server is down people book, and the platform itself is killed;
// once it is up again each of them hears of it, once. Killed between the
// server's answer and its own note of it, the platform may send a mail again:
// the same one, by its Message-ID.
func TestMailServerDown(t *testing.T) {
	t.Parallel()
	server := newMailServer(t)
	p := start(t, options{smtpURL: "smtp://" + server.address + "?tls=none"})
	c := p.register(t, customer)
	e := p.publish(t, p.admin, draft(100)) // an organizer would have to be mailed first
	const n = 12                           // while it is down
	booked := map[string]bool{}
	bookSome := func() {
		t.Helper()
		for range n / 3 {
			booked[p.book(t, c, e, 1).ID] = true
		}
	}
	pending := func(min int) {
		t.Helper()
		eventually(t, func() error {
			waiting, err := all[notification](p, gateway, "/notifications?status=PENDING", as(c))
			if err != nil {
				return final{err}
			}
			tried := 0
			for _, w := range waiting {
				if w.Attempts > 0 && w.Error != "" {
					tried++
				}
			}
			if tried < min {
				return fmt.Errorf("%d of %d mails were tried in vain", tried, min)
			}
			return nil
		})
	}
	bookSome()
	pending(n / 3)
	p.kill()
	p.restart(t)
	bookSome()
	pending(2 * n / 3)
	server.up(t, true) // it is there, but in no mood
	bookSome()
	pending(n)
	server.down()
	if got := server.mails(); len(got) != 0 {
		t.Fatalf("%d mails were taken while it was down", len(got))
	}
	server.up(t, false)
	bookSome()
	p.kill() // while mails are on their way
	p.restart(t)

	eventually(t, func() error {
		confirmed, _, _ := mailsAbout(server.mails())
		for id := range booked {
			if confirmed[id] == 0 {
				return fmt.Errorf("%d of %d are confirmed", len(confirmed), len(booked))
			}
		}
		return nil
	})
	// Nothing is left that could come again.
	eventually(t, func() error {
		open, err := all[notification](p, gateway, "/notifications?status=PENDING", as(c))
		if err == nil && len(open) > 0 {
			err = errors.New("there are mails still to be sent")
		}
		return err
	})
	ids := map[string]string{} // Message-ID → booking
	repeats := 0
	for _, m := range server.mails() {
		if !m.confirms() || !booked[m.booking()] || m.to != c.email {
			t.Errorf("a mail that nobody asked for: %+v", m)
		}
		if about, again := ids[m.id]; again {
			if repeats++; about != m.booking() {
				t.Errorf("one Message-ID for two bookings: %s", m.id)
			}
		}
		ids[m.id] = m.booking()
	}
	if len(ids) != len(booked) {
		t.Errorf("%d confirmations for %d bookings", len(ids), len(booked))
	}
	if len(server.bad) > 0 {
		t.Errorf("mails that cannot be read: %v", server.bad)
	}
	t.Logf("mail server: %d bookings, %d of them while it was away, %d mails, %d distinct Message-IDs, repeats = %d",
		len(booked), n, len(server.mails()), len(ids), repeats)
}
