// Package app wires the user service: configuration and adapters in, handler
// and workers out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/wiring"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/argon2"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
)

// receiptsTimeout is how long notification may take for its receipts.
const receiptsTimeout = 3 * time.Second

// Config is the user service's environment.
type Config struct {
	// Addr is where the service listens when it is a process of its own.
	Addr string `env:"USER_ADDR" envDefault:"127.0.0.1:8080"`
	config.Reach
	// Sidecar is the own one, if there is one.
	Sidecar sidecar.Config
	// EventURL, BookingURL and NotificationURL are the services behind the
	// gateway, where there is no sidecar.
	EventURL        string `env:"EVENT_URL"`
	BookingURL      string `env:"BOOKING_URL"`
	NotificationURL string `env:"NOTIFICATION_URL"`
	// WebURL is the web site that mails about accounts link to, like
	// https://tickets.example. Without it they show a token.
	WebURL string `env:"WEB_URL"`
	// AdminEmail and AdminPassword make an admin, unless there is an account
	// with that email address.
	AdminEmail    string `env:"ADMIN_EMAIL"`
	AdminPassword string `env:"ADMIN_PASSWORD"`
	// ServiceKey is this service's own private key. ServiceKeys are the public
	// keys of the services, this one's and that of the notification service among
	// them, which may ask for contacts.
	ServiceKey  string   `env:"USER_SERVICE_KEY,required,notEmpty"`
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
	// Exclusive says that no other process works on the database: what is
	// leased at the start, a killed process had.
	Exclusive bool
	// Public says that other machines can reach the service. An address that is not
	// loopback says so, too, and TrustedProxies.
	Public bool
}

// App is the service, ready to run.
type App struct {
	wiring.App
	service *user.Service
}

// New opens the database, makes the first signing key and the admin where there
// are none, and builds the service.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{}
	defer a.Undo("user", &err)
	if err := a.Open(wiring.Options{
		Name: "user", Addr: cfg.Addr, Reach: cfg.Reach, Public: deps.Public, Sidecar: cfg.Sidecar, Transport: deps.Transport,
		ServiceKey: cfg.ServiceKey, ServiceKeys: cfg.ServiceKeys, Peers: []string{"notification"}, Log: deps.Log,
	}); err != nil {
		return nil, err
	}
	trusted, err := cfg.Proxies()
	if err != nil {
		return nil, err
	}
	web, err := config.Site(cfg.WebURL)
	if err != nil {
		return nil, err
	}
	notification, err := a.Way.Client("notification", "NOTIFICATION_URL", cfg.NotificationURL, a.Key, receiptsTimeout)
	if err != nil {
		return nil, err
	}
	up := gateway.Upstreams{Transport: a.Way.Transport}
	var errs [3]error
	up.Event, errs[0] = a.Way.URL("event", "EVENT_URL", cfg.EventURL)
	up.Booking, errs[1] = a.Way.URL("booking", "BOOKING_URL", cfg.BookingURL)
	up.Notification, errs[2] = a.Way.URL("notification", "NOTIFICATION_URL", cfg.NotificationURL)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	db, err := deps.OpenDatabase(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Opened(ctx, "database", db.Opened, deps.Exclusive); err != nil {
		return nil, err
	}
	for _, id := range db.Keyless {
		deps.Log.WarnContext(ctx, "an account cannot be found by its email address, which an older account has, too", "user_id", id)
	}
	relay, err := a.Tells(wiring.Told{
		Topic: events.TopicUsers, Consumers: map[string]*httpkit.Client{"notification": notification}, Outbox: db.Outbox, Publisher: deps.Publisher,
	})
	if err != nil {
		return nil, err
	}
	a.service, err = user.New(ctx, user.Options{
		Users: db.Users, Sessions: db.Sessions, UserSessions: db.UserSessions, Guests: db.Guests, AccountMails: db.AccountMails, Keys: db.Keys,
		Hasher: argon2.New(), Tokens: &jwt.Tokens{}, Log: deps.Log, Normalize: norm.NFC.String,
		Private: a.Private, WebURL: web, TraceParent: httpkit.TraceParent, Committed: relay.Wake,
	})
	if err != nil {
		return nil, err
	}
	if !a.Private {
		if err := a.refusePublicPasswords(ctx); err != nil {
			return nil, err
		}
	}
	if err := a.ensureAdmin(ctx, cfg); err != nil {
		return nil, err
	}

	a.Works(a.service.Run)
	a.Keeps("account mails", a.service.WorkOff)
	if db.Listen != nil {
		a.Keeps("listening", func(ctx context.Context) error { return db.Listen(ctx, deps.Log, relay.Wake) })
	}
	verifyService := a.Keys.Verifier("user")
	// The web service, where there is one, is in front of the gateway.
	clients := httpkit.Clients{Front: "web", Verify: verifyService, Proxies: trusted}
	gate, err := gateway.New(gateway.Options{Upstreams: up, Key: a.Key, Clients: clients, PassOn: rest.PassOn(a.service), Log: deps.Log})
	if err != nil {
		return nil, err
	}
	mux, api := a.API("Boxoffice", "Find events, book tickets, and everything else that a client may do: accounts and logins here, the rest passed on to the other services.")
	rest.Register(mux, api, rest.Options{
		Service: a.service, Clients: clients, AtOnce: argon2.AtOnce,
		Guard: rest.NewGuard(a.service, verifyService),
	})
	gate.Register(mux, api)
	return a, nil
}

// Service is the use cases, for those who add accounts without HTTP.
func (a *App) Service() *user.Service { return a.service }

// ensureAdmin makes the admin of the configuration. What is wrong with it is
// told by the name of the variable.
func (a *App) ensureAdmin(ctx context.Context, cfg Config) error {
	switch {
	case cfg.AdminEmail == "" && cfg.AdminPassword == "":
		return nil
	case cfg.AdminEmail == "":
		return errors.New("ADMIN_PASSWORD is set, but ADMIN_EMAIL is not")
	case cfg.AdminPassword == "":
		return errors.New("ADMIN_EMAIL is set, but ADMIN_PASSWORD is not")
	}
	err := a.service.EnsureAdmin(ctx, cfg.AdminEmail, cfg.AdminPassword)
	var invalid problem.Invalid
	switch {
	case errors.Is(err, user.ErrPasswordTooCommon):
		return fmt.Errorf("ADMIN_PASSWORD: %w", err)
	case errors.As(err, &invalid):
		var errs []error
		for _, f := range invalid {
			name := map[string]string{"email": "ADMIN_EMAIL", "password": "ADMIN_PASSWORD"}[f.Name]
			errs = append(errs, fmt.Errorf("%s %s", name, f.Message))
		}
		return errors.Join(errs...)
	}
	return err
}

// refusePublicPasswords stops a start that would let other machines use an
// account with a password that everybody can read, made when only this one could.
func (a *App) refusePublicPasswords(ctx context.Context) error {
	email, err := a.service.WithPublicPassword(ctx)
	if err == nil && email != "" {
		err = fmt.Errorf("%s still has its sample password, which everybody can read: "+
			"change it, or begin with another database, before other machines can reach the services (an address that is not loopback, or TRUSTED_PROXIES, says that they can)", email)
	}
	return err
}
