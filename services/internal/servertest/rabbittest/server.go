package rabbittest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/container"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/outage"
)

const (
	startTimeout = 5 * time.Minute // pulling an image takes most of it

	user, password     = "boxoffice", "boxoffice"
	amqpPort, httpPort = 5672, 15672
)

// Server is a RabbitMQ server for tests.
type Server struct {
	machine    machine  // nil for a running server that is used as it is
	management *url.URL // with user and password
	addr       string   // host:port of AMQP, for tests
	version    string
	// container: Kill kills, and the virtual hosts go with the server.
	// disposable: for one test, which may leave it down.
	container, disposable bool
}

// machine is what a server runs on.
type machine interface {
	Addr() string
	Kill(ctx context.Context) error
	Stop(ctx context.Context) error
	Start(ctx context.Context) error
	Close(ctx context.Context) error
	Logs(ctx context.Context) string
}

// run starts a server in a container. Only a disposable one is there to be
// killed, and keeps its files on disk.
func run(ctx context.Context, disposable bool) (*Server, error) {
	spec := container.Spec{
		Image: image(), Port: amqpPort, Also: []int{httpPort},
		Env: map[string]string{
			"RABBITMQ_DEFAULT_USER": user, "RABBITMQ_DEFAULT_PASS": password,
			// Erlang's schedulers would spin while there is nothing to do.
			"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
		},
	}
	if !disposable {
		spec.InMemory = "/var/lib/rabbitmq"
	}
	c, err := container.Run(ctx, spec)
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, fmt.Sprintf("http://%s:%s@%s#%s", user, password, c.AddrOf(httpPort), c.Addr()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, c.Logs(context.Background())), c.Close(context.Background()))
	}
	s.machine, s.container, s.disposable = c, true, disposable
	s.nameStandIn()
	return s, nil
}

// inherit uses the container of another process of the tests.
func inherit(ctx context.Context, management string) (*Server, error) {
	s, err := attach(ctx, management)
	if err != nil {
		return nil, err
	}
	s.nameStandIn()
	return s, nil
}

func image() string { return cmp.Or(os.Getenv("TEST_RABBITMQ_IMAGE"), defaultImage) }

func (s *Server) nameStandIn() {
	if strings.Contains(image(), "stand-in") {
		s.version += " stand-in"
	}
}

// attach uses a running server. Its port for AMQP it asks for, unless the URL
// says it in its fragment: what a server knows of itself is not what leads to a
// container.
func attach(ctx context.Context, management string) (*Server, error) {
	u, err := url.Parse(management)
	if err != nil || u.Host == "" || u.User == nil {
		return nil, errors.New("the URL of the management API is not http://user:password@host:port") // err quotes it
	}
	s := &Server{management: u, addr: u.Fragment}
	return s, s.until(ctx, func() error {
		var overview struct {
			Version   string `json:"rabbitmq_version"`
			Listeners []struct {
				Protocol string
				Port     int
			}
		}
		if err := s.call(ctx, http.MethodGet, []string{"overview"}, nil, &overview); err != nil {
			return err
		}
		s.version = "RabbitMQ " + overview.Version
		for _, l := range overview.Listeners {
			if l.Protocol == "amqp" && s.addr == "" {
				s.addr = net.JoinHostPort(u.Hostname(), strconv.Itoa(l.Port))
			}
		}
		if s.addr == "" {
			return errors.New("the server does not listen for AMQP")
		}
		return s.greets(ctx)
	})
}

// cutOff uses a running server through a proxy.
func cutOff(ctx context.Context, management string) (*Server, error) {
	s, err := attach(ctx, management)
	if err != nil {
		return nil, err
	}
	p, err := outage.New(s.addr)
	if err != nil {
		return nil, err
	}
	s.machine, s.addr = p, p.Addr()
	return s, nil
}

// Kill ends the server's processes at once, as kill -9 does; its files stay.
func (s *Server) Kill(ctx context.Context) error { return s.machine.Kill(ctx) }

// Restart stops the server in good order and starts it again. A server notes the
// names of new quorum queues for good only every few minutes, or when it stops:
// one that was declared a moment before a kill may never find its leader again.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.machine.Stop(ctx); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Start starts a killed server on the same files and ports, and returns when it
// answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.machine.Start(ctx); err != nil {
		return err
	}
	if err := s.wait(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, s.machine.Logs(context.Background()))
	}
	return nil
}

// Kills says whether Kill ends the server's processes: it does not where
// TEST_RABBITMQ_URL names the server.
func (s *Server) Kills() bool { return s.container }

// wait returns when the server speaks AMQP and its management API answers, or
// ctx ends.
func (s *Server) wait(ctx context.Context) error {
	return s.until(ctx, func() error {
		if err := s.call(ctx, http.MethodGet, []string{"overview"}, nil, nil); err != nil {
			return err
		}
		return s.greets(ctx)
	})
}

// greets says whether the server answers the first line of AMQP. That it
// accepts a connection says nothing: the engine's proxy does so for it.
func (s *Server) greets(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if _, err := io.WriteString(conn, "AMQP\x00\x00\x09\x01"); err != nil {
		return err
	}
	start := make([]byte, 1)
	if _, err := io.ReadFull(conn, start); err != nil {
		return err
	}
	if start[0] != 1 { // a method, connection.start
		return fmt.Errorf("the server greets with %#x", start)
	}
	return nil
}

// until tries until there is no error, or ctx ends.
func (s *Server) until(ctx context.Context, try func() error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-tick.C:
		}
	}
}

// call asks the management API.
func (s *Server) call(ctx context.Context, method string, path []string, in, out any) error {
	u := *s.management
	u.User, u.Fragment = nil, ""
	target := u.String() + "/api"
	for _, segment := range path {
		target += "/" + url.PathEscape(segment)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if in == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	name := s.management.User.Username()
	pass, _ := s.management.User.Password()
	req.SetBasicAuth(name, pass)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode >= 300:
		return fmt.Errorf("%s /%s: %s %s", method, strings.Join(path, "/"), res.Status, answer)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer, out)
}

// Answers says whether the server speaks AMQP now.
func (s *Server) Answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return s.greets(ctx) == nil
}
