package smtp_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// server is a real SMTP server whose answers a test decides.
type server struct {
	addr string

	mu    sync.Mutex
	mails [][]byte
	rcpts []string
	utf8  []bool // whether the client asked for SMTPUTF8

	noUTF8 bool // the server does not know SMTPUTF8

	refuseRcpt, refuseData, refuseFrom error
	password                           string // needed to log in, unless empty
	dropAfterData                      bool   // the connection ends right after the 250
}

func newServer(t *testing.T, s *server) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = ln.Addr().String()
	srv := gosmtp.NewServer(s)
	srv.Domain = "localhost"
	srv.AllowInsecureAuth = true
	srv.EnableSMTPUTF8 = !s.noUTF8
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = ln.Close() // Close may have come before Serve
		<-done
	})
	return s
}

func (s *server) taken() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.mails...)
}

func (s *server) NewSession(c *gosmtp.Conn) (gosmtp.Session, error) {
	return &session{server: s, conn: c, loggedIn: s.password == ""}, nil
}

type session struct {
	server   *server
	conn     *gosmtp.Conn
	loggedIn bool
	data     bool
}

func (s *session) AuthMechanisms() []string {
	if s.server.password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "boxoffice" || password != s.server.password {
			return gosmtp.ErrAuthFailed
		}
		s.loggedIn = true
		return nil
	}), nil
}

func (s *session) Mail(_ string, o *gosmtp.MailOptions) error {
	s.server.mu.Lock()
	s.server.utf8 = append(s.server.utf8, o.UTF8)
	s.server.mu.Unlock()
	if !s.loggedIn {
		return gosmtp.ErrAuthRequired
	}
	return s.server.refuseFrom
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.server.mu.Lock()
	s.server.rcpts = append(s.server.rcpts, to)
	s.server.mu.Unlock()
	if strings.Contains(to, "eve") {
		return errors.New("nobody writes to eve")
	}
	return s.server.refuseRcpt
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.server.refuseData != nil {
		return s.server.refuseData
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, b)
	s.data = true
	return nil
}

// Reset is called for RSET, which the client sends when a mail is done.
func (s *session) Reset() {
	if s.data && s.server.dropAfterData {
		_ = s.conn.Conn().Close()
	}
}

func (s *session) Logout() error { return nil }

// plainServer knows no extension, and answers rcpt to every recipient. It
// takes one connection.
func plainServer(t *testing.T, rcpt string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "220 localhost\r\n")
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			answer := "250 localhost"
			switch word, _, _ := strings.Cut(lines.Text(), " "); word {
			case "RCPT":
				answer = rcpt
			case "QUIT":
				answer = "221 bye"
			}
			_, _ = io.WriteString(conn, answer+"\r\n")
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String()
}
