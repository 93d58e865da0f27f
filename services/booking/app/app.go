// Package app wires the booking service: configuration and adapters in,
// handler and workers out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
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

// keepMessages is for how long reconciliation can ask whether a message that all
// its consumers knew is still known: some days, as between a consumer's failure
// and its return from a copy.
const keepMessages = 7 * 24 * time.Hour

// publishTimeout is how long the sidecar may take for a message.
const publishTimeout = 5 * time.Second

// Config is the booking service's environment.
type Config struct {
	// Addr is where the service listens when it is a process of its own.
	Addr string `env:"BOOKING_ADDR" envDefault:"127.0.0.1:8082"`
	config.Reach
	PaymentsConfig
	// TicketsPerAccount is how many tickets of one event an account may have that
	// are free or not paid for yet.
	TicketsPerAccount int `env:"TICKETS_PER_ACCOUNT" envDefault:"40"`
	// Sidecar is the own one, if there is one: the way to the other services, to
	// the broker and from it.
	Sidecar sidecar.Config
	// JWKSURL is the user service's key set, EventURL and NotificationURL the
	// other services, where there is no sidecar.
	JWKSURL         string `env:"JWKS_URL"`
	EventURL        string `env:"EVENT_URL"`
	NotificationURL string `env:"NOTIFICATION_URL"`
	// ReconcileDays is how many days back the daily reconciliation looks.
	ReconcileDays int `env:"RECONCILE_DAYS" envDefault:"30"`
	// RestoredAt is when the bookings' database was brought back from a backup, as
	// RFC 3339 has it. Until it agrees with the payment provider's books again,
	// nothing is sold.
	RestoredAt time.Time `env:"RESTORED_AT"`
	// ServiceKey is this service's own private key. ServiceKeys are the public
	// keys of the services, this one's and the event service's among them, which
	// tells of cancelled events and asks what has become of their bookings.
	ServiceKey  string   `env:"BOOKING_SERVICE_KEY,required,notEmpty"`
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
	// Publisher takes the messages; nil publishes them by the sidecar, or pushes
	// them to the consumers over HTTP where there is none.
	Publisher broker.Publisher
	// Subscriber is where the events are heard; nil takes them from the sidecar,
	// or over HTTP where there is none.
	Subscriber broker.Subscriber
	// Exclusive says that no other process works on the database: what is
	// leased at the start, a killed process had.
	Exclusive bool
	// Public says that other machines can reach the platform. An address that is not
	// loopback says so, too.
	Public bool
}

// App is the service, ready to run.
type App struct {
	db            *Database
	payments      *payments
	service       *booking.Service
	relay         *outbox.Relay
	inlet         *inlet.Inlet // nil where the process gives a Subscriber
	handler       http.Handler
	log           *slog.Logger
	reconcileDays int
}

// New opens the databases, builds the service and subscribes to the events.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{log: deps.Log, reconcileDays: cfg.ReconcileDays}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("booking: %w", err), a.Close())
		}
	}()
	if cfg.ReconcileDays < 1 {
		return nil, fmt.Errorf("RECONCILE_DAYS is %d, not at least 1", cfg.ReconcileDays)
	}
	if cfg.RestoredAt.After(time.Now().Add(time.Minute)) {
		return nil, fmt.Errorf("RESTORED_AT is %s, which is in the future", cfg.RestoredAt.Format(time.RFC3339))
	}
	if cfg.TicketsPerAccount < booking.MaxTickets {
		return nil, fmt.Errorf("TICKETS_PER_ACCOUNT is %d, not at least %d, which one booking may have", cfg.TicketsPerAccount, booking.MaxTickets)
	}
	key, keys, err := auth.OpenServiceKeys("booking", cfg.ServiceKey, cfg.ServiceKeys, "event")
	if err != nil {
		return nil, err
	}
	if _, err := cfg.Proxies(); err != nil {
		return nil, err
	}
	public := deps.Public || !cfg.Private(cfg.Addr)
	if public {
		if err := keys.RefuseExamples(); err != nil {
			return nil, err
		}
	}
	if cfg.PaymentsConfig, err = cfg.withProvider(ctx, public, deps.Log); err != nil {
		return nil, err
	}
	if a.db, err = deps.OpenDatabase(ctx); err != nil {
		return nil, err
	}
	if deps.Exclusive && a.db.EndLeases != nil {
		if err := a.db.EndLeases(ctx, time.Now()); err != nil {
			return nil, err
		}
	}
	way, err := sidecar.Open(cfg.Sidecar, deps.Transport, deps.Log)
	if err != nil {
		return nil, err
	}
	if a.payments, err = openPayments(ctx, cfg.PaymentsConfig, way); err != nil {
		return nil, err
	}
	event, err := way.Client("event", "EVENT_URL", cfg.EventURL, key, eventapi.Timeout)
	if err != nil {
		return nil, err
	}
	notification, err := way.Client("notification", "NOTIFICATION_URL", cfg.NotificationURL, key, eventapi.Timeout)
	if err != nil {
		return nil, err
	}
	verifier, err := way.Verifier(cfg.JWKSURL, deps.Log)
	if err != nil {
		return nil, err
	}
	publisher := deps.Publisher
	switch {
	case publisher != nil:
	case way.There():
		publisher, err = dapr.NewPublisher(way.Config.URL(), way.APIToken, key, publishTimeout)
	default:
		// It has a circuit breaker of its own.
		straight := httpkit.NewTransport()
		publisher, err = httppush.NewPublisher(key, map[string]map[string]*httpkit.Client{
			events.TopicBookings: {"event": event.Through(straight), "notification": notification.Through(straight)},
		})
	}
	if err != nil {
		return nil, err
	}
	consumers := map[string]map[string]outbox.Receipts{events.TopicBookings: {
		"event":        inboxrest.NewClient(event),
		"notification": inboxrest.NewClient(notification),
	}}
	a.relay, err = outbox.NewRelay(outbox.Options{Store: a.db.Outbox, Publisher: publisher, Log: deps.Log, Consumers: consumers, Keep: keepMessages})
	if err != nil {
		return nil, err
	}
	catalog := eventapi.New(event)
	a.service = booking.New(booking.Options{
		Store: a.db.Store, StuckBookings: a.db.Stuck, CancelledEvents: a.db.Cancelled, Catalog: catalog,
		Payments: a.payments, PaymentEvents: a.db.PaymentEvents, CheckoutTTL: cfg.CheckoutTTL, TicketsPerAccount: cfg.TicketsPerAccount, Log: deps.Log,
		Records: a.db.Records, Holdings: catalog, Statements: a.payments.statements,
		Recheck: recheck(a.db.Archive, consumers, a.relay.Wake), RestoredAt: cfg.RestoredAt,
		Committed: a.relay.Wake, TraceParent: httpkit.TraceParent,
	})

	subscriber := deps.Subscriber
	if subscriber == nil {
		if a.inlet, err = inlet.New(cfg.Sidecar, seal.Opener{Keys: keys, Publishers: map[string]string{events.TopicEvents: "event"}}, deps.Log); err != nil {
			return nil, err
		}
		subscriber = a.inlet
	}
	cancelled := messaging.Events(a.service)
	if err := subscriber.Subscribe(broker.Subscription{
		Topic: events.TopicEvents, Consumer: messaging.Consumer, Handle: cancelled,
		DeadLetter: inbox.DeadLetterFunc(a.db.Inbox, events.TopicEvents, time.Now),
	}); err != nil {
		return nil, err
	}

	mux := httpkit.NewRouter(deps.Log)
	checks := map[string]func(context.Context) error{"database": a.db.Ping}
	if a.payments.ping != nil {
		checks["payments"] = a.payments.ping
	}
	httpkit.Health(mux, way.Checks(checks))
	guard := &auth.Guard{Verify: verifier.Verify, VerifyService: keys.Verifier("booking")}
	api := httpkit.NewAPI(mux, "Boxoffice booking", "Book tickets, pay, cancel.")
	rest.Register(api, a.service, rest.Options{
		Guard: guard, AuditLog: a.db.Audit, CancelledEvents: a.db.Cancelled, Records: a.db.Records, Ledger: a.payments.ledger,
	})
	stripe.Register(api, a.service, a.payments.webhook)
	inboxrest.Register(api, guard, inboxrest.Options{
		Store: a.db.Inbox, Handlers: map[string]broker.Handler{events.TopicEvents: cancelled},
		Callers: []string{"event"}, Log: deps.Log,
	})
	if a.inlet != nil {
		a.inlet.Register(mux, api, guard)
	}
	a.handler = mux
	return a, nil
}

// Handler answers the service's requests.
func (a *App) Handler() http.Handler { return a.handler }

// Run does the service's work in the background until ctx ends and every
// worker has stopped.
func (a *App) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	run := func(what string, work func(context.Context) error) {
		g.Go(func() error { return worker.Keep(ctx, a.log, what, work) })
	}
	run("recovery", a.service.Recover)
	run("relay", a.relay.Run)
	run("pruning", a.prune)
	run("reconciliation", func(ctx context.Context) error { return a.service.ReconcileDaily(ctx, a.reconcileDays) })
	run("opening sales", a.service.OpenSales)
	if a.payments.webhook != nil {
		run("payment events", a.service.Hear)
	}
	for _, keep := range []func(context.Context, *slog.Logger) error{a.db.Run, a.payments.run} {
		if keep != nil {
			run("keeping the file", func(ctx context.Context) error { return keep(ctx, a.log) })
		}
	}
	if a.inlet != nil {
		g.Go(func() error { return a.inlet.Run(ctx) }) // it runs once, and recovers what its handlers panic with
	}
	if a.db.Listen != nil {
		run("listening", func(ctx context.Context) error { return a.db.Listen(ctx, a.log, a.relay.Wake) })
	}
	return g.Wait()
}

// prune forgets old idempotency keys and payment events, every hour.
func (a *App) prune(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		err := worker.Try(ctx, a.log, "pruning", func() error {
			return errors.Join(a.db.PruneKeys(ctx, time.Now()), a.db.PrunePaymentEvents(ctx, time.Now()))
		})
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "old idempotency keys and payment events not pruned", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Close closes the databases. Run must have returned, and no request be open.
func (a *App) Close() error {
	var errs []error
	if a.payments != nil {
		errs = append(errs, a.payments.close())
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	return errors.Join(errs...)
}
