package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/container"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/outage"
)

const (
	startTimeout = 5 * time.Minute // pulling an image takes most of it
	password     = "boxoffice"
)

// Server is a PostgreSQL server for tests.
type Server struct {
	machine machine // nil for a running server that is used as it is
	direct  string  // DSN, past the proxy of cutOff
	addr    string  // host:port that tests use; empty is direct's
	version string
	// container: Kill kills, and the databases go with the server.
	// disposable: for one test, which may leave it down.
	// inMemory: its files are.
	container, disposable, inMemory bool
	databases
}

// machine is what a server runs on.
type machine interface {
	Addr() string
	Kill(ctx context.Context) error
	Start(ctx context.Context) error
	Close(ctx context.Context) error
	Logs(ctx context.Context) string
}

// run starts a server in a container. Only a disposable one is there to be
// killed, and keeps its files on disk.
func run(ctx context.Context, disposable bool) (*Server, error) {
	spec := container.Spec{
		Image: image(),
		Port:  5432,
		Env:   map[string]string{"POSTGRES_USER": "boxoffice", "POSTGRES_PASSWORD": password, "POSTGRES_DB": "boxoffice"},
		// Tests run beside each other, each with a pool or two.
		Cmd: []string{"postgres", "-c", "max_connections=400", "-c", "max_wal_size=256MB"},
	}
	if !disposable {
		spec.InMemory = "/run/pgtest"
		spec.Env["PGDATA"] = spec.InMemory + "/data"
	}
	c, err := container.Run(ctx, spec)
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, fmt.Sprintf("postgres://boxoffice:%s@%s/boxoffice?sslmode=disable", password, c.Addr()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, c.Logs(context.Background())), c.Close(context.Background()))
	}
	s.machine, s.container, s.disposable, s.inMemory = c, true, disposable, !disposable
	s.nameStandIn()
	return s, nil
}

// inherit uses the container of another process of the tests.
func inherit(ctx context.Context, dsn string) (*Server, error) {
	s, err := attach(ctx, dsn)
	if err != nil {
		return nil, err
	}
	s.inMemory = true
	s.nameStandIn()
	return s, nil
}

func image() string { return cmp.Or(os.Getenv("TEST_POSTGRES_IMAGE"), defaultImage) }

func (s *Server) nameStandIn() {
	if strings.Contains(image(), "stand-in") {
		s.version += " stand-in"
	}
}

// attach uses a running server.
func attach(ctx context.Context, dsn string) (*Server, error) {
	s := &Server{direct: dsn}
	s.templates = map[uintptr]func() (string, error){}
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	err := s.do(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `select 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)`).Scan(&s.version)
	})
	return s, err
}

// cutOff uses a running server through a proxy.
func cutOff(ctx context.Context, dsn string) (*Server, error) {
	s, err := attach(ctx, dsn)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	p, err := outage.New(net.JoinHostPort(config.Host, fmt.Sprint(config.Port)))
	if err != nil {
		return nil, err
	}
	s.machine, s.addr = p, p.Addr()
	return s, nil
}

// Kill ends the server's processes at once, as kill -9 does; its files stay.
func (s *Server) Kill(ctx context.Context) error { return s.machine.Kill(ctx) }

// Start starts a killed server on the same files and port, and returns when it
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
// TEST_POSTGRES_DSN names the server.
func (s *Server) Kills() bool { return s.container }

// wait returns when the server answers a query, or ctx ends.
func (s *Server) wait(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.do(ctx, func(conn *pgx.Conn) error { return conn.Ping(ctx) })
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

// do connects as the one who may create databases.
func (s *Server) do(ctx context.Context, f func(conn *pgx.Conn) error) error {
	return connect(ctx, s.direct, f)
}

func connect(ctx context.Context, dsn string, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	return f(conn)
}

// dsn is of another database of the server, at addr if that is not empty.
func dsn(base, addr, database string) (string, error) {
	if !strings.Contains(base, "://") { // key=value pairs; the last one counts
		base += " dbname=" + database
		if host, port, err := net.SplitHostPort(addr); err == nil {
			base += " host=" + host + " port=" + port
		}
		return base, nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the DSN is not a URL") // err quotes it, with its password
	}
	u.Path = "/" + database
	if addr != "" {
		u.Host = addr
	}
	return u.String(), nil
}
