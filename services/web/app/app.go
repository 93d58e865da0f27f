// Package app wires the web service: configuration and adapters in, handler out.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/wiring"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/gateway"
	"github.com/openboxoffice/boxoffice/services/web/adapter/html"
)

// Config is the web service's environment.
type Config struct {
	// Addr is where the service listens when it is a process of its own.
	Addr string `env:"WEB_ADDR" envDefault:"127.0.0.1:8084"`
	config.Reach
	// Sidecar is the own one, if there is one.
	Sidecar sidecar.Config
	// UserURL is the user service, which is the gateway, where there is no sidecar.
	UserURL string `env:"USER_URL"`
	// URL is the shop's public address, like https://tickets.example. It may be left out
	// while nobody but this machine reaches the shop.
	URL string `env:"WEB_URL"`
	// LegalDir is the folder of the operator's own texts: imprint, terms and privacy, each
	// as NAME.en.txt and NAME.de.txt in paragraphs, of which those with "# " in front are
	// headings. A text that is not there is said to be missing.
	LegalDir string `env:"LEGAL_DIR"`
	// SessionKeys seal the cookies of visitors: the first is the one in use, the others
	// are retired. Each is at least 32 bytes in base64.
	SessionKeys []string `env:"WEB_SESSION_KEY,required,notEmpty"`
	// ServiceKey is this service's own private key. ServiceKeys are the public keys of
	// the services, this one's among them.
	ServiceKey  string   `env:"WEB_SERVICE_KEY,required,notEmpty"`
	ServiceKeys []string `env:"SERVICE_KEYS,required,notEmpty"`
}

// Deps is what the process gives the service.
type Deps struct {
	Log *slog.Logger
	// Transport is the way to the gateway where there is no sidecar; nil is over the
	// network.
	Transport http.RoundTripper
	// Public says that other machines can reach the service. An address that is not
	// loopback says so, too, and TrustedProxies.
	Public bool
}

// App is the service, ready to run.
type App struct{ wiring.App }

// New builds the service. It connects to nothing.
func New(_ context.Context, cfg Config, deps Deps) (_ *App, err error) {
	a := &App{}
	defer a.Undo("web", &err)
	if err := a.Open(wiring.Options{
		Name: "web", Addr: cfg.Addr, Reach: cfg.Reach, Public: deps.Public, Sidecar: cfg.Sidecar, Transport: deps.Transport,
		ServiceKey: cfg.ServiceKey, ServiceKeys: cfg.ServiceKeys, Log: deps.Log,
	}); err != nil {
		return nil, err
	}
	trusted, err := cfg.Proxies()
	if err != nil {
		return nil, err
	}
	site, err := cfg.site()
	if err != nil {
		return nil, err
	}
	secrets, err := config.Secrets("WEB_SESSION_KEY", cfg.SessionKeys, !a.Private)
	if err != nil {
		return nil, err
	}
	reads, err := a.Way.Client("user", "USER_URL", cfg.UserURL, a.Key, gateway.ReadTimeout)
	if err != nil {
		return nil, err
	}
	writes, err := a.Way.Client("user", "USER_URL", cfg.UserURL, a.Key, gateway.WriteTimeout)
	if err != nil {
		return nil, err
	}
	platform := gateway.New(reads, writes)
	sessions, err := web.NewSessions(secrets, platform, time.Now)
	if err != nil {
		return nil, fmt.Errorf("WEB_SESSION_KEY: %w", err)
	}
	legal, err := cfg.legal()
	if err != nil {
		return nil, err
	}
	pages, err := html.New(html.Options{
		Catalog: platform, Checkouts: platform, Bookings: platform, Links: platform, SignIns: platform, Accounts: platform, Proofs: platform,
		Sessions: sessions, URL: site, Clients: httpkit.Clients{Proxies: trusted}, Log: deps.Log, Secure: site.Scheme == "https", Recent: time.Second, Legal: legal,
	})
	if err != nil {
		return nil, err
	}
	a.Pages(pages)
	return a, nil
}

// legal is the folder of the operator's texts, or nil.
func (c Config) legal() (fs.FS, error) {
	if c.LegalDir == "" {
		return nil, nil //nolint:nilnil // see above
	}
	switch info, err := os.Stat(c.LegalDir); {
	case err != nil:
		return nil, fmt.Errorf("LEGAL_DIR: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("LEGAL_DIR: %s is not a folder", c.LegalDir)
	}
	return os.DirFS(c.LegalDir), nil
}

// site is the shop's public address. Cookies that anybody on the way could read are for
// this machine alone.
func (c Config) site() (*url.URL, error) {
	value, err := config.Site(c.URL)
	if err != nil {
		return nil, err
	}
	local := c.PublishedLocally || config.Loopback(c.Addr)
	if _, port, err := net.SplitHostPort(c.Addr); value == "" && local && err == nil {
		value = "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	if value == "" {
		return nil, errors.New("WEB_URL is not set: it is the shop's address for its visitors, like https://tickets.example")
	}
	site, err := url.Parse(value)
	if err != nil {
		return nil, fmt.Errorf("WEB_URL: %w", err)
	}
	if site.Scheme != "https" && (!local || !config.LoopbackHost(site.Hostname())) {
		return nil, errors.New("WEB_URL must begin with https:// where other machines reach the shop: the cookies of its visitors are their keys")
	}
	return site, nil
}
