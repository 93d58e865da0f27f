package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// This file is how the platform runs as one process: all that the suite knows
// of standalone.

const command = "github.com/openboxoffice/boxoffice/services/standalone/cmd/boxoffice"

// workDir holds the binary, built once for the run of the suite, and the data of
// the shared platform.
var workDir string

func binary() string { return filepath.Join(workDir, "boxoffice") }

// sharedSystem is what tests run on together.
func sharedSystem() (system, error) {
	dir := filepath.Join(workDir, "shared")
	return newStandalone(dir, options{}), os.Mkdir(dir, 0o700)
}

func build() (err error) {
	if workDir, err = os.MkdirTemp("", "boxoffice-e2e-"); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-o", binary(), command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("build the platform: %w\n%s", err, out), os.RemoveAll(workDir))
	}
	return nil
}

// oneProcess is the platform in one process.
type oneProcess struct {
	program string
	dir     string // DATA_DIR
	env     []string

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
	err    error         // how, once it has
}

var _ system = (*oneProcess)(nil)

func newStandalone(dir string, o options) *oneProcess {
	s := &oneProcess{program: binary(), dir: dir, env: []string{
		"DATA_DIR=" + dir, "SAMPLE_DATA=false",
		"USER_ADDR=127.0.0.1:0", "EVENT_ADDR=127.0.0.1:0", "BOOKING_ADDR=127.0.0.1:0", "NOTIFICATION_ADDR=127.0.0.1:0",
		"ADMIN_EMAIL=" + adminEmail, "ADMIN_PASSWORD=" + adminPassword,
		"SMTP_URL=" + o.smtpURL,
	}}
	if !o.noProxies {
		s.env = append(s.env, "TRUSTED_PROXIES=127.0.0.1/32")
	}
	if o.racyInventory {
		s.program, s.env = os.Args[0], append(s.env, racyEnv+"=1")
	}
	return s
}

func (s *oneProcess) start() error {
	// The log goes on over restarts.
	out, err := os.OpenFile(s.outputFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // the process has its own
	cmd := exec.Command(s.program)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, out, out
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	s.cmd, s.exited, s.err = cmd, exited, nil
	go func() {
		s.err = cmd.Wait()
		close(exited)
	}()
	return nil
}

func (s *oneProcess) outputFile() string { return filepath.Join(s.dir, "output.txt") }

func (s *oneProcess) ready() (map[service]string, error) {
	var at struct {
		PID          int    `json:"pid"`
		User         string `json:"user"`
		Event        string `json:"event"`
		Booking      string `json:"booking"`
		Notification string `json:"notification"`
	}
	err := poll(60*time.Second, func() error {
		select {
		case <-s.exited:
			out, _ := os.ReadFile(s.outputFile())
			return final{fmt.Errorf("it ended at once (%w): %s", s.err, out)}
		default:
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

func (s *oneProcess) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.exited
}

func (s *oneProcess) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return s.err
	case <-time.After(60 * time.Second):
		s.kill()
		return errors.New("it does not end within a minute of SIGTERM")
	}
}

func (s *oneProcess) mails() ([]mail, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "mail", "*.eml"))
	if err != nil {
		return nil, err
	}
	mails := make([]mail, 0, len(names))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m, err := parseMail(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		mails = append(mails, m)
	}
	return mails, nil
}

func (s *oneProcess) logs() (string, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "logs", "*.log"))
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, name := range append(names, s.outputFile()) {
		b, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		all.Write(b)
	}
	return all.String(), nil
}
