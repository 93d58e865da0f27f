package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// The ways to run the platform. Where something slow stands in for MongoDB, what
// is measured is that; so there is each way without MongoDB, too.
const (
	standalone     = "standalone"
	processes      = "processes"
	dapr           = "dapr"
	processesFiles = processes + onFiles
	daprFiles      = dapr + onFiles

	onFiles = "+sqlite"
)

// platform is one that the suite's binary runs for us.
type platform struct {
	way    string
	files  bool // events and notifications are in SQLite files
	client *http.Client
	admin  *account

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	at  struct {
		Addresses map[string]string `json:"addresses"`
		Processes map[string]int    `json:"processes"`
		Databases map[string]string `json:"databases"`
		Spare     string            `json:"spare"`
		Sandbox   string            `json:"sandbox"`
		Mail      string            `json:"mail"`
		Email     string            `json:"admin_email"`
		Password  string            `json:"admin_password"`
		Error     string            `json:"error"`
	}
}

// openPlatform starts a platform of the way, with its data in dir. env is for
// the suite's binary.
func openPlatform(ctx context.Context, suite, way, dir string, env ...string) (*platform, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	system, files := strings.CutSuffix(way, onFiles)
	if files {
		env = append(env, "E2E_SERVE_FILES=1")
	}
	p := &platform{way: way, client: newClient(), files: files || way == standalone}
	p.cmd = exec.CommandContext(ctx, suite)
	// Its folder is from where the suite finds dapr.yaml.
	p.cmd.Dir = filepath.Join(root, "services", "e2e")
	p.cmd.Env = append(append(os.Environ(), "E2E_SERVE="+dir, "E2E_SYSTEM="+system), env...)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	// When we are told to end, so is it: by the end of its input.
	p.cmd.Cancel = p.in.Close
	p.cmd.WaitDelay = time.Minute
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.tell("start"); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// tell has the platform started, or killed.
func (p *platform) tell(command string) error {
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		return err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the suite's binary has ended: %w", err)
	}
	if err := json.Unmarshal(line, &p.at); err != nil {
		return fmt.Errorf("the suite's binary says %q: %w", line, err)
	}
	if p.at.Error != "" {
		return errors.New(p.at.Error)
	}
	if command != "start" {
		return nil
	}
	p.client.CloseIdleConnections()
	p.admin = &account{email: p.at.Email, password: p.at.Password, address: nextAddress()}
	return p.login(p.admin)
}

func (p *platform) close() error {
	p.client.CloseIdleConnections()
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

func newClient() *http.Client {
	return &http.Client{
		Timeout: 45 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 1024, DisableCompression: true,
		},
	}
}

// account is a user, logged in.
type account struct{ id, email, password, token, address string }

var addresses atomic.Uint32

// nextAddress is where somebody comes from, and nobody else: nobody is
// throttled for what others do.
func nextAddress() string {
	n := addresses.Add(1)
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// code is the status, and the code of a refusal.
func (a *answer) code() string {
	if a.status < http.StatusBadRequest {
		return fmt.Sprint(a.status)
	}
	var problem struct{ Code string }
	_ = json.Unmarshal(a.body, &problem) // a body that is none has no code
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, problem.Code))
}

// send makes a request; body is JSON, or a form, or nil.
func (p *platform) send(method, to, path string, by *account, body any, headers ...string) (*answer, error) {
	return send(p.client, method, p.at.Addresses[to]+path, by, body, headers...)
}

func send(client *http.Client, method, at string, by *account, body any, headers ...string) (*answer, error) {
	var content io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case url.Values:
		content, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	case []byte:
		content, kind = bytes.NewReader(b), "application/json"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		content, kind = bytes.NewReader(text), "application/json"
	}
	req, err := http.NewRequestWithContext(context.Background(), method, at, content)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if by != nil {
		req.Header.Set("X-Forwarded-For", by.address)
		if by.token != "" {
			req.Header.Set("Authorization", "Bearer "+by.token)
		}
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it is read to its end
	a := &answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(res.Body)
	return a, err
}

var errUnavailable = errors.New("503 Service Unavailable")

// must makes a request that is to be answered with status, into out.
func (p *platform) must(status int, out any, method, to, path string, by *account, body any, headers ...string) error {
	a, err := p.send(method, to, path, by, body, headers...)
	if err != nil {
		return err
	}
	if a.status == http.StatusServiceUnavailable {
		return errUnavailable
	}
	if a.status != status {
		return fmt.Errorf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.body, out)
}

func (p *platform) login(a *account) error {
	var tokens struct {
		Access string `json:"access_token"`
	}
	err := p.must(http.StatusOK, &tokens, http.MethodPost, "user", "/token", &account{address: a.address},
		url.Values{"grant_type": {"password"}, "username": {a.email}, "password": {a.password}})
	a.token = tokens.Access
	return err
}

// crowd registers n users and logs them in. A password costs what it costs, so
// it is done before anything is measured.
func (p *platform) crowd(n int, role string) ([]*account, error) {
	all := make([]*account, n)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range all {
		id := uuid.NewString()
		a := &account{email: "user-" + id + "@bench.example", password: "secret of " + id[:8], address: nextAddress()}
		all[i] = a
		g.Go(func() error {
			var user struct{ ID string }
			if err := p.must(http.StatusCreated, &user, http.MethodPost, "user", "/users", a,
				map[string]any{"email": a.email, "password": a.password, "name": "Test " + id[:4], "role": role}); err != nil {
				return err
			}
			a.id = user.ID
			return p.login(a)
		})
	}
	return all, g.Wait()
}

// publish makes an event with so many tickets at 25 euro, whose description ends
// in these words, and returns its id.
func (p *platform) publish(organizer *account, capacity int, words ...string) (string, error) {
	starts := time.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
	var e struct{ ID string }
	err := p.must(http.StatusCreated, &e, http.MethodPost, "user", "/events", organizer, map[string]any{
		"title": "Ein Abend für Zoë – 夜", "description": strings.Join(append([]string{"Doors at seven."}, words...), " "), "category": "music",
		"venue":     map[string]string{"name": "Kleine Halle", "address": "Torstraße 1", "city": "Berlin", "country": "DE"},
		"starts_at": starts, "ends_at": starts.Add(2 * time.Hour), "time_zone": "Europe/Berlin",
		"ticket_types": []map[string]any{{
			"name": "Standing", "capacity": capacity, "price": map[string]any{"amount_minor": price, "currency": "EUR"},
		}},
	})
	return e.ID, err
}

const price = 2500
