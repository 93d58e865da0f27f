// Package app wires the notification service: configuration and adapters in,
// handler and workers out.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/wiring"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mailfolder"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smshttp"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smslog"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smtp"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/userapi"
)

// Config is the notification service's environment.
type Config struct {
	// Addr is where the service listens when it is a process of its own.
	Addr string `env:"NOTIFICATION_ADDR" envDefault:"127.0.0.1:8083"`
	config.Reach
	// Sidecar is the own one, if there is one: the way to the other services and
	// from the broker.
	Sidecar sidecar.Config
	// UserURL and BookingURL are the other services, and JWKSURL the user service's key
	// set, where there is no sidecar.
	UserURL    string `env:"USER_URL"`
	BookingURL string `env:"BOOKING_URL"`
	JWKSURL    string `env:"JWKS_URL"`
	// ServiceKey is this service's own private key. ServiceKeys are the public
	// keys of the services, this one's and those of the booking and the user service
	// among them, which publish messages and ask for receipts.
	ServiceKey  string   `env:"NOTIFICATION_SERVICE_KEY,required,notEmpty"`
	ServiceKeys []string `env:"SERVICE_KEYS,required,notEmpty"`

	// SMTPURL is the mail server: smtp://[user:password@]host[:port][?tls=starttls|opportunistic|none]
	// or smtps://…; or "folder", which writes mails to MailDir. Not set it is the
	// folder, where nobody but this machine can reach the service.
	SMTPURL string `env:"SMTP_URL"`
	// MailDir is the folder of .eml files when there is no mail server.
	MailDir string `env:"MAIL_DIR" envDefault:"data/mail"`
	// MailFrom is the sender of every mail.
	MailFrom string `env:"MAIL_FROM" envDefault:"Boxoffice <tickets@boxoffice.example>"`
	// AttachTickets says that mails with tickets have them attached as PDF. Their QR
	// codes are in the mails in any case.
	AttachTickets bool `env:"MAIL_ATTACH_TICKETS" envDefault:"true"`
	// WebURL is the web site, to whose pages of bookings mails link.
	WebURL string `env:"WEB_URL"`
	// SMSURL is the base URL of an SMS gateway, SMSToken its bearer token; or
	// "none", with which there are no SMS, or "log", which only notes them. Not set
	// it is the log, where nobody but this machine can reach the service.
	SMSURL   string `env:"SMS_URL"`
	SMSToken string `env:"SMS_TOKEN"`

	// RetryBase is the pause after the first failed attempt, at least 1 ms,
	// which doubles up to RetryMax, at most a week; after MaxAttempts, at least
	// 1, a notification is FAILED. They hold for mail and SMS alike. The
	// presets try for about a day.
	RetryBase   time.Duration `env:"MAIL_RETRY_BASE" envDefault:"1s"`
	RetryMax    time.Duration `env:"MAIL_RETRY_MAX" envDefault:"30m"`
	MaxAttempts int           `env:"MAIL_MAX_ATTEMPTS" envDefault:"60"`
	// Retention is how long after an event its mails and SMS keep addresses,
	// numbers and texts, at least a day. If nothing takes place any more, it counts
	// from the mail; if the event is further ahead than two years, from then.
	Retention time.Duration `env:"MAIL_RETENTION" envDefault:"2160h"`
	// FreeRecipientQuota and FreeAccountQuota are of how many new bookings for which
	// nothing is paid one address, and one account, gets mails within an hour: 1 to
	// 1000.
	FreeRecipientQuota int `env:"MAIL_FREE_RECIPIENT_QUOTA" envDefault:"10"`
	FreeAccountQuota   int `env:"MAIL_FREE_ACCOUNT_QUOTA" envDefault:"30"`
	// SendTimeout bounds one attempt, 1 s to 10 min; Workers how many are made
	// at a time, 1 to 100.
	SendTimeout time.Duration `env:"MAIL_SEND_TIMEOUT" envDefault:"15s"`
	Workers     int           `env:"MAIL_WORKERS" envDefault:"4"`
}

// quotasKept is how long it is known when quotas were used: far longer than they
// count, whatever the clocks do.
const quotasKept = 24 * notification.QuotaPeriod

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
	// Exclusive says that no other process works on the database: what is
	// leased at the start, a killed process had.
	Exclusive bool
	// Public says that other machines can reach the platform. An address that is not
	// loopback says so, too.
	Public bool
}

// App is the service, ready to run.
type App struct{ wiring.App }

// New opens the database, builds the service and subscribes it to bookings.
func New(ctx context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{}
	defer a.Undo("notification", &err)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	site, err := config.Site(cfg.WebURL)
	if err != nil {
		return nil, err
	}
	if err := a.Open(wiring.Options{
		Name: "notification", Addr: cfg.Addr, Reach: cfg.Reach, Public: deps.Public, Sidecar: cfg.Sidecar, Transport: deps.Transport,
		ServiceKey: cfg.ServiceKey, ServiceKeys: cfg.ServiceKeys, Peers: []string{"booking", "user"}, Log: deps.Log,
	}); err != nil {
		return nil, err
	}
	if cfg, err = cfg.withProviders(ctx, !a.Private, deps.Log); err != nil {
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
	users, err := a.Way.Client("user", "USER_URL", cfg.UserURL, a.Key, userapi.Timeout)
	if err != nil {
		return nil, err
	}
	bookings, err := a.Way.Client("booking", "BOOKING_URL", cfg.BookingURL, a.Key, bookingapi.Timeout)
	if err != nil {
		return nil, err
	}
	guard, err := a.Guard(cfg.JWKSURL)
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
	service, err := notification.New(notification.Options{
		Store: db.Store, Mailer: mailer, SMS: sms, Contacts: userapi.New(users), AccountMails: userapi.New(users), Deliveries: bookingapi.New(bookings), Log: deps.Log, Organizer: organizer(cfg),
		WebURL: site, WithoutPDF: !cfg.AttachTickets,
		RetryBase: cfg.RetryBase, RetryMax: cfg.RetryMax, MaxAttempts: cfg.MaxAttempts,
		SendTimeout: cfg.SendTimeout, Workers: cfg.Workers, Retention: cfg.Retention,
		RecipientQuota: cfg.FreeRecipientQuota, AccountQuota: cfg.FreeAccountQuota,
	})
	if err != nil {
		return nil, err
	}
	a.Works(service.Run)
	a.Works(func(ctx context.Context) error {
		return inbox.Prune(ctx, deps.Log, func(ctx context.Context, t time.Time) error {
			return errors.Join(db.PruneInbox(ctx, t), db.PruneQuotas(ctx, time.Now().Add(-quotasKept)))
		})
	})
	_, api := a.API("Boxoffice notification", "Mails and SMS about bookings, and mails about accounts.")
	rest.Register(api, service, guard)
	return a, a.Hears(wiring.Heard{
		Consumer: "notification", Topics: []wiring.Topic{
			{Name: events.TopicBookings, Publisher: "booking", Handle: messaging.Handler(service)},
			{Name: events.TopicUsers, Publisher: "user", Handle: messaging.UsersHandler(service)},
		},
		Inbox: db.Inbox, Subscriber: deps.Subscriber,
	}, api, guard)
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
	case c.SendTimeout < time.Second || c.SendTimeout > notification.MaxSendTimeout:
		return errors.New("MAIL_SEND_TIMEOUT must be 1s to 10m")
	case c.Retention < 24*time.Hour:
		return errors.New("MAIL_RETENTION must be at least 24h")
	case c.FreeRecipientQuota < 1 || c.FreeRecipientQuota > 1000:
		return errors.New("MAIL_FREE_RECIPIENT_QUOTA must be 1 to 1000")
	case c.FreeAccountQuota < 1 || c.FreeAccountQuota > 1000:
		return errors.New("MAIL_FREE_ACCOUNT_QUOTA must be 1 to 1000")
	case c.Workers < 1 || c.Workers > 100:
		return errors.New("MAIL_WORKERS must be 1 to 100")
	}
	return nil
}

// The values of SMSURL that are no addresses.
const (
	toLog = "log"
	noSMS = "none"
)

// exampleDomain ends the addresses of examples (RFC 2606): nobody gets an answer there,
// and many servers refuse mails from one.
const exampleDomain = ".example"

// withProviders returns c with a way for mails and one for SMS. Nobody gets what is
// written to a folder or noted in the log, although it counts as sent: where other
// machines can reach the service, both have to be asked for, and a mail server needs a
// sender of its own.
func (c Config) withProviders(ctx context.Context, public bool, log *slog.Logger) (Config, error) {
	switch {
	case c.SMTPURL == "" && public:
		return c, errors.New("SMTP_URL is not set, and this platform is reachable from elsewhere: set a mail server, or folder if nobody is to get mails")
	case c.SMSURL == "" && public:
		return c, errors.New("SMS_URL is not set, and this platform is reachable from elsewhere: set an SMS gateway, none if there are to be no SMS, or log if nobody is to get them")
	case c.SMTPURL != config.MailFolder && public && strings.HasSuffix(strings.ToLower(organizer(c)), exampleDomain):
		return c, errors.New("MAIL_FROM is an example address, and this platform is reachable from elsewhere: set one of your own, from which your mail server may send")
	}
	c.SMTPURL, c.SMSURL = cmp.Or(c.SMTPURL, config.MailFolder), cmp.Or(c.SMSURL, toLog)
	if c.SMTPURL == config.MailFolder && public {
		log.WarnContext(ctx, "SMTP_URL is folder, and this platform is reachable from elsewhere: mails count as sent and reach nobody")
	}
	if c.SMSURL == toLog && public {
		log.WarnContext(ctx, "SMS_URL is log, and this platform is reachable from elsewhere: SMS count as sent and reach nobody")
	}
	return c, nil
}

func mailer(cfg Config) (notification.Mailer, error) {
	if _, err := mail.ParseAddress(cfg.MailFrom); err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	if cfg.SMTPURL != config.MailFolder {
		m, err := smtp.New(cfg.SMTPURL, cfg.MailFrom)
		return m, named("SMTP_URL", err)
	}
	m, err := mailfolder.New(cfg.MailDir, cfg.MailFrom)
	return m, named("MAIL_DIR", err)
}

// organizer is the bare address of MAIL_FROM, which mailer has checked.
func organizer(cfg Config) string {
	a, err := mail.ParseAddress(cfg.MailFrom)
	if err != nil {
		return ""
	}
	address, _ := notification.ASCIIDomain(a.Address)
	return address
}

// named says which variable err is about.
func named(variable string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", variable, err)
}

// sms is nil where there are to be no SMS.
func sms(cfg Config, log *slog.Logger) (notification.SMSProvider, error) {
	switch cfg.SMSURL {
	case noSMS:
		return nil, nil
	case toLog:
		return smslog.New(log), nil
	}
	s, err := smshttp.New(cfg.SMSURL, cfg.SMSToken)
	return s, named("SMS_URL", err)
}
