// Package app wires the event service: configuration and adapters in, handler
// and workers out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
	_ "time/tzdata" // time zones are the same on every machine

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Config is the event service's environment.
type Config struct {
	// DBPath is the SQLite file of the events.
	DBPath string `env:"EVENT_DB,required"`
	// JWKSURL is the user service's key set.
	JWKSURL string `env:"JWKS_URL,required"`
	// ServiceTokens are the secrets of the services that may call this one,
	// by their names: "booking:secret".
	ServiceTokens map[string]string `env:"SERVICE_TOKENS,required"`
}

// Deps is what the process gives the service.
type Deps struct {
	Log        *slog.Logger
	Subscriber broker.Subscriber

	// Inventory, where a test sets it, replaces the inventory by one made of
	// it: a control run needs one that oversells.
	Inventory func(event.Store, event.Inventory) event.Inventory
}

// App is the service, ready to run.
type App struct {
	db      *sqlitedb.DB
	inbox   *inboxsqlite.Store
	service *event.Service
	handler http.Handler
	log     *slog.Logger
}

// New opens the database, builds the service and subscribes to the bookings.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{log: deps.Log}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("event: %w", err), a.Close())
		}
	}()
	if a.db, err = sqlitedb.Open(ctx, cfg.DBPath, sqlite.Migrations()); err != nil {
		return nil, err
	}
	a.inbox = inboxsqlite.New(a.db)
	store := sqlite.New(a.db)
	var inventory event.Inventory = store
	if deps.Inventory != nil {
		inventory = deps.Inventory(store, store)
	}
	if a.service, err = event.New(event.Options{Store: store, Inventory: inventory}); err != nil {
		return nil, err
	}
	bookings := messaging.Bookings(a.service)
	if err := deps.Subscriber.Subscribe(broker.Subscription{
		Topic: events.TopicBookings, Consumer: messaging.Consumer, Handle: bookings,
		DeadLetter: inbox.DeadLetterFunc(a.inbox, events.TopicBookings, time.Now),
	}); err != nil {
		return nil, err
	}

	mux := httpkit.NewRouter(deps.Log)
	httpkit.Health(mux, map[string]func(context.Context) error{"database": a.db.Ping})
	guard := &auth.Guard{
		Verify:   auth.NewVerifier(cfg.JWKSURL, deps.Log).Verify,
		Services: cfg.ServiceTokens,
	}
	api := httpkit.NewAPI(mux, "Boxoffice event", "Find events, publish them, and see what is left.")
	rest.Register(api, a.service, guard)
	inboxrest.Register(api, guard, inboxrest.Options{
		Store: a.inbox, Handlers: map[string]broker.Handler{events.TopicBookings: bookings},
		Callers: []string{"booking"}, Log: deps.Log,
	})
	a.handler = mux
	return a, nil
}

// Handler answers the service's requests.
func (a *App) Handler() http.Handler { return a.handler }

// Service is the use cases, for those who need no HTTP.
func (a *App) Service() *event.Service { return a.service }

// Run does the service's work in the background until ctx ends: it forgets,
// once a day, the messages that can no longer come again.
func (a *App) Run(ctx context.Context) error {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		if err := a.inbox.Prune(ctx, time.Now().Add(-inboxsqlite.Retention)); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "old message ids not pruned", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Close closes the database. Run must have returned, and no request be open.
func (a *App) Close() error {
	if a.db == nil {
		return nil
	}
	return a.db.Close()
}
