package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// This file is about the start of the one process; elsewhere there is nothing
// like it.

// refuse runs the platform with more environment, and returns what it says
// when it ends, which must be at once and with exit code 1.
func refuse(t *testing.T, dir string, more ...string) string {
	t.Helper()
	s := newStandalone(t, dir, options{})
	cmd := exec.CommandContext(t.Context(), s.path)
	var said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = append(s.env, more...), &said, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("with %v it ends with %v, want exit code 1: %s", more, err, said.String())
	}
	return said.String()
}

func TestStandaloneTakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, variable := range []string{"WEB_ADDR", "USER_ADDR", "EVENT_ADDR", "BOOKING_ADDR", "NOTIFICATION_ADDR"} {
		dir := t.TempDir()
		said := refuse(t, dir, variable+"="+l.Addr().String())
		if !strings.Contains(said, l.Addr().String()) || !strings.Contains(said, variable) || strings.Count(said, "\n") > 2 {
			t.Errorf("it does not say clearly that the port is taken: %s", said)
		}
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range left {
			if f.Name() != ".lock" {
				t.Errorf("before it gave up it made %s", f.Name())
			}
		}
	}
}

// Two processes on the same data would each think that it is alone.
func TestStandaloneTakenData(t *testing.T) {
	t.Parallel()
	s := newStandalone(t, t.TempDir(), options{})
	p, err := open(s)
	if p != nil {
		t.Cleanup(func() { p.end(t) })
	}
	if err != nil {
		t.Fatal(err)
	}
	if said := refuse(t, s.dir); !strings.Contains(said, s.dir) || strings.Count(said, "\n") > 2 {
		t.Errorf("it does not say clearly that the data is taken: %s", said)
	}
	p.publish(t, p.register(t, organizer), draft(1))
}

func TestStandaloneBrokenConfiguration(t *testing.T) {
	t.Parallel()
	for variable, value := range map[string]string{
		"SAMPLE_DATA": "perhaps", "TRUSTED_PROXIES": "everybody", "SMTP_URL": "http://mail.example", "MAIL_FROM": "nobody",
		"ADMIN_PASSWORD": "short", "ADMIN_EMAIL": "nobody", "EVENT_ADDR": "here", "PPROF_ADDR": "0.0.0.0:0",
	} {
		if said := refuse(t, t.TempDir(), variable+"="+value); !strings.Contains(said, variable) {
			t.Errorf("it does not say that %s is at fault: %s", variable, said)
		}
	}
}

func TestStandaloneSampleData(t *testing.T) {
	t.Parallel()
	s := newStandalone(t, t.TempDir(), options{noProxies: true})
	s.env = append(s.env, "SAMPLE_DATA=true")
	p, err := open(s)
	if p != nil {
		t.Cleanup(func() { p.end(t) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		found := wholeList[event](t, p, gateway, "/events")
		if len(found) < 10 || len(found) > 14 {
			t.Errorf("%d sample events, want 10 to 14", len(found))
		}
		states, open, few, pictures := map[string]int{}, 0, 0, 0
		for _, e := range found {
			if a := p.available(t, e.ID); a.SalesOpen {
				open++
				if a.Available <= 10 {
					few++
				}
			}
			var shown struct {
				Status      string
				Image       *struct{}
				TicketTypes []struct{ State string } `json:"ticket_types"`
			}
			p.call(t, http.MethodGet, gateway, "/events/"+e.ID).want(t, http.StatusOK).into(t, &shown)
			states[shown.Status]++
			for _, kind := range shown.TicketTypes {
				states[kind.State]++
			}
			if shown.Image != nil {
				pictures++
			}
		}
		for _, state := range []string{"PUBLISHED", "CANCELLED", "ON_SALE", "NOT_YET", "CLOSED", "SOLD_OUT"} {
			if states[state] == 0 {
				t.Errorf("no sample event is %s: %v", state, states)
			}
		}
		if open < 6 || few == 0 || 2*pictures < len(found) || pictures == len(found) {
			t.Errorf("of %d sample events %d are on sale, %d nearly sold out, %d have pictures", len(found), open, few, pictures)
		}
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		p.restart(t)
	}
	said, err := p.logs()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"organizer@example.com", "customer@example.com", p.url(gateway, ""), p.url(events, ""), p.url(bookings, ""), p.url(notifications, "")} {
		if !strings.Contains(said, want) {
			t.Errorf("the greeting lacks %s:\n%s", want, said)
		}
	}
	if strings.Count(said, "curl ") < 3 {
		t.Error("the greeting lacks three curl lines to try")
	}
	c := &account{email: "customer@example.com", password: "customer-sample-1", address: nextAddress()}
	if err := p.login(c); err != nil {
		t.Fatalf("the sample login: %v", err)
	}
	var me user
	if p.get(t, gateway, "/users/me", &me, as(c)); me.Role != customer {
		t.Errorf("the sample customer: %+v", me)
	}

	// make seed, again: what is there stays as it is.
	cmd := exec.CommandContext(t.Context(), s.path, "seed")
	cmd.Env = []string{"USER_URL=" + p.url(gateway, "")}
	before := len(wholeList[event](t, p, gateway, "/events"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("seed: %v: %s", err, out)
	}
	if after := len(wholeList[event](t, p, gateway, "/events")); after != before {
		t.Errorf("seeding twice makes %d events of %d", after, before)
	}
}

// Without anything but loopback addresses there is no login that everybody
// knows.
func TestStandaloneNoSampleLoginsForTheWorld(t *testing.T) {
	t.Parallel()
	for name, reached := range map[string]struct {
		options options
		env     string
	}{
		"by an address":   {options{noProxies: true}, "NOTIFICATION_ADDR=0.0.0.0:0"},
		"through a proxy": {options{}, "NOTIFICATION_ADDR=127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandalone(t, t.TempDir(), reached.options)
			s.env = append(s.env, "SAMPLE_DATA=true", reached.env)
			p, err := open(s)
			if p != nil {
				t.Cleanup(func() { p.end(t) })
			}
			if err != nil {
				t.Fatal(err)
			}
			for email, password := range map[string]string{
				"organizer@example.com": "organizer-sample-1", "customer@example.com": "customer-sample-1", "admin@example.com": "admin-sample-1",
			} {
				p.token(t, p.admin, "grant_type", "password", "username", email, "password", password).
					oauthError(t, http.StatusBadRequest, "invalid_grant")
				p.call(t, http.MethodPost, gateway, "/users", body(obj{"email": email, "password": password, "name": "Sample"})).
					refused(t, http.StatusUnprocessableEntity, problem.PasswordTooCommon)
			}
		})
	}
}

func TestStandaloneDataIsPrivate(t *testing.T) {
	t.Parallel()
	s := newStandalone(t, t.TempDir(), options{})
	p, err := open(s)
	if p != nil {
		t.Cleanup(func() { p.end(t) })
	}
	if err != nil {
		t.Fatal(err)
	}
	e := p.publish(t, p.register(t, organizer), draft(5))
	p.awaitMail(t, p.book(t, p.register(t, customer), e, 1).ID, mail.confirms)
	files := 0
	err = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // temporary
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %s", path, info.Mode())
		}
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("there are %d files only", files)
	}
}
