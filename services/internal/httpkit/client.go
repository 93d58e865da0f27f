package httpkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
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

// Request is one call.
type Request struct {
	Method string
	Path   []string // its segments, which are escaped
	Query  url.Values
	// Header is sent besides the headers that the client sets itself.
	Header http.Header
	// Body is sent as ContentType; an empty ContentType sends none.
	ContentType string
	Body        []byte
	// MaxAnswer is how many bytes of an answer are read, MaxBodyBytes by default.
	MaxAnswer int64
}

// JSON returns the request with in as its body.
func (r Request) JSON(in any) (Request, error) {
	b, err := json.Marshal(in)
	if err != nil {
		return r, fmt.Errorf("encode request: %w", err)
	}
	r.ContentType, r.Body = "application/json", b
	return r, nil
}

// Refusal is a problem that a service has answered.
type Refusal struct {
	*problem.Problem

	// RetryAfter is the answer's Retry-After, 0 without one.
	RetryAfter time.Duration
}

// Unwrap is for errors.As.
func (r *Refusal) Unwrap() error { return r.Problem }

// Do sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil. See Call.
func (c *Client) Do(ctx context.Context, method string, segments []string, in, out any) error {
	r := Request{Method: method, Path: segments}
	if in != nil {
		var err error
		if r, err = r.JSON(in); err != nil {
			return err
		}
	}
	return c.Call(ctx, r, out)
}

// Get is Do of a GET with a query.
func (c *Client) Get(ctx context.Context, segments []string, query url.Values, out any) error {
	return c.Call(ctx, Request{Method: http.MethodGet, Path: segments, Query: query}, out)
}

// Send is Do with a body that is encoded already. An empty contentType sends
// none.
func (c *Client) Send(ctx context.Context, method string, segments []string, contentType string, b []byte, out any) error {
	return c.Call(ctx, Request{Method: method, Path: segments, ContentType: contentType, Body: b}, out)
}

// Call makes a call and reads the answer into out, unless that is nil. See Read.
func (c *Client) Call(ctx context.Context, r Request, out any) error {
	res, err := c.Open(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	return Read(res, out)
}

// Open makes a call and returns its answer, whatever that is, with a body that is still
// to be read. Its reader must close it, within the client's time. Reading fails where
// the answer is longer than r.MaxAnswer or does not come to its end: half an answer is
// never taken for a whole one. An error wraps ErrUnavailable.
func (c *Client) Open(ctx context.Context, r Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	res, err := c.open(ctx, r)
	if err != nil {
		cancel()
		return nil, err
	}
	limit := r.MaxAnswer
	if limit == 0 {
		limit = MaxBodyBytes
	}
	res.Body = &answerBody{from: res.Body, left: limit, limit: limit, cancel: cancel}
	return res, nil
}

func (c *Client) open(ctx context.Context, r Request) (*http.Response, error) {
	u := c.to(r.Path)
	u.RawQuery = r.Query.Encode()
	var body io.Reader
	if r.ContentType != "" {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, r.Header)
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return nil, fmt.Errorf("service token: %w", err)
		}
		req.Header.Set("X-Service-Token", token)
	}
	traceContext.Inject(ctx, propagation.HeaderCarrier(req.Header))
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	res.Request = req
	return res, nil
}

// to is the URL of a path, of which each segment is escaped.
func (c *Client) to(segments []string) *url.URL {
	escaped := make([]string, len(segments))
	for i, s := range segments {
		escaped[i] = url.PathEscape(s)
	}
	return c.base.JoinPath(escaped...)
}

// answerBody is the body of an answer, up to its limit and within its call's time.
type answerBody struct {
	from   io.ReadCloser
	left   int64
	limit  int64
	cancel context.CancelFunc
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 { // one more tells whether it is too long
		p = p[:b.left+1]
	}
	n, err := b.from.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), fmt.Errorf("%w: an answer of more than %d bytes", ErrUnavailable, b.limit)
	}
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrUnavailable) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return n, err
}

// Close ends the call.
func (b *answerBody) Close() error {
	defer b.cancel()
	return b.from.Close()
}

// Read reads an answer of JSON into out, unless that is nil. A 4xx problem is returned
// as *Refusal, which has a *problem.Problem; any other outcome but 2xx wraps
// ErrUnavailable.
func Read(res *http.Response, out any) error {
	asked := res.Request.Method + " " + res.Request.URL.Path
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", asked, err)
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
		return &Refusal{p, RetryAfter(res)}
	default:
		return fmt.Errorf("%w: %s answered %s", ErrUnavailable, asked, res.Status)
	}
}

// RetryAfter is the Retry-After of an answer in seconds, 0 without one.
func RetryAfter(res *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
