// Package app wires the event service: configuration and adapters in, handler
// and workers out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	_ "time/tzdata" // time zones are the same on every machine

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/event/adapter/imaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/wiring"
)

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
	// SMTPURL is notification's mail server, or config.MailFolder. Only whether there is
	// a server is read: mails reach people then, and whoever publishes must have
	// verified an address. Not set it is the folder, where nobody but this machine can
	// reach the service.
	SMTPURL string `env:"SMTP_URL"`
	// EventsPerOrganizer is how many events an account publishes within a day, at least 1.
	EventsPerOrganizer int `env:"EVENTS_PER_ORGANIZER" envDefault:"200"`
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
	// Public says that other machines can reach the platform. An address that is not
	// loopback says so, too.
	Public bool

	// Inventory, where a test sets it, replaces the inventory by one made of
	// it: a control run needs one that oversells.
	Inventory func(event.Store, event.Inventory) event.Inventory
}

// App is the service, ready to run.
type App struct {
	wiring.App
	service *event.Service
}

// New opens the database, builds the service and subscribes to the bookings.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{}
	defer a.Undo("event", &err)
	if cfg.EventsPerOrganizer < 1 {
		return nil, fmt.Errorf("EVENTS_PER_ORGANIZER is %d, not at least 1", cfg.EventsPerOrganizer)
	}
	if err := a.Open(wiring.Options{
		Name: "event", Addr: cfg.Addr, Reach: cfg.Reach, Public: deps.Public, Sidecar: cfg.Sidecar, Transport: deps.Transport,
		ServiceKey: cfg.ServiceKey, ServiceKeys: cfg.ServiceKeys, Peers: []string{"booking"}, Log: deps.Log,
	}); err != nil {
		return nil, err
	}
	verified, err := cfg.verifiedOrganizers(ctx, !a.Private, deps.Log)
	if err != nil {
		return nil, err
	}
	db, err := deps.OpenDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Opened(ctx, "database", db.Opened, deps.Exclusive); err != nil {
		return nil, err
	}
	a.Keeps("tidying", func(ctx context.Context) error { return db.Tidy(ctx, deps.Log) })
	inventory := db.Inventory
	if deps.Inventory != nil {
		inventory = deps.Inventory(db.Store, inventory)
	}
	booking, err := a.Way.Client("booking", "BOOKING_URL", cfg.BookingURL, a.Key, bookingapi.Timeout)
	if err != nil {
		return nil, err
	}
	relay, err := a.Tells(wiring.Told{
		Topic: events.TopicEvents, Consumers: map[string]*httpkit.Client{"booking": booking}, Outbox: db.Outbox, Publisher: deps.Publisher,
	})
	if err != nil {
		return nil, err
	}
	bookings := bookingapi.New(booking)
	if a.service, err = event.New(event.Options{
		Store: db.Store, Inventory: inventory, Holdings: db.Holdings, Bookings: bookings, Payments: bookings, Pictures: imaging.New(),
		VerifiedOrganizers: verified, EventsPerOrganizer: cfg.EventsPerOrganizer, Committed: relay.Wake, TraceParent: httpkit.TraceParent,
	}); err != nil {
		return nil, err
	}
	guard, err := a.Guard(cfg.JWKSURL)
	if err != nil {
		return nil, err
	}
	_, api := a.API("Boxoffice event", "Find events, publish them, and see what is left.")
	rest.Register(api, a.service, guard)
	return a, a.Hears(wiring.Heard{
		Consumer: messaging.Consumer, Topics: []wiring.Topic{{Name: events.TopicBookings, Publisher: "booking", Handle: messaging.Bookings(a.service)}},
		Inbox: db.Inbox, Subscriber: deps.Subscriber,
	}, api, guard)
}

// verifiedOrganizers reports whether organizers must have verified an address. They need
// not where nobody gets mails. Where other machines can reach the service, that has to
// be asked for: notification may have a mail server of which this service was not told.
func (c Config) verifiedOrganizers(ctx context.Context, public bool, log *slog.Logger) (bool, error) {
	if c.SMTPURL == "" && public {
		return false, errors.New("SMTP_URL is not set, and this platform is reachable from elsewhere: set notification's mail server (the password may be left out), or folder if organizers need no verified email address")
	}
	if c.SMTPURL == config.MailFolder && public {
		log.WarnContext(ctx, "SMTP_URL is folder, and this platform is reachable from elsewhere: organizers publish without a verified email address")
	}
	return c.SMTPURL != "" && c.SMTPURL != config.MailFolder, nil
}

// Service is the use cases, for those who need no HTTP.
func (a *App) Service() *event.Service { return a.service }
