// Package app wires the notification service: configuration and adapters in,
// handler and workers out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/mail"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mailfolder"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smshttp"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smslog"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smtp"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/userapi"
)

// Config is the notification service's environment.
type Config struct {
	// DBPath is the SQLite file of the notifications.
	DBPath string `env:"NOTIFICATION_DB,required"`
	// JWKSURL is the user service's key set.
	JWKSURL string `env:"JWKS_URL,required"`
	// UserURL is the user service.
	UserURL string `env:"USER_URL,required"`
	// ServiceToken is this service's own secret towards the others.
	ServiceToken string `env:"SERVICE_TOKEN,required"`
	// ServiceTokens are the secrets of the services that call this one, by
	// their names: "booking:secret".
	ServiceTokens map[string]string `env:"SERVICE_TOKENS,required"`

	// SMTPURL is the mail server: smtp://[user:password@]host[:port][?tls=starttls|opportunistic|none]
	// or smtps://…. Empty writes mails to MailDir.
	SMTPURL string `env:"SMTP_URL"`
	// MailDir is the folder of .eml files when there is no SMTPURL.
	MailDir string `env:"MAIL_DIR" envDefault:"data/mail"`
	// MailFrom is the sender of every mail.
	MailFrom string `env:"MAIL_FROM" envDefault:"Boxoffice <tickets@boxoffice.example>"`
	// SMSURL is the base URL of an SMS gateway, SMSToken its bearer token. An
	// empty SMSURL logs instead.
	SMSURL   string `env:"SMS_URL"`
	SMSToken string `env:"SMS_TOKEN"`

	// RetryBase is the pause after the first failed attempt, at least 1 ms,
	// which doubles up to RetryMax, at most a week; after MaxAttempts, at least
	// 1, a notification is FAILED. They hold for mail and SMS alike. The
	// presets try for about a day.
	RetryBase   time.Duration `env:"MAIL_RETRY_BASE" envDefault:"1s"`
	RetryMax    time.Duration `env:"MAIL_RETRY_MAX" envDefault:"30m"`
	MaxAttempts int           `env:"MAIL_MAX_ATTEMPTS" envDefault:"60"`
	// SendTimeout bounds one attempt, 1 s to 10 min; Workers how many are made
	// at a time, 1 to 100.
	SendTimeout time.Duration `env:"MAIL_SEND_TIMEOUT" envDefault:"15s"`
	Workers     int           `env:"MAIL_WORKERS" envDefault:"4"`
}

// Deps is what the process gives the service.
type Deps struct {
	Log        *slog.Logger
	Subscriber broker.Subscriber
}

// App is the service, ready to run.
type App struct {
	db      *sqlitedb.DB
	inbox   *inboxsqlite.Store
	service *notification.Service
	handler http.Handler
	log     *slog.Logger
}

// New opens the database, builds the service and subscribes it to bookings.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{log: deps.Log}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("notification: %w", err), a.Close())
		}
	}()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	mailer, err := mailer(cfg)
	if err != nil {
		return nil, err
	}
	sms, err := sms(cfg, deps.Log)
	if err != nil {
		return nil, err
	}
	users, err := userapi.New(cfg.UserURL, cfg.ServiceToken)
	if err != nil {
		return nil, err
	}
	if a.db, err = sqlite.Open(ctx, cfg.DBPath); err != nil {
		return nil, err
	}
	a.inbox = inboxsqlite.New(a.db)
	store := sqlite.New(a.db)
	// Nobody else works on this file: what is leased, a killed process had.
	if err := store.EndLeases(ctx, time.Now()); err != nil {
		return nil, err
	}
	a.service, err = notification.New(notification.Options{
		Store: store, Mailer: mailer, SMS: sms, Contacts: users, Log: deps.Log,
		RetryBase: cfg.RetryBase, RetryMax: cfg.RetryMax, MaxAttempts: cfg.MaxAttempts,
		SendTimeout: cfg.SendTimeout, Workers: cfg.Workers,
	})
	if err != nil {
		return nil, err
	}
	handle := messaging.Handler(a.service)

	mux := httpkit.NewRouter(deps.Log)
	httpkit.Health(mux, map[string]func(context.Context) error{"database": a.db.Ping})
	api := httpkit.NewAPI(mux, "Boxoffice notification", "Mails and SMS about bookings.")
	guard := &auth.Guard{
		Verify:   auth.NewVerifier(cfg.JWKSURL, deps.Log).Verify,
		Services: cfg.ServiceTokens,
	}
	rest.Register(api, a.service, guard)
	inboxrest.Register(api, guard, inboxrest.Options{
		Store: a.inbox, Handlers: map[string]broker.Handler{events.TopicBookings: handle},
		Callers: []string{"booking"}, Now: time.Now, Log: deps.Log,
	})
	a.handler = mux

	return a, deps.Subscriber.Subscribe(broker.Subscription{
		Topic: events.TopicBookings, Consumer: "notification", Handle: handle,
		DeadLetter: inbox.DeadLetterFunc(a.inbox, events.TopicBookings, time.Now),
	})
}

// check names the first number or duration that is out of range.
func (c Config) check() error {
	switch {
	case c.RetryMax < time.Millisecond || c.RetryMax > 7*24*time.Hour:
		return errors.New("MAIL_RETRY_MAX must be 1ms to 168h")
	case c.RetryBase < time.Millisecond:
		return errors.New("MAIL_RETRY_BASE must be at least 1ms")
	case c.RetryBase > c.RetryMax:
		return errors.New("MAIL_RETRY_MAX must not be less than MAIL_RETRY_BASE")
	case c.MaxAttempts < 1:
		return errors.New("MAIL_MAX_ATTEMPTS must be at least 1")
	case c.SendTimeout < time.Second || c.SendTimeout > 10*time.Minute:
		return errors.New("MAIL_SEND_TIMEOUT must be 1s to 10m")
	case c.Workers < 1 || c.Workers > 100:
		return errors.New("MAIL_WORKERS must be 1 to 100")
	}
	return nil
}

func mailer(cfg Config) (notification.Mailer, error) {
	if _, err := mail.ParseAddress(cfg.MailFrom); err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	if cfg.SMTPURL != "" {
		m, err := smtp.New(cfg.SMTPURL, cfg.MailFrom)
		return m, named("SMTP_URL", err)
	}
	m, err := mailfolder.New(cfg.MailDir, cfg.MailFrom)
	return m, named("MAIL_DIR", err)
}

// named says which variable err is about.
func named(variable string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", variable, err)
}

func sms(cfg Config, log *slog.Logger) (notification.SMSProvider, error) {
	if cfg.SMSURL != "" {
		s, err := smshttp.New(cfg.SMSURL, cfg.SMSToken)
		return s, named("SMS_URL", err)
	}
	return smslog.New(log), nil
}

// Handler answers the service's requests.
func (a *App) Handler() http.Handler { return a.handler }

// Run does the service's work in the background until ctx ends and every
// worker has stopped.
func (a *App) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { a.prune(ctx) })
	err := a.service.Run(ctx)
	wg.Wait()
	return err
}

// prune forgets the oldest message ids, every day.
func (a *App) prune(ctx context.Context) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		if err := a.inbox.Prune(ctx, time.Now().Add(-inboxsqlite.Retention)); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "old message ids are not pruned", "error", err)
		}
		select {
		case <-ctx.Done():
			return
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
