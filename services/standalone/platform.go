// Package standalone is the whole platform in one process: the same five
// services that run as five processes elsewhere, on SQLite files, with a broker
// in memory, sandbox payments, and mail in a folder.
package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	bookingapp "github.com/openboxoffice/boxoffice/services/booking/app"
	bookingdb "github.com/openboxoffice/boxoffice/services/booking/app/onsqlite"
	eventapp "github.com/openboxoffice/boxoffice/services/event/app"
	eventdb "github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/log"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	notificationapp "github.com/openboxoffice/boxoffice/services/notification/app"
	notificationdb "github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
	userapp "github.com/openboxoffice/boxoffice/services/user/app"
	userdb "github.com/openboxoffice/boxoffice/services/user/app/onsqlite"
	webapp "github.com/openboxoffice/boxoffice/services/web/app"
)

// app is what every service's app package makes.
type app interface {
	Handler() http.Handler
	Run(ctx context.Context) error
	Close() error
}

// member is one service of the platform.
type member struct {
	name     string
	listener net.Listener
	log      *slog.Logger
	app      app
}

// url is where this machine reaches the service.
func (m *member) url() string { return "http://" + m.address() }

func (m *member) address() string {
	addr := m.listener.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere
	}
	return net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

// Platform is the five services, listening but not serving yet.
type Platform struct {
	cfg    Config
	lock   *flock.Flock // on the data
	broker *inproc.Broker
	local  *httpkit.Local // the way between the services

	web, user, event, booking, notification *member
	files                                   []io.Closer // the logs
}

// Open takes the data directory and the five ports for this process alone,
// opens the databases and builds the services.
func Open(ctx context.Context, cfg Config) (_ *Platform, err error) {
	p := &Platform{
		cfg: cfg, local: httpkit.NewLocal(),
		web: &member{name: "web"}, user: &member{name: "user"}, event: &member{name: "event"},
		booking: &member{name: "booking"}, notification: &member{name: "notification"},
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	// A second platform started by mistake must fail here, before it takes up
	// what the first is working on.
	if err := p.takeData(); err != nil {
		return nil, err
	}
	if err := p.listen(ctx); err != nil {
		return nil, err
	}
	for _, m := range p.members() {
		if m.log, err = p.openLog(m.name); err != nil {
			return nil, err
		}
	}
	p.broker = inproc.New(inproc.Options{Log: p.booking.log})
	if err := p.build(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// takeData locks the data directory until the process ends, however it ends.
func (p *Platform) takeData() error {
	if err := os.MkdirAll(p.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	p.lock = flock.New(p.path(".lock"), flock.SetPermissions(0o600))
	switch taken, err := p.lock.TryLock(); {
	case err != nil:
		return fmt.Errorf("DATA_DIR: %w", err)
	case !taken:
		return fmt.Errorf("another Boxoffice is working on the data in %s; stop it, or choose another folder with DATA_DIR", p.cfg.DataDir)
	}
	return nil
}

func (p *Platform) members() []*member {
	return []*member{p.web, p.user, p.event, p.booking, p.notification}
}

func (p *Platform) listen(ctx context.Context) error {
	for m, v := range map[*member]struct{ addr, variable string }{
		p.web:          {p.cfg.WebAddr, "WEB_ADDR"},
		p.user:         {p.cfg.UserAddr, "USER_ADDR"},
		p.event:        {p.cfg.EventAddr, "EVENT_ADDR"},
		p.booking:      {p.cfg.BookingAddr, "BOOKING_ADDR"},
		p.notification: {p.cfg.NotificationAddr, "NOTIFICATION_ADDR"},
	} {
		var err error
		m.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", v.addr)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("the %s service cannot listen on %s: another program has that port; stop it, or choose another with %s=127.0.0.1:PORT",
				m.name, v.addr, v.variable)
		case err != nil:
			return fmt.Errorf("the %s service cannot listen on %s (%s): %w", m.name, v.addr, v.variable, err)
		}
	}
	return nil
}

func (p *Platform) openLog(name string) (*slog.Logger, error) {
	dir := p.path("logs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p.files = append(p.files, f)
	return log.New(name, f), nil
}

// build makes the services. Each has its own configuration, read from the
// environment as in a process of its own, but for what is decided here: where
// it keeps its data, where the others are, the secrets that are kept with the
// data, and the keys of the services, which are new at every start because
// nobody else needs to know them.
func (p *Platform) build(ctx context.Context) (err error) {
	decided := map[string]string{
		"SANDBOX_DB":       p.path("sandbox.db"),
		"MAIL_DIR":         p.path("mail"),
		"USER_URL":         p.user.url(),
		"EVENT_URL":        p.event.url(),
		"BOOKING_URL":      p.booking.url(),
		"NOTIFICATION_URL": p.notification.url(),
		"JWKS_URL":         p.user.url() + "/.well-known/jwks.json",
	}
	if environment()["WEB_URL"] == "" {
		decided["WEB_URL"] = p.web.url()
	}
	if err := addServiceKeys(decided); err != nil {
		return err
	}
	if err := addSecrets(p.cfg.DataDir, environment(), decided); err != nil {
		return err
	}
	switch at, err := restoredAt(p.cfg.DataDir); {
	case err != nil:
		return err
	case !at.IsZero():
		decided["RESTORED_AT"] = at.Format(time.RFC3339Nano)
	}
	admin := map[string]string{}
	if p.sampleAdmin() {
		admin["ADMIN_EMAIL"], admin["ADMIN_PASSWORD"] = SampleAdmin.Email, SampleAdmin.Password
	}

	userConfig, err := config.Parse[userapp.Config](environment(decided, admin))
	if err != nil {
		return err
	}
	if p.user.app, err = made(userapp.New(ctx, userConfig, userapp.Deps{
		OpenDatabase: storage.At(p.path("user.db"), userdb.Open),
		Log:          p.user.log, Transport: p.local, Publisher: p.broker, Exclusive: true, Public: !p.cfg.private(),
	})); err != nil {
		return err
	}
	eventConfig, err := config.Parse[eventapp.Config](environment(decided))
	if err != nil {
		return err
	}
	if p.event.app, err = made(eventapp.New(ctx, eventConfig, eventapp.Deps{
		OpenDatabase: storage.At(p.path("event.db"), eventdb.Open),
		Log:          p.event.log, Transport: p.local, Publisher: p.broker, Subscriber: p.broker, Exclusive: true, Public: !p.cfg.private(),
		Inventory: p.cfg.Inventory,
	})); err != nil {
		return err
	}
	notificationConfig, err := config.Parse[notificationapp.Config](environment(decided))
	if err != nil {
		return err
	}
	if p.notification.app, err = made(notificationapp.New(ctx, notificationConfig, notificationapp.Deps{
		OpenDatabase: storage.At(p.path("notification.db"), notificationdb.Open),
		Log:          p.notification.log, Transport: p.local, Subscriber: p.broker, Exclusive: true, Public: !p.cfg.private(),
	})); err != nil {
		return err
	}
	bookingConfig, err := config.Parse[bookingapp.Config](environment(decided))
	if err != nil {
		return err
	}
	p.booking.app, err = made(bookingapp.New(ctx, bookingConfig, bookingapp.Deps{
		OpenDatabase: storage.At(p.path("booking.db"), bookingdb.Open),
		Log:          p.booking.log, Transport: p.local, Publisher: p.broker, Subscriber: p.broker, Exclusive: true, Public: !p.cfg.private(),
	}))
	if err != nil {
		return err
	}
	webConfig, err := config.Parse[webapp.Config](environment(decided))
	if err != nil {
		return err
	}
	if p.web.app, err = made(webapp.New(ctx, webConfig, webapp.Deps{Log: p.web.log, Transport: p.local, Public: !p.cfg.private()})); err != nil {
		return err
	}
	for _, m := range p.members() {
		p.local.Handle(m.address(), m.app.Handler())
	}
	return nil
}

// addServiceKeys adds new keys of the services to environment. They are in the
// memory of this process alone.
func addServiceKeys(environment map[string]string) error {
	public := []string{}
	for _, service := range []string{"web", "user", "event", "booking", "notification"} {
		key, err := auth.NewServiceKey(service)
		if err != nil {
			return err
		}
		private, errPrivate := key.Private()
		entry, errPublic := key.Public()
		if err := errors.Join(errPrivate, errPublic); err != nil {
			return err
		}
		environment[strings.ToUpper(service)+"_SERVICE_KEY"] = private
		public = append(public, entry)
	}
	environment["SERVICE_KEYS"] = strings.Join(public, ",")
	return nil
}

func (p *Platform) path(name string) string { return filepath.Join(p.cfg.DataDir, name) }

// made keeps a nil *App from becoming an app that is not nil.
func made[A app](a A, err error) (app, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Run serves until ctx ends. Then no accepted request is cut: the shop
// finishes first, then the gateway, then booking, while the services that they need
// still answer; last the workers stop, each between two steps.
func (p *Platform) Run(ctx context.Context) error {
	// Each group outlives the one before it.
	base := context.WithoutCancel(ctx)
	work, stopWork := context.WithCancel(base)
	defer stopWork()
	deliver, stopDeliver := context.WithCancel(base)
	defer stopDeliver()
	rest, stopRest := context.WithCancel(base)
	defer stopRest()

	var g errgroup.Group
	failed := make(chan error, 1)
	run := func(f func() error) <-chan struct{} {
		done := make(chan struct{})
		g.Go(func() error {
			defer close(done)
			err := f()
			if err != nil {
				select {
				case failed <- err: // one service down stops all
				default:
				}
			}
			return err
		})
		return done
	}
	serve := func(ctx context.Context, m *member) <-chan struct{} {
		return run(func() error { return httpkit.Serve(ctx, m.listener, m.app.Handler(), m.log) })
	}

	shop, stopShop := context.WithCancel(base)
	defer stopShop()
	front, stopFront := context.WithCancel(base)
	defer stopFront()
	middle, stopMiddle := context.WithCancel(base)
	defer stopMiddle()

	eventServed, notificationServed := serve(rest, p.event), serve(rest, p.notification)
	bookingServed := serve(middle, p.booking)
	userServed := serve(front, p.user)
	webServed := serve(shop, p.web)
	delivered := run(func() error { return p.broker.Run(deliver) })
	bookingWorked := run(func() error { return p.booking.app.Run(work) })
	others := make([]<-chan struct{}, 0, 4)
	for _, m := range []*member{p.web, p.user, p.event, p.notification} {
		others = append(others, run(func() error { return m.app.Run(rest) }))
	}

	select {
	case <-ctx.Done():
	case err := <-failed:
		p.user.log.ErrorContext(ctx, "a part of the platform has failed; the rest stops", "error", err)
	}
	stopShop()
	<-webServed
	stopFront()
	<-userServed
	stopMiddle()
	<-bookingServed
	stopWork()
	<-bookingWorked
	stopDeliver()
	<-delivered
	stopRest()
	for _, done := range append(others, eventServed, notificationServed) {
		<-done
	}
	return errors.Join(g.Wait(), p.close())
}

func (p *Platform) close() error {
	var errs []error
	p.local.Close()
	for _, m := range p.members() {
		if m.app != nil {
			errs = append(errs, m.app.Close())
		}
		if m.listener != nil {
			if err := m.listener.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	if p.lock != nil {
		errs = append(errs, p.lock.Close())
	}
	return errors.Join(errs...)
}
