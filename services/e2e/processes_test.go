//go:build integration

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/freeport"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// This file is how the platform runs as four processes, on PostgreSQL and
// MongoDB: all that the suite knows of that.

var buildProcesses = sync.OnceValue(func() error {
	var commands []string
	for _, s := range services {
		commands = append(commands, fmt.Sprintf("github.com/openboxoffice/boxoffice/services/%[1]s/cmd/%[1]s", s))
	}
	return goBuild(workDir, commands...)
})

var processesWay = way{
	build: buildProcesses,
	new: func(t testing.TB, dir string, o options) system {
		return newProcesses(t, dir, setup{options: o})
	},
	// The stand-in for MongoDB takes one request at a time, and its documents
	// are slow to read.
	pace: 500 * time.Millisecond,
	rush: 2 * time.Second,
}

// setup is what tests vary of four processes.
type setup struct {
	options
	// databases are the URLs of those of which the test has its own.
	databases map[service]string
	// replicas says how many processes a service has, if not one.
	replicas map[service]int
	// env is more for each process, and envOf for those of one service.
	env   []string
	envOf map[service][]string
	// sidecars says that each process has one, on this RabbitMQ if there is one.
	sidecars bool
	rabbitmq string
	// wire, if any, is between the event service and its sidecar.
	wire *wire
}

// manyProcesses is the platform as four processes, or more.
type manyProcesses struct {
	setup
	dir  string
	all  []*replica
	keys *authtest.Services // by which the services know each other
	// ticketKey and linkKey are booking's, the same before and after a restart.
	ticketKey, linkKey string
	// entry is where a service is found: by its only process's address, or
	// by a balancer's.
	entry     map[service]string
	balancers map[service]*balancer
	dapr      *runFile // how the sidecars are run, if they are
	started   bool     // it has been ready once
}

var _ system = (*manyProcesses)(nil)

// replica is one process of a service.
type replica struct {
	program
	of      service
	addr    string
	sidecar *sidecar // nil where there is none
}

func (r *replica) url(path string) string { return "http://" + r.addr + path }

// newDatabase gives a service the kind of database that it uses.
func newDatabase(t testing.TB, of service) string {
	t.Helper()
	if of == gateway || of == bookings {
		return pgtest.New(t, nil)
	}
	return mongotest.Apart(t)
}

func newProcesses(t testing.TB, dir string, o setup) *manyProcesses {
	t.Helper()
	if err := buildProcesses(); err != nil {
		t.Fatal(err)
	}
	s := &manyProcesses{
		setup: o, dir: dir, entry: map[service]string{}, balancers: map[service]*balancer{},
		keys: authtest.New(t), ticketKey: config.NewSecret(), linkKey: config.NewSecret(),
	}
	if o.sidecars {
		s.dapr = readRun(t, dir, o.rabbitmq)
	}
	s.databases = map[service]string{}
	for _, of := range services {
		if s.databases[of] = o.databases[of]; s.databases[of] == "" {
			s.databases[of] = newDatabase(t, of)
		}
		for i := range max(1, o.replicas[of]) {
			r := &replica{of: of}
			r.path = filepath.Join(workDir, string(of))
			r.output = filepath.Join(dir, fmt.Sprintf("%s-%d.log", of, i+1))
			if s.dapr != nil {
				r.sidecar = s.dapr.sidecar(of, strings.TrimSuffix(r.output, ".log")+".daprd.log")
			}
			s.all = append(s.all, r)
		}
		if o.replicas[of] > 1 {
			s.balancers[of] = newBalancer(t)
		}
	}
	s.settle()
	return s
}

// settle gives each process a port that is free at this moment, which it keeps,
// and its environment: each has to know where the others will be.
func (s *manyProcesses) settle() {
	of := map[service][]string{}
	for _, r := range s.all {
		r.addr = freeport.Address()
		if r.sidecar != nil {
			app := r.addr
			if s.wire != nil && r.of == events {
				s.wire.proxy.Upstream, app = r.addr, s.wire.proxy.Listen
			}
			r.sidecar.settle(app)
		}
		of[r.of] = append(of[r.of], r.addr)
	}
	for name, addresses := range of {
		s.entry[name] = addresses[0]
		if b := s.balancers[name]; b != nil {
			s.entry[name] = b.serve(addresses)
		}
	}
	for _, r := range s.all {
		r.env = slices.Concat(s.environment(r), s.env, s.envOf[r.of])
		if s.racyInventory && r.of == events {
			r.path, r.env = os.Args[0], append(r.env, racyEnv+"="+string(events))
		}
	}
}

// environment is what a process is told: no more than is its business.
func (s *manyProcesses) environment(r *replica) []string {
	env := []string{
		strings.ToUpper(string(r.of)) + "_ADDR=" + r.addr,
		databaseVariable(r.of) + "=" + s.databases[r.of],
		"START_TIMEOUT=" + patience.String(), // on a busy machine a new connection takes its time
	}
	add := func(variable, value string) { env = append(env, variable+"="+value) }
	know := func(others ...service) {
		if s.dapr != nil { // the sidecar knows them
			return
		}
		for _, of := range others {
			add(strings.ToUpper(string(of))+"_URL", "http://"+s.entry[of])
		}
	}
	switch {
	case s.dapr != nil:
		env = append(env, r.sidecar.appEnvironment()...)
	case r.of != gateway:
		add("JWKS_URL", "http://"+s.entry[gateway]+"/.well-known/jwks.json")
	}
	add("SERVICE_KEYS", strings.Join(s.keys.Public, ","))
	add(strings.ToUpper(string(r.of))+"_SERVICE_KEY", s.keys.Private(string(r.of)))
	switch r.of {
	case gateway:
		know(events, bookings, notifications)
		add("ADMIN_EMAIL", adminEmail)
		add("ADMIN_PASSWORD", adminPassword)
		if !s.noProxies {
			add("TRUSTED_PROXIES", "127.0.0.1/32")
		}
	case events:
		know(bookings)
		add("SMTP_URL", s.smtpURL)
	case bookings:
		know(events, notifications)
		add("SANDBOX_DB", filepath.Join(s.dir, "sandbox.db"))
		add("TICKET_KEY", s.ticketKey)
		add("LINK_KEY", s.linkKey)
		env = append(env, s.payments()...)
	case notifications:
		know(gateway, bookings)
		add("SMTP_URL", s.smtpURL)
		add("MAIL_DIR", filepath.Join(s.dir, "mail"))
	}
	return env
}

// databaseVariable is the variable that names a service's database.
func databaseVariable(of service) string {
	if of == gateway || of == bookings {
		return strings.ToUpper(string(of)) + "_POSTGRES_URL"
	}
	return strings.ToUpper(string(of)) + "_MONGO_URL"
}

// of returns the processes of a service.
func (s *manyProcesses) of(name service) (found []*replica) {
	for _, r := range s.all {
		if r.of == name {
			found = append(found, r)
		}
	}
	return found
}

func (s *manyProcesses) start() error {
	for _, r := range s.all {
		if err := r.start(); err != nil {
			return err
		}
	}
	for _, r := range s.all {
		if r.sidecar == nil {
			continue
		}
		if err := r.sidecar.begin(); err != nil {
			return err
		}
	}
	return nil
}

// programs are all that run: the services and their sidecars.
func (s *manyProcesses) programs() (all []*program) {
	for _, r := range s.all {
		all = append(all, &r.program)
		if r.sidecar != nil {
			all = append(all, &r.sidecar.program)
		}
	}
	return all
}

// ready waits until every process listens. Should somebody have taken a port
// since it was looked at, other ports are taken, for as long as nobody has been
// told of these. Sidecars that do not find each other at first are started again
// twice, as a supervisor would, and it is said.
func (s *manyProcesses) ready() (map[service]string, error) {
	err := s.listening()
	again := func(try int) bool {
		taken := strings.Contains(err.Error(), syscall.EADDRINUSE.Error())
		return !s.started && (try < 5 && taken || try < 2 && s.dapr != nil)
	}
	for try := 0; err != nil && again(try); try++ {
		fmt.Fprintf(os.Stderr, "the platform is started again: %.500v\n", err)
		s.kill()
		s.settle()
		if err = s.start(); err == nil {
			err = s.listening()
		}
	}
	if err != nil {
		return nil, err
	}
	s.started = true
	at := map[service]string{}
	for name, address := range s.entry {
		at[name] = "http://" + address
	}
	return at, nil
}

// listening waits until every process does. The minute is against hanging.
func (s *manyProcesses) listening() error {
	for _, r := range s.all {
		if err := r.listening(); err != nil {
			return err
		}
	}
	return s.meshed()
}

func (r *replica) listening() error {
	err := poll(patience, func() error {
		if err := r.ended(); err != nil {
			return final{err}
		}
		c, err := net.Dial("tcp", r.addr)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(r.output), err)
	}
	return nil
}

func (s *manyProcesses) kill() {
	all := s.programs()
	for _, p := range all {
		if p.cmd != nil {
			_ = p.cmd.Process.Kill()
		}
	}
	for _, p := range all {
		p.kill()
	}
}

// stop tells all services at once, as a supervisor does, which keeps their
// sidecars for as long as they run.
func (s *manyProcesses) stop() error {
	errs := make([]error, len(s.all))
	var wg sync.WaitGroup
	for i, r := range s.all {
		wg.Go(func() {
			if err := r.stop(); err != nil {
				errs[i] = fmt.Errorf("%s: %w", r.of, err)
			}
		})
	}
	wg.Wait()
	for _, r := range s.all {
		if r.sidecar != nil {
			r.sidecar.kill()
		}
	}
	return errors.Join(errs...)
}

func (s *manyProcesses) ticketSecret() (string, error) { return s.ticketKey, nil }

func (s *manyProcesses) mails() ([]mail, error) { return mailsIn(filepath.Join(s.dir, "mail")) }

// logs are those of all processes, in the order of their times.
func (s *manyProcesses) logs() (string, error) {
	type line struct{ time, text string }
	var lines []line
	for _, r := range s.all {
		last := ""
		for text := range strings.Lines(r.said()) {
			if strings.HasPrefix(text, `{"time":"`) {
				last, _, _ = strings.Cut(text, ",")
			}
			lines = append(lines, line{last, text})
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.time, b.time) })
	var all strings.Builder
	for _, l := range lines {
		all.WriteString(l.text)
	}
	for _, r := range s.all {
		if r.sidecar != nil {
			all.WriteString(r.sidecar.complaints())
		}
	}
	return all.String(), nil
}

// balancer passes requests on to the processes of a service in turn, and past
// those that do not listen.
type balancer struct {
	server http.Server
	listen net.Listener

	mu     sync.Mutex
	behind []string
	next   atomic.Uint64
}

func newBalancer(t testing.TB) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listen: l}
	b.server.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", l.Addr().String(), r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
		},
		Transport: &http.Transport{DialContext: b.dial, DisableKeepAlives: true}, // a choice for each request
		// Whom a process leaves without an answer has none from here either.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	go func() { _ = b.server.Serve(l) }()
	t.Cleanup(func() { _ = b.server.Close() })
	return b
}

// serve says who is behind it, and returns where it is.
func (b *balancer) serve(behind []string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behind = behind
	return b.listen.Addr().String()
}

func (b *balancer) dial(ctx context.Context, network, _ string) (c net.Conn, err error) {
	b.mu.Lock()
	behind := b.behind
	b.mu.Unlock()
	for range behind {
		at := behind[b.next.Add(1)%uint64(len(behind))]
		if c, err = new(net.Dialer).DialContext(ctx, network, at); err == nil {
			return c, nil
		}
	}
	return nil, err
}
