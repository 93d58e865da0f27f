// Package sidecar is the way from a process to the other services: by its Dapr
// sidecar where it has one, and straight to their addresses where it has none.
// Whoever makes a request notices nothing of it.
package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Config is what a process is told of its sidecar: by the names under which
// `dapr run` and Kubernetes' injector say it.
type Config struct {
	// Port is where the sidecar listens on this machine; 0 is no sidecar.
	Port uint16 `env:"DAPR_HTTP_PORT"`
	// APIToken is what the sidecar wants to see, AppToken what it shows.
	APIToken string `env:"DAPR_API_TOKEN"`
	AppToken string `env:"APP_API_TOKEN"`
}

// RefuseExamples returns an error where c has a token of .env.example: whoever knows
// them uses the sidecar as the service does, and delivers messages to the service. It is
// for services that others can reach.
func (c Config) RefuseExamples() error {
	if !c.There() {
		return nil
	}
	return errors.Join(config.RefuseExample("DAPR_API_TOKEN", c.APIToken), config.RefuseExample("APP_API_TOKEN", c.AppToken))
}

// There says whether there is a sidecar.
func (c Config) There() bool { return c.Port != 0 }

// URL is the sidecar's API.
func (c Config) URL() string {
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(int(c.Port)))
}

// Way is the way to the other services.
type Way struct {
	Config

	// Transport takes requests to the URLs that URL returns, with a circuit
	// breaker for each service. What is not the service's own answer is an error.
	Transport http.RoundTripper

	health *http.Client
}

// Open returns the way that c says. It connects to nothing. straight is the way
// where there is no sidecar; nil is over the network.
func Open(c Config, straight http.RoundTripper, log *slog.Logger) (*Way, error) {
	transport := httpkit.NewTransport()
	if straight == nil {
		straight = transport
	}
	w := &Way{Config: c, Transport: httpkit.Breaking(straight, log)}
	if !c.There() {
		return w, nil
	}
	if c.APIToken == "" || c.AppToken == "" {
		return nil, errors.New("DAPR_HTTP_PORT is set, so DAPR_API_TOKEN and APP_API_TOKEN must be")
	}
	w.Transport = httpkit.Breaking(&invoking{c, transport}, log)
	w.health = &http.Client{Transport: transport, Timeout: 2 * time.Second}
	return w, nil
}

// URL returns where app is found: at its app id where there is a sidecar, else
// at address, which variable has said.
func (w *Way) URL(app, variable, address string) (string, error) {
	if w.There() {
		return "http://" + app, nil
	}
	if address == "" {
		return "", fmt.Errorf("%s is not set, and there is no sidecar", variable)
	}
	return address, nil
}

// Client returns a client of app that shows it tokens by key. See
// httpkit.NewClient.
func (w *Way) Client(app, variable, address string, key *auth.ServiceKey, timeout time.Duration) (*httpkit.Client, error) {
	u, err := w.URL(app, variable, address)
	if err != nil {
		return nil, err
	}
	c, err := httpkit.NewClient(u, key.TokenFor(app), timeout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return c.Through(w.Transport), nil
}

// Verifier returns a verifier of access tokens with the keys of the user
// service, which are at address where there is no sidecar.
func (w *Way) Verifier(address string, log *slog.Logger) (*auth.Verifier, error) {
	if w.There() {
		address = "http://user/.well-known/jwks.json"
	}
	if address == "" {
		return nil, errors.New("JWKS_URL is not set, and there is no sidecar")
	}
	return auth.NewVerifier(address, log).Through(w.Transport), nil
}

// Checks adds to checks, of what /readyz looks at, that the sidecar can be used,
// if there is one.
func (w *Way) Checks(checks map[string]func(context.Context) error) map[string]func(context.Context) error {
	if w.There() {
		checks["sidecar"] = w.ready
	}
	return checks
}

// ready asks whether the sidecar has all it needs to pass things on; not whether
// it finds its app well, which asks the same.
func (w *Way) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Config.URL()+"/v1.0/healthz/outbound", nil)
	if err != nil {
		return err
	}
	res, err := w.health.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("the sidecar is not ready: %s", res.Status)
	}
	return nil
}

// invoking sends a request to the app that is its host, by the sidecar.
type invoking struct {
	Config
	next http.RoundTripper
}

func (i *invoking) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host = "http", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(i.Port))), ""
	out.Header.Set("dapr-app-id", r.URL.Host)
	out.Header.Set("dapr-api-token", i.APIToken)
	res, err := i.next.RoundTrip(out)
	if err != nil || res.StatusCode < 400 {
		return res, err
	}
	// The services refuse by problems, and where OAuth 2.0 has it so by its errors. The
	// sidecar knows neither.
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind == problem.ContentType {
		return res, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	var refusal struct {
		Code  string `json:"errorCode"`
		OAuth string `json:"error"` // RFC 6749 §5.2
	}
	_ = json.Unmarshal(body, &refusal) // what it is not, it does not say
	if refusal.OAuth != "" && refusal.Code == "" {
		res.Body = io.NopCloser(bytes.NewReader(body))
		return res, nil
	}
	return nil, &Error{App: r.URL.Host, Status: res.StatusCode, Code: refusal.Code}
}

// Error is an answer of the sidecar itself: the app did not give one.
type Error struct {
	App    string
	Status int
	Code   string // ERR_DIRECT_INVOKE
}

// Refusal says that the sidecar did not like the request, whoever it was for.
func (e *Error) Refusal() bool { return e.Status < 500 }

func (e *Error) Error() string {
	return fmt.Sprintf("the sidecar answers for %q: %d %s", e.App, e.Status, e.Code)
}
