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
	for s := range g.upstreams {
		documents[s] = read(s)
	}
	g.register(mux, api, operations, documents)
}

func (g *Gateway) register(mux *chi.Mux, api huma.API, operations []operation, documents map[service]document) {
	for _, o := range operations {
		x, err := newExchange(o, describe(api, o, documents[o.service]))
		if err != nil {
			panic(fmt.Sprintf("gateway: %s of the %s service: %v", o.id, o.service, err)) // a test starts with it
		}
		mux.Method(o.method, o.path, g.handler(x))
	}
}

// handler passes on the requests of one operation.
func (g *Gateway) handler(x *exchange) http.HandlerFunc {
	upstream := g.upstreams[x.service]
	return func(w http.ResponseWriter, r *http.Request) {
		target, wrong := x.target(upstream, r)
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		headers, wrong := x.crossing(r)
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		if wrong := g.authorize(r.Context(), x, headers); wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		if err := g.introduce(r, x, headers); err != nil {
			g.unavailable(w, r, x, fmt.Errorf("service token: %w", err))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), x.timeout)
		defer cancel()
		req, sent, wrong := x.request(ctx, target, w, r)
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		req.Header = headers
		res, err := g.transport.RoundTrip(req)
		if err == nil {
			defer func() { _ = res.Body.Close() }()
		}
		if sent != nil {
			// What the service makes of half a body is nobody's answer.
			if wrong := sent.Refusal(); wrong != nil {
				httpkit.WriteProblem(w, r, wrong)
				return
			}
		}
		if err != nil {
			g.unavailable(w, r, x, err)
			return
		}
		x.answer(w.Header(), res.Header, upstream)
		w.WriteHeader(res.StatusCode)
		if err := pass(w, res.Body); err != nil {
			// Half an answer must not look like a whole one.
			panic(http.ErrAbortHandler)
		}
	}
}

// request returns the request to make of r, and its body if that goes on as it
// arrives. What the service would refuse unread is refused here.
func (x *exchange) request(ctx context.Context, target *url.URL, w http.ResponseWriter, r *http.Request) (*http.Request, *httpkit.Body, *httpkit.Error) {
	var body io.Reader
	var sent *httpkit.Body
	switch {
	case x.streams():
		var wrong *httpkit.Error
		if sent, wrong = httpkit.OpenBody(w, r, x.bodyLimit, x.timeout, x.bodyTypes...); wrong != nil {
			return nil, nil, wrong
		}
		// Of unknown length: a sidecar would keep one whose length it knows, to send it again.
		body = sent
	case len(x.bodyTypes) > 0:
		b, wrong := httpkit.ReadBody(w, r, x.bodyTypes[0], x.bodyLimit, httpkit.BodyTimeout)
		if wrong != nil {
			return nil, nil, wrong
		}
		body = bytes.NewReader(b)
	}
	// The server's own deadlines are for those that take no longer than others.
	if x.operation.timeout > 0 {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(x.timeout + httpkit.BodyTimeout))
	}
	req, err := http.NewRequestWithContext(ctx, x.method, target.String(), body)
	if err != nil { // of what was checked before
		return nil, nil, httpkit.NewProblem(http.StatusBadRequest, problem.BadRequest, "This cannot be passed on.")
	}
	return req, sent, nil
}

// introduce adds the client's address to headers, with a token of the gateway,
// without which the service behind would not believe it.
func (g *Gateway) introduce(r *http.Request, x *exchange, headers http.Header) error {
	addr := g.clients.Address(r)
	if !addr.IsValid() {
		return nil
	}
	token, err := g.tokens[x.service]()
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
func (g *Gateway) authorize(ctx context.Context, x *exchange, headers http.Header) *httpkit.Error {
	if auth.ReadsOnly(x.method) {
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
			g.log.WarnContext(ctx, "a session cannot be looked at", "operation", x.id, "error", err)
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
func (g *Gateway) unavailable(w http.ResponseWriter, r *http.Request, x *exchange, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The client is gone. Nobody failed, nobody listens; and nobody must
		// take an empty answer for a good one.
		panic(http.ErrAbortHandler)
	}
	g.log.WarnContext(r.Context(), "a service does not answer", "upstream", x.service, "operation", x.id, "error", err)
	httpkit.WriteProblem(w, r, httpkit.NewProblem(http.StatusServiceUnavailable, problem.UpstreamUnavailable,
		"The "+string(x.service)+" service does not answer now.").WithRetryAfter(2))
}
