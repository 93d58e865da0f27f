// Package wiring is what the app packages of the services have in common: what a
// service opens, how it hears and tells, its workers, and the end of all that.
package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Options are what every service is told.
type Options struct {
	Name string // "booking"
	Addr string // where it listens
	config.Reach
	// Public says that other machines can reach the platform. Addr, Reach and Sidecar
	// may say so, too.
	Public bool
	// ServiceKey is the service's own private key, and ServiceKeys the public ones,
	// those of Peers among them.
	ServiceKey  string
	ServiceKeys []string
	Peers       []string
	Sidecar     sidecar.Config
	// Transport is the way to the other services where there is no sidecar; nil is
	// over the network.
	Transport http.RoundTripper
	Log       *slog.Logger
}

// App is a service: first while it is put together, then ready to run.
type App struct {
	Log  *slog.Logger
	Key  *auth.ServiceKey  // its own
	Keys *auth.ServiceKeys // the public ones
	Way  *sidecar.Way
	// Private says that nobody but this machine reaches the service.
	Private bool

	o       Options
	checks  map[string]func(context.Context) error
	mux     *chi.Mux
	workers []func(context.Context) error
	closers []func() error
}

// Open checks o, and opens the way to the other services. It connects to nothing.
func (a *App) Open(o Options) (err error) {
	a.o, a.Log, a.checks = o, o.Log, map[string]func(context.Context) error{}
	a.Private = o.Private(o.Addr, o.Sidecar.There()) && !o.Public
	if a.Key, a.Keys, err = auth.OpenServiceKeys(o.Name, o.ServiceKey, o.ServiceKeys, o.Peers...); err != nil {
		return err
	}
	if _, err := o.Proxies(); err != nil {
		return err
	}
	if !a.Private {
		if err := errors.Join(a.Keys.RefuseExamples(), o.Sidecar.RefuseExamples()); err != nil {
			return err
		}
	}
	a.Way, err = sidecar.Open(o.Sidecar, o.Transport, o.Log)
	return err
}

// Undo closes what was opened before *err, and adds the service's name to it. It
// is for a deferred call.
func (a *App) Undo(name string, err *error) {
	if *err != nil {
		*err = errors.Join(fmt.Errorf("%s: %w", name, *err), a.Close())
	}
}

// Opened takes over db, whose check is called what. exclusive says that no other
// process works on it.
func (a *App) Opened(ctx context.Context, what string, db storage.Opened, exclusive bool) error {
	a.closers = append(a.closers, db.Close)
	a.checks[what] = db.Ping
	if db.Run != nil {
		a.Keeps("keeping the file", func(ctx context.Context) error { return db.Run(ctx, a.Log) })
	}
	if exclusive && db.EndLeases != nil {
		return db.EndLeases(ctx, time.Now())
	}
	return nil
}

// Keeps adds work for Run. Where it panics it is called again.
func (a *App) Keeps(what string, work func(context.Context) error) {
	a.Works(func(ctx context.Context) error { return worker.Keep(ctx, a.Log, what, work) })
}

// Works adds work for Run that recovers its panics itself.
func (a *App) Works(work func(context.Context) error) { a.workers = append(a.workers, work) }

// API begins the service's API, when all is Opened.
func (a *App) API(title, description string) (*chi.Mux, huma.API) {
	a.mux = httpkit.NewRouter(a.Log)
	httpkit.Health(a.mux, a.Way.Checks(a.checks))
	return a.mux, httpkit.NewAPI(a.mux, title, description)
}

// Pages has the service answer by pages, for one that has no API.
func (a *App) Pages(pages http.Handler) {
	a.mux = chi.NewMux()
	httpkit.Health(a.mux, a.Way.Checks(a.checks))
	a.mux.Mount("/", pages)
}

// Guard returns one that verifies tokens by the user service's keys at jwksURL,
// and those of services.
func (a *App) Guard(jwksURL string) (*auth.Guard, error) {
	users, err := a.Way.Verifier(jwksURL, a.Log)
	if err != nil {
		return nil, err
	}
	return &auth.Guard{Verify: users.Verify, VerifyService: a.Keys.Verifier(a.o.Name)}, nil
}

// Handler answers the service's requests.
func (a *App) Handler() http.Handler { return a.mux }

// Run does the service's work in the background until ctx ends and every worker
// has stopped.
func (a *App) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, work := range a.workers {
		g.Go(func() error { return work(ctx) })
	}
	return g.Wait()
}

// Close closes what was opened. Run must have returned, and no request be open.
func (a *App) Close() error {
	var errs []error
	for _, closer := range slices.Backward(a.closers) {
		errs = append(errs, closer())
	}
	a.closers = nil
	return errors.Join(errs...)
}
