// Package gateway lets clients reach the other services through this one. It
// knows each operation that they may call; it parses what they send, builds the
// inner request anew, and copies no path, so that nothing else is reachable.
package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// How long an answer may take. Booking takes up to 10 s for a payment.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 15 * time.Second
)

// Upstreams are the base URLs of the services behind, and the way there: nil is
// the straight one.
type Upstreams struct {
	Event, Booking, Notification string
	Transport                    http.RoundTripper
}

// Gateway passes requests on.
type Gateway struct {
	upstreams map[service]*url.URL
	transport http.RoundTripper
	tokens    map[service]func() (string, error)
	clients   httpkit.Clients
	passOn    PassOn
	log       *slog.Logger
}

// Options are what a gateway is made of.
type Options struct {
	Upstreams Upstreams
	// Key is the gateway's own, by which the services behind believe its
	// Client-Address. Clients tells it.
	Key     *auth.ServiceKey
	Clients httpkit.Clients
	PassOn  PassOn
	Log     *slog.Logger
}

// PassOn returns the access token that a service is shown in the place of a
// client's, for a request that may change something. Its error is
// auth.ErrInvalidToken where the client's is not valid or its session is over.
type PassOn = func(ctx context.Context, token string) (string, error)

// New returns a gateway to the upstreams.
func New(o Options) (*Gateway, error) {
	g := &Gateway{
		upstreams: map[service]*url.URL{}, tokens: map[service]func() (string, error){},
		clients: o.Clients, passOn: o.PassOn, log: o.Log,
	}
	for s, base := range map[service]string{event: o.Upstreams.Event, booking: o.Upstreams.Booking, notification: o.Upstreams.Notification} {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return nil, fmt.Errorf("%q is not the URL of the %s service", base, s)
		}
		g.upstreams[s], g.tokens[s] = u, o.Key.TokenFor(string(s))
	}
	way := o.Upstreams.Transport
	if way == nil {
		way = httpkit.NewTransport()
	}
	// Only what changes nothing is asked twice: of the rest a client knows better.
	g.transport = httpkit.Retrying(way, func(r *http.Request) bool { return r.Method == http.MethodGet })
	return g, nil
}

// Register adds the operations to mux, and to api for those who read its
// document.
func (g *Gateway) Register(mux *chi.Mux, api huma.API) {
	documents := map[service]document{}
	for _, o := range operations {
		mux.Method(o.method, o.path(), g.handler(o, describe(api, o, documents).RequestBody))
	}
}

// handler passes on the requests of one operation, whose body is nil where it
// has none.
func (g *Gateway) handler(o operation, expected *bodyDoc) http.HandlerFunc {
	timeout := writeTimeout
	if auth.ReadsOnly(o.method) {
		timeout = readTimeout
	}
	return func(w http.ResponseWriter, r *http.Request) {
		target, wrong := o.target(g.upstreams[o.service], r)
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		headers, wrong := crossing(r)
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		if wrong := g.authorize(r.Context(), o, headers); wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		if err := g.introduce(r, o, headers); err != nil {
			g.unavailable(w, r, o, fmt.Errorf("service token: %w", err))
			return
		}
		body, wrong := expected.read(w, r)
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, o.method, target.String(), body)
		if err != nil {
			g.unavailable(w, r, o, err)
			return
		}
		req.Header = headers
		res, err := g.transport.RoundTrip(req)
		if err != nil {
			g.unavailable(w, r, o, err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		answerHeaders(w.Header(), res.Header, g.upstreams[o.service])
		w.WriteHeader(res.StatusCode)
		if err := pass(w, res.Body); err != nil {
			// Half an answer must not look like a whole one.
			panic(http.ErrAbortHandler)
		}
	}
}

// introduce adds the client's address to headers, with a token of the gateway,
// without which the service behind would not believe it.
func (g *Gateway) introduce(r *http.Request, o operation, headers http.Header) error {
	addr := g.clients.Address(r)
	if !addr.IsValid() {
		return nil
	}
	token, err := g.tokens[o.service]()
	if err != nil {
		return err
	}
	headers.Set(httpkit.ClientAddress, addr.String())
	headers.Set("X-Service-Token", token)
	return nil
}

// authorize replaces the access token in headers by the one to pass on, or
// refuses the request, for an operation that may change something. One without a
// token, whoever makes it, the service refuses where it must.
func (g *Gateway) authorize(ctx context.Context, o operation, headers http.Header) *httpkit.Error {
	if auth.ReadsOnly(o.method) {
		return nil
	}
	token, ok := auth.Bearer(headers.Get("Authorization"))
	// Only what was looked at crosses: nothing that a sidecar or a service could
	// read otherwise.
	headers.Del("Authorization")
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	token, err := g.passOn(ctx, token)
	if err != nil {
		if !errors.Is(err, auth.ErrInvalidToken) && !errors.Is(ctx.Err(), context.Canceled) {
			g.log.WarnContext(ctx, "a session cannot be looked at", "operation", o.id, "error", err)
		}
		return auth.Unverified(err)
	}
	headers.Set("Authorization", "Bearer "+token)
	return nil
}

// buffers are for answers on their way through.
var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// pass copies an answer's body. It hides that w could do so itself: net/http's
// writer would send the head by itself before, and take a new buffer each time.
func pass(w io.Writer, body io.Reader) error {
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, body, buffer[:])
	return err
}

// unavailable answers for a service that did not.
func (g *Gateway) unavailable(w http.ResponseWriter, r *http.Request, o operation, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The client is gone. Nobody failed, nobody listens; and nobody must
		// take an empty answer for a good one.
		panic(http.ErrAbortHandler)
	}
	g.log.WarnContext(r.Context(), "a service does not answer", "upstream", o.service, "operation", o.id, "error", err)
	httpkit.WriteProblem(w, r, httpkit.NewProblem(http.StatusServiceUnavailable, problem.UpstreamUnavailable,
		"The "+string(o.service)+" service does not answer now.").WithRetryAfter(2))
}

// read reads the whole body, so that a broken one never reaches a service, and
// so that a request can be repeated on another connection where the kept one
// turns out to be closed. What the service would refuse unread is refused here.
func (d *bodyDoc) read(w http.ResponseWriter, r *http.Request) (io.Reader, *httpkit.Error) {
	if d == nil {
		return nil, nil
	}
	b, wrong := httpkit.ReadBody(w, r, "application/json", d.Limit, httpkit.BodyTimeout)
	if wrong != nil {
		return nil, wrong
	}
	return bytes.NewReader(b), nil
}
