package httpkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// ErrUnavailable says that another service did not give an answer of its own:
// it is down, too slow, or answered 5xx or nonsense. Whether it did what it was
// asked is not known.
var ErrUnavailable = errors.New("service unavailable")

// Client calls one other service. A call by an idempotent method that is left
// without an answer is made again, a few times, within its time.
type Client struct {
	base    *url.URL
	token   func() (string, error)
	timeout time.Duration
	http    *http.Client
}

// NewClient returns a client of the service at base ("http://127.0.0.1:8081").
// Each call shows what token returns, as X-Service-Token, unless token is nil,
// and takes at most timeout. Through sets a custom transport.
func NewClient(base string, token func() (string, error), timeout time.Duration) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the URL of a service", base)
	}
	c := &Client{base: u, token: token, timeout: timeout}
	return c.Through(NewTransport()), nil
}

// Through returns the client with another way to the service.
func (c *Client) Through(way http.RoundTripper) *Client {
	other := *c
	other.http = noRedirects(Retrying(way, func(r *http.Request) bool { return idempotent[r.Method] }))
	return &other
}

// NewHTTPClient returns a client for the services: it asks no proxy and follows
// no redirect. It has no timeout; a request's context has one.
func NewHTTPClient() *http.Client { return noRedirects(NewTransport()) }

// idempotent are the methods of RFC 9110 §9.2.2 that the services use.
var idempotent = map[string]bool{http.MethodGet: true, http.MethodPut: true, http.MethodDelete: true}

func noRedirects(way http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     way,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil. segments are escaped and joined to the path. A 4xx problem is
// returned as *problem.Problem; any other outcome but 2xx, and an answer of more
// than MaxBodyBytes, wraps ErrUnavailable.
func (c *Client) Do(ctx context.Context, method string, segments []string, in, out any) error {
	if in == nil {
		return c.Send(ctx, method, segments, "", nil, out)
	}
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.Send(ctx, method, segments, "application/json", b, out)
}

// Get is Do of a GET with a query.
func (c *Client) Get(ctx context.Context, segments []string, query url.Values, out any) error {
	u := c.to(segments)
	u.RawQuery = query.Encode()
	return c.send(ctx, http.MethodGet, u, "", nil, out)
}

// Send is Do with a body that is encoded already. An empty contentType sends
// none.
func (c *Client) Send(ctx context.Context, method string, segments []string, contentType string, b []byte, out any) error {
	return c.send(ctx, method, c.to(segments), contentType, b, out)
}

// to is the URL of a path, of which each segment is escaped.
func (c *Client) to(segments []string) *url.URL {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
	}
	return c.base.JoinPath(escaped...)
}

func (c *Client) send(ctx context.Context, method string, u *url.URL, contentType string, b []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var body io.Reader
	if contentType != "" {
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return fmt.Errorf("service token: %w", err)
		}
		req.Header.Set("X-Service-Token", token)
	}
	traceContext.Inject(ctx, propagation.HeaderCarrier(req.Header))

	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	answer, err := io.ReadAll(io.LimitReader(res.Body, MaxBodyBytes+1))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if len(answer) > MaxBodyBytes {
		return fmt.Errorf("%w: %s %s answered more than %d bytes", ErrUnavailable, method, u.Path, MaxBodyBytes)
	}
	switch ct, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(answer, out); err != nil {
			return fmt.Errorf("%w: unreadable answer: %w", ErrUnavailable, err)
		}
		return nil
	case res.StatusCode >= 400 && res.StatusCode < 500 && ct == problem.ContentType:
		p := &problem.Problem{}
		if err := json.Unmarshal(answer, p); err != nil || p.Code == "" {
			return fmt.Errorf("%w: %s without a problem", ErrUnavailable, res.Status)
		}
		return p
	default:
		return fmt.Errorf("%w: %s %s answered %s", ErrUnavailable, method, u.Path, res.Status)
	}
}
