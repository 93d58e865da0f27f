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

	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/event/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inlet"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// publishTimeout is how long the sidecar may take for a message.
const publishTimeout = 5 * time.Second

// Config is the event service's environment.
type Config struct {
	// Addr is where the service listens when it is a process of its own.
	Addr string `env:"EVENT_ADDR" envDefault:"127.0.0.1:8081"`
	config.Reach
	// Sidecar is the own one, if there is one: the way to the other services, to
	// the broker and from it.
	Sidecar sidecar.Config
	// JWKSURL is the user service's key set, and BookingURL the booking service,
	// where there is no sidecar.
	JWKSURL    string `env:"JWKS_URL"`
	BookingURL string `env:"BOOKING_URL"`
	// ServiceKey is this service's own private key. ServiceKeys are the public
	// keys of the services, this one's and the booking service's among them, which
	// may reserve.
	ServiceKey  string   `env:"EVENT_SERVICE_KEY,required,notEmpty"`
	ServiceKeys []string `env:"SERVICE_KEYS,required,notEmpty"`
}

// Deps is what the process gives the service.
type Deps struct {
	Log *slog.Logger
	// OpenDatabase opens the database, and brings it up to date. The app closes it.
	OpenDatabase func(context.Context) (*Database, error)
	// Transport is the way to the other services where there is no sidecar; nil
	// is over the network.
	Transport http.RoundTripper
	// Subscriber is where the bookings are heard; nil takes them from the
	// sidecar, or over HTTP where there is none.
	Subscriber broker.Subscriber
	// Publisher takes the messages; nil publishes them by the sidecar, or pushes
	// them to the consumers over HTTP where there is none.
	Publisher broker.Publisher
	// Exclusive says that no other process works on the database: what is
	// claimed at the start, a killed process had.
	Exclusive bool

	// Inventory, where a test sets it, replaces the inventory by one made of
	// it: a control run needs one that oversells.
	Inventory func(event.Store, event.Inventory) event.Inventory
}

// App is the service, ready to run.
type App struct {
	db      *Database
	service *event.Service
	relay   *outbox.Relay
	inlet   *inlet.Inlet // nil where the process gives a Subscriber
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
	key, keys, err := auth.OpenServiceKeys("event", cfg.ServiceKey, cfg.ServiceKeys, "booking")
	if err != nil {
		return nil, err
	}
	if _, err := cfg.Proxies(); err != nil {
		return nil, err
	}
	if !cfg.Private(cfg.Addr) {
		if err := keys.RefuseExamples(); err != nil {
			return nil, err
		}
	}
	if a.db, err = deps.OpenDatabase(ctx); err != nil {
		return nil, err
	}
	if deps.Exclusive && a.db.EndLeases != nil {
		if err := a.db.EndLeases(ctx, time.Now()); err != nil {
			return nil, err
		}
	}
	inventory := a.db.Inventory
	if deps.Inventory != nil {
		inventory = deps.Inventory(a.db.Store, inventory)
	}
	way, err := sidecar.Open(cfg.Sidecar, deps.Transport, deps.Log)
	if err != nil {
		return nil, err
	}
	booking, err := way.Client("booking", "BOOKING_URL", cfg.BookingURL, key, bookingapi.Timeout)
	if err != nil {
		return nil, err
	}
	if a.relay, err = newRelay(deps, way, key, a.db.Outbox, booking); err != nil {
		return nil, err
	}
	bookings := bookingapi.New(booking)
	if a.service, err = event.New(event.Options{
		Store: a.db.Store, Inventory: inventory, Holdings: a.db.Holdings, Bookings: bookings, Payments: bookings,
		Committed: a.relay.Wake, TraceParent: httpkit.TraceParent,
	}); err != nil {
		return nil, err
	}
	verifier, err := way.Verifier(cfg.JWKSURL, deps.Log)
	if err != nil {
		return nil, err
	}
	subscriber := deps.Subscriber
	if subscriber == nil {
		if a.inlet, err = inlet.New(cfg.Sidecar, seal.Opener{Keys: keys, Publishers: map[string]string{events.TopicBookings: "booking"}}, deps.Log); err != nil {
			return nil, err
		}
		subscriber = a.inlet
	}
	heard := messaging.Bookings(a.service)
	if err := subscriber.Subscribe(broker.Subscription{
		Topic: events.TopicBookings, Consumer: messaging.Consumer, Handle: heard,
		DeadLetter: inbox.DeadLetterFunc(a.db.Inbox, events.TopicBookings, time.Now),
	}); err != nil {
		return nil, err
	}

	mux := httpkit.NewRouter(deps.Log)
	httpkit.Health(mux, way.Checks(map[string]func(context.Context) error{"database": a.db.Ping}))
	guard := &auth.Guard{Verify: verifier.Verify, VerifyService: keys.Verifier("event")}
	api := httpkit.NewAPI(mux, "Boxoffice event", "Find events, publish them, and see what is left.")
	rest.Register(api, a.service, guard)
	inboxrest.Register(api, guard, inboxrest.Options{
		Store: a.db.Inbox, Handlers: map[string]broker.Handler{events.TopicBookings: heard},
		Callers: []string{"booking"}, Log: deps.Log,
	})
	if a.inlet != nil {
		a.inlet.Register(mux, api, guard)
	}
	a.handler = mux
	return a, nil
}

// newRelay makes the one that tells booking, by its client, what becomes of
// events.
func newRelay(deps Deps, way *sidecar.Way, key *auth.ServiceKey, store outbox.Store, booking *httpkit.Client) (*outbox.Relay, error) {
	publisher := deps.Publisher
	var err error
	switch {
	case publisher != nil:
	case way.There():
		publisher, err = dapr.NewPublisher(way.Config.URL(), way.APIToken, key, publishTimeout)
	default:
		// It has a circuit breaker of its own.
		publisher, err = httppush.NewPublisher(key, map[string]map[string]*httpkit.Client{
			events.TopicEvents: {"booking": booking.Through(httpkit.NewTransport())},
		})
	}
	if err != nil {
		return nil, err
	}
	return outbox.NewRelay(outbox.Options{
		Store: store, Publisher: publisher, Log: deps.Log,
		Consumers: map[string]map[string]outbox.Receipts{events.TopicEvents: {"booking": inboxrest.NewClient(booking)}},
	})
}

// Handler answers the service's requests.
func (a *App) Handler() http.Handler { return a.handler }

// Service is the use cases, for those who need no HTTP.
func (a *App) Service() *event.Service { return a.service }

// Run handles what comes in, publishes what is to be told, and keeps the
// database tidy, until ctx ends.
func (a *App) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return worker.Keep(ctx, a.log, "tidying", func(ctx context.Context) error { return a.db.Tidy(ctx, a.log) })
	})
	g.Go(func() error { return worker.Keep(ctx, a.log, "relay", a.relay.Run) })
	if a.db.Run != nil {
		g.Go(func() error {
			return worker.Keep(ctx, a.log, "keeping the file", func(ctx context.Context) error { return a.db.Run(ctx, a.log) })
		})
	}
	if a.inlet != nil {
		g.Go(func() error { return a.inlet.Run(ctx) })
	}
	return g.Wait()
}

// Close closes the database. Run must have returned, and no request be open.
func (a *App) Close() error {
	if a.db == nil {
		return nil
	}
	return a.db.Close()
}
