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

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/document"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/wiring"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// keepMessages is for how long reconciliation can ask whether a message that all
// its consumers knew is still known: some days, as between a consumer's failure
// and its return from a copy.
const keepMessages = 7 * 24 * time.Hour

// Config is the booking service's environment.
type Config struct {
	// Addr is where the service listens when it is a process of its own.
	Addr string `env:"BOOKING_ADDR" envDefault:"127.0.0.1:8082"`
	config.Reach
	PaymentsConfig
	// BookingsPerAccount is how many bookings an account may make within an hour,
	// whatever becomes of them.
	BookingsPerAccount int `env:"BOOKINGS_PER_ACCOUNT" envDefault:"60"`
	// TicketsPerAccount is how many tickets of one event an account may have that
	// are free or not paid for yet.
	TicketsPerAccount int `env:"TICKETS_PER_ACCOUNT" envDefault:"40"`
	// TicketsPerAddress is the same for all bookings from one address together.
	TicketsPerAddress int `env:"TICKETS_PER_ADDRESS" envDefault:"120"`
	// CheckoutsPerAddress is how many bookings from one address may wait for their
	// payment at the same time.
	CheckoutsPerAddress int `env:"CHECKOUTS_PER_ADDRESS" envDefault:"30"`
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
	// TicketKey are the secrets of the codes of tickets, and LinkKey those of the keys
	// in links to bookings: the one in use, then retired ones, whose codes and links
	// are still good. See config.Secrets.
	TicketKey []string `env:"TICKET_KEY,required,notEmpty"`
	LinkKey   []string `env:"LINK_KEY,required,notEmpty"`
}

// ticketKeys are the keys of TicketKey.
func (c Config) ticketKeys(public bool) (*ticketcode.Keys, error) {
	secrets, err := config.Secrets("TICKET_KEY", c.TicketKey, public)
	if err != nil {
		return nil, err
	}
	return ticketcode.NewKeys(secrets...)
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
	wiring.App
	service *booking.Service
}

// New opens the databases, builds the service and subscribes to the events.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{}
	defer a.Undo("booking", &err)
	if cfg.ReconcileDays < 1 {
		return nil, fmt.Errorf("RECONCILE_DAYS is %d, not at least 1", cfg.ReconcileDays)
	}
	if cfg.RestoredAt.After(time.Now().Add(time.Minute)) {
		return nil, fmt.Errorf("RESTORED_AT is %s, which is in the future", cfg.RestoredAt.Format(time.RFC3339))
	}
	if cfg.BookingsPerAccount < 1 {
		return nil, fmt.Errorf("BOOKINGS_PER_ACCOUNT is %d, not at least 1", cfg.BookingsPerAccount)
	}
	if cfg.TicketsPerAccount < booking.MaxTickets {
		return nil, fmt.Errorf("TICKETS_PER_ACCOUNT is %d, not at least %d, which one booking may have", cfg.TicketsPerAccount, booking.MaxTickets)
	}
	if cfg.TicketsPerAddress < booking.MaxTickets {
		return nil, fmt.Errorf("TICKETS_PER_ADDRESS is %d, not at least %d, which one booking may have", cfg.TicketsPerAddress, booking.MaxTickets)
	}
	if cfg.CheckoutsPerAddress < 1 {
		return nil, fmt.Errorf("CHECKOUTS_PER_ADDRESS is %d, not at least 1", cfg.CheckoutsPerAddress)
	}
	if err := a.Open(wiring.Options{
		Name: "booking", Addr: cfg.Addr, Reach: cfg.Reach, Public: deps.Public, Sidecar: cfg.Sidecar, Transport: deps.Transport,
		ServiceKey: cfg.ServiceKey, ServiceKeys: cfg.ServiceKeys, Peers: []string{"event", "notification"}, Log: deps.Log,
	}); err != nil {
		return nil, err
	}
	ticketKeys, err := cfg.ticketKeys(!a.Private)
	if err != nil {
		return nil, err
	}
	linkKeys, err := config.Secrets("LINK_KEY", cfg.LinkKey, !a.Private)
	if err != nil {
		return nil, err
	}
	if cfg.PaymentsConfig, err = cfg.withProvider(ctx, !a.Private, deps.Log); err != nil {
		return nil, err
	}
	db, err := deps.OpenDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Opened(ctx, "database", db.Opened, deps.Exclusive); err != nil {
		return nil, err
	}
	payments, err := openPayments(ctx, cfg.PaymentsConfig, a.Way)
	if err != nil {
		return nil, err
	}
	if payments.db != nil {
		if err := a.Opened(ctx, "payments", *payments.db, false); err != nil {
			return nil, err
		}
	}
	event, err := a.Way.Client("event", "EVENT_URL", cfg.EventURL, a.Key, eventapi.Timeout)
	if err != nil {
		return nil, err
	}
	notification, err := a.Way.Client("notification", "NOTIFICATION_URL", cfg.NotificationURL, a.Key, eventapi.Timeout)
	if err != nil {
		return nil, err
	}
	guard, err := a.Guard(cfg.JWKSURL)
	if err != nil {
		return nil, err
	}
	told := wiring.Told{
		Topic: events.TopicBookings, Consumers: map[string]*httpkit.Client{"event": event, "notification": notification},
		Outbox: db.Outbox, Keep: keepMessages, Publisher: deps.Publisher,
	}
	relay, err := a.Tells(told)
	if err != nil {
		return nil, err
	}
	catalog := eventapi.New(event)
	a.service = booking.New(booking.Options{
		Store: db.Store, StuckBookings: db.Stuck, CancelledEvents: db.Cancelled, Catalog: catalog,
		Payments: payments, PaymentEvents: db.PaymentEvents, LinkMails: db.LinkMails, CheckoutTTL: cfg.CheckoutTTL, LinkKeys: linkKeys, Log: deps.Log,
		BookingsPerAccount: cfg.BookingsPerAccount, TicketsPerAccount: cfg.TicketsPerAccount, TicketsPerAddress: cfg.TicketsPerAddress, CheckoutsPerAddress: cfg.CheckoutsPerAddress,
		Records: db.Records, Holdings: catalog, Statements: payments.statements,
		Recheck: recheck(db.Archive, told.Receipts(), relay.Wake), RestoredAt: cfg.RestoredAt,
		Committed: relay.Wake, TraceParent: httpkit.TraceParent,
	})
	a.Keeps("recovery", a.service.Recover)
	a.Works(func(ctx context.Context) error {
		return worker.Every(ctx, deps.Log, time.Hour, "pruning idempotency keys, payment events and mails with links", func(ctx context.Context) error {
			return errors.Join(db.PruneKeys(ctx, time.Now()), db.PrunePaymentEvents(ctx, time.Now()), db.LinkMails.Prune(ctx, time.Now()))
		})
	})
	a.Keeps("reconciliation", func(ctx context.Context) error { return a.service.ReconcileDaily(ctx, cfg.ReconcileDays) })
	a.Keeps("opening sales", a.service.OpenSales)
	a.Keeps("payment events", a.service.Hear)
	a.Keeps("mails with links", a.service.MailLinks)
	if db.Listen != nil {
		a.Keeps("listening", func(ctx context.Context) error { return db.Listen(ctx, deps.Log, relay.Wake) })
	}

	addressKey, err := a.Key.Derive("client addresses")
	if err != nil {
		return nil, err
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return nil, err
	}
	clients := httpkit.Clients{Front: "user", Verify: guard.VerifyService, Proxies: proxies} // the gateway passes requests on
	documents, err := document.New()
	if err != nil {
		return nil, err
	}
	_, api := a.API("Boxoffice booking", "Book tickets, pay, cancel.")
	rest.Register(api, a.service, rest.Options{
		Guard: guard, Address: rest.HashedAddress(clients, addressKey), AuditLog: db.Audit, CancelledEvents: db.Cancelled, Records: db.Records, TicketKeys: ticketKeys, Documents: documents, Ledger: payments.ledger,
		PublishableKey: payments.publishable,
	})
	stripe.Register(api, a.service, payments.webhook)
	sandbox.Register(api, a.service, payments.sandbox)
	return a, a.Hears(wiring.Heard{
		Consumer: messaging.Consumer, Topics: []wiring.Topic{{Name: events.TopicEvents, Publisher: "event", Handle: messaging.Events(a.service)}},
		Inbox: db.Inbox, Subscriber: deps.Subscriber,
	}, api, guard)
}
