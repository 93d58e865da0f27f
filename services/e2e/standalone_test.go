package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// This file is how the platform runs as one process: all that the suite knows
// of standalone.

const command = "github.com/openboxoffice/boxoffice/services/standalone/cmd/boxoffice"

var buildStandalone = sync.OnceValue(func() error { return goBuild(workDir, command) })

var standaloneWay = way{
	build: buildStandalone,
	new:   func(t testing.TB, dir string, o options) system { return newStandalone(t, dir, o) },
	pace:  40 * time.Millisecond,
}

// oneProcess is the platform in one process.
type oneProcess struct {
	program
	dir string // DATA_DIR
}

var _ system = (*oneProcess)(nil)

func newStandalone(t testing.TB, dir string, o options) *oneProcess {
	t.Helper()
	if err := buildStandalone(); err != nil {
		t.Fatal(err)
	}
	s := &oneProcess{dir: dir}
	s.path, s.output = filepath.Join(workDir, "boxoffice"), filepath.Join(dir, "output.txt")
	s.env = []string{
		"DATA_DIR=" + dir, "SAMPLE_DATA=false",
		"WEB_ADDR=127.0.0.1:0", "USER_ADDR=127.0.0.1:0", "EVENT_ADDR=127.0.0.1:0", "BOOKING_ADDR=127.0.0.1:0", "NOTIFICATION_ADDR=127.0.0.1:0",
		"ADMIN_EMAIL=" + adminEmail, "ADMIN_PASSWORD=" + adminPassword,
		"SMTP_URL=" + cmp.Or(o.smtpURL, "folder"), "MAIL_FROM=Boxoffice <tickets@boxoffice.test>", "SMS_URL=log",
	}
	s.env = append(s.env, o.payments()...)
	if !o.noProxies {
		s.env = append(s.env, "TRUSTED_PROXIES=127.0.0.1/32")
	}
	if o.racyInventory {
		s.path, s.env = os.Args[0], append(s.env, racyEnv+"=standalone")
	}
	return s
}

func (s *oneProcess) ready() (map[service]string, error) {
	var at struct {
		PID          int    `json:"pid"`
		User         string `json:"user"`
		Event        string `json:"event"`
		Booking      string `json:"booking"`
		Notification string `json:"notification"`
	}
	err := poll(patience, func() error {
		if err := s.ended(); err != nil {
			return final{err}
		}
		b, err := os.ReadFile(filepath.Join(s.dir, "addresses.json"))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &at); err != nil {
			return err // half-written
		}
		if at.PID != s.cmd.Process.Pid {
			return errors.New("the addresses are those of the process before")
		}
		return nil
	})
	return map[service]string{gateway: at.User, events: at.Event, bookings: at.Booking, notifications: at.Notification}, err
}

func (s *oneProcess) mails() ([]mail, error) { return mailsIn(filepath.Join(s.dir, "mail")) }

// ticketSecret is the secret of the codes of tickets, as TICKET_KEY has it.
func (s *oneProcess) ticketSecret() (string, error) {
	var kept map[string]string
	b, err := os.ReadFile(filepath.Join(s.dir, "secrets.json"))
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	return kept["TICKET_KEY"], err
}

func (s *oneProcess) logs() (string, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "logs", "*.log"))
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, name := range append(names, s.output) {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		all.Write(b)
	}
	return all.String(), nil
}
