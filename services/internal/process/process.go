// Package process is the main of a service that runs as a process of its own:
// it reads the environment, waits for what the service needs, serves, and
// stops without cutting a request or a step of work in two.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/caarlos0/env/v11"
	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/log"
	"github.com/openboxoffice/boxoffice/services/internal/profile"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// App is what every service's app package makes.
type App interface {
	// Handler answers the service's requests.
	Handler() http.Handler
	// Run does its work in the background until ctx ends.
	Run(ctx context.Context) error
	// Close closes its databases. Run has returned, and no request is open.
	Close() error
}

// Service is one service as a process. C is its configuration, read from the
// environment.
type Service[C any] struct {
	Name string // "booking"
	// Addr is the address to listen on, host:port, and the variable that says it.
	Addr func(C) (addr, variable string)
	// Open builds the service. While it fails with storage.ErrUnavailable it is
	// called again, until START_TIMEOUT has passed.
	Open func(ctx context.Context, cfg C, log *slog.Logger) (App, error)
	// Migrate prepares the service's database and nothing else; nil if it has none. It
	// is called again like Open.
	Migrate func(ctx context.Context, cfg C) error
	// Commands are what else the service's command does, by name.
	Commands map[string]Command[C]
}

// Command does one thing and ends.
type Command[C any] struct {
	Help string // what it does, in a few words
	// Do writes what a person wants to read to out. It is called again like
	// Open.
	Do func(ctx context.Context, cfg C, log *slog.Logger, out io.Writer) error
}

// settings are the variables that every process has.
type settings struct {
	// StartTimeout is for how long a start waits for its database.
	StartTimeout time.Duration `env:"START_TIMEOUT" envDefault:"60s"`
	// LogFile is a file to which the log is written too.
	LogFile string `env:"LOG_FILE"`
	// Profile says where the process can be profiled, if anywhere.
	Profile profile.Config
}

// Main is the service's command. It never returns.
func Main[C any](s Service[C]) {
	os.Exit(s.main(os.Args[1:], env.ToMap(os.Environ()), os.Stdout, os.Stderr))
}

func (s Service[C]) main(args []string, environment map[string]string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once: everything is durable.
	context.AfterFunc(ctx, stop)

	do := map[string]func(context.Context, *starting[C]) error{
		"": s.run, "migrate": s.migrate, "healthcheck": s.healthcheck,
	}[strings.Join(args, " ")]
	if s.Migrate == nil && strings.Join(args, " ") == "migrate" {
		do = nil
	}
	logs := stdout
	if c, ok := s.Commands[strings.Join(args, " ")]; ok {
		logs = stderr // out is for what was asked
		do = func(ctx context.Context, st *starting[C]) error {
			return st.await(ctx, func(ctx context.Context) error { return c.Do(ctx, st.service, st.log, stdout) })
		}
	}
	if do == nil {
		_, _ = fmt.Fprintf(stderr, "usage: %[1]s              run the service\n"+
			"       %[1]s healthcheck  ask the service that runs here whether it is ready\n", s.Name)
		if s.Migrate != nil {
			_, _ = fmt.Fprintf(stderr, "       %s migrate      prepare its database, and end\n", s.Name)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Commands)) {
			_, _ = fmt.Fprintf(stderr, "       %s %-12s %s\n", s.Name, name, s.Commands[name].Help)
		}
		_, _ = fmt.Fprint(stderr, "\nConfiguration is by environment variables; see the README.\n")
		return 2
	}
	if err := s.prepared(ctx, environment, logs, do); err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", s.Name, err)
		return 1
	}
	return 0
}

// starting is what is known once the environment has been read.
type starting[C any] struct {
	settings
	service C
	log     *slog.Logger
}

func (s Service[C]) prepared(ctx context.Context, environment map[string]string, stdout io.Writer, do func(context.Context, *starting[C]) error) error {
	var st starting[C]
	var errs [2]error
	st.settings, errs[0] = config.Parse[settings](environment)
	st.service, errs[1] = config.Parse[C](environment)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	if st.LogFile != "" {
		f, err := os.OpenFile(st.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("LOG_FILE: %w", err)
		}
		defer func() { _ = f.Close() }() // each line is written whole at once
		stdout = io.MultiWriter(stdout, f)
	}
	st.log = log.New(s.Name, stdout)
	return do(ctx, &st)
}

// await calls open until it does not fail for want of the database.
func (st *starting[C]) await(ctx context.Context, open func(context.Context) error) error {
	began := time.Now()
	pauses := retry.Pauses{First: 250 * time.Millisecond, Limit: 5 * time.Second}
	err := pauses.Do(ctx, retry.Limits{Within: st.StartTimeout}, func(ctx context.Context) error {
		err := open(ctx)
		if errors.Is(err, storage.ErrUnavailable) {
			st.log.WarnContext(ctx, "waiting for the database", "for", time.Since(began).Round(time.Millisecond).String(), "error", err)
			return retry.Again(err)
		}
		return err
	})
	if errors.Is(err, storage.ErrUnavailable) {
		return fmt.Errorf("the database was not there within START_TIMEOUT=%s: %w", st.StartTimeout, err)
	}
	return err
}

func (s Service[C]) migrate(ctx context.Context, st *starting[C]) error {
	err := st.await(ctx, func(ctx context.Context) error { return s.Migrate(ctx, st.service) })
	if err == nil {
		st.log.InfoContext(ctx, "the database is up to date")
	}
	return err
}

func (s Service[C]) run(ctx context.Context, st *starting[C]) error {
	stopProfile, err := profile.Start(ctx, st.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	var app App
	err = st.await(ctx, func(ctx context.Context) (err error) {
		app, err = s.Open(ctx, st.service, st.log)
		return err
	})
	if ctx.Err() != nil { // told to stop before it had started
		if app != nil {
			return app.Close()
		}
		return nil
	}
	if err != nil {
		return err
	}
	addr, variable := s.Addr(st.service)
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", variable, err), app.Close())
	}
	st.log.InfoContext(ctx, "ready", "address", ln.Addr().String())
	err = serve(ctx, ln, app, st.log)
	st.log.InfoContext(ctx, "stopped")
	return err
}

// serve serves and works until ctx ends or one of both fails. Work goes on
// until the last request has its answer: it may wait for it.
func serve(ctx context.Context, ln net.Listener, app App, log *slog.Logger) error {
	requests, stopRequests := context.WithCancel(ctx)
	defer stopRequests()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	var g errgroup.Group
	g.Go(func() error {
		defer stopWork()
		return httpkit.Serve(requests, ln, app.Handler(), log)
	})
	g.Go(func() error {
		defer stopRequests()
		return app.Run(work)
	})
	return errors.Join(g.Wait(), app.Close())
}
