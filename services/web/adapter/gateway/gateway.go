// Package gateway implements web's ports by the platform's public REST API.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/web"
)

// How long the gateway may take: longer than it waits itself for the services behind.
const (
	ReadTimeout  = 6 * time.Second
	WriteTimeout = 17 * time.Second
)

// maxDocument is how many bytes a picture or a document has at most.
const maxDocument = 8 << 20

// Gateway is the platform behind its gateway. It implements every port of web.
type Gateway struct {
	reads, writes *httpkit.Client
	now           func() time.Time
}

var (
	_ web.Catalog   = (*Gateway)(nil)
	_ web.Checkouts = (*Gateway)(nil)
	_ web.Bookings  = (*Gateway)(nil)
	_ web.Links     = (*Gateway)(nil)
	_ web.SignIns   = (*Gateway)(nil)
	_ web.Accounts  = (*Gateway)(nil)
	_ web.Proofs    = (*Gateway)(nil)
)

// New returns the platform by two clients of its gateway, which allow ReadTimeout and
// WriteTimeout. They show web's service token, without which the gateway would take web
// for the visitor.
func New(reads, writes *httpkit.Client) *Gateway {
	return &Gateway{reads: reads, writes: writes, now: time.Now}
}

// credentials are those of a caller that a call shows.
type credentials int

const (
	nobody  credentials = iota // the address alone
	account                    // an account's token
	user                       // an account's or a guest's token
	buyer                      // a user's token, or the key to a booking
	both                       // an account's token and the key to a booking
)

// call is one of the gateway's operations.
type call struct {
	httpkit.Request

	by    web.Caller
	shows credentials
	key   string // the Idempotency-Key
	in    any    // the body, unless it is nil
}

func get(path ...string) httpkit.Request {
	return httpkit.Request{Method: http.MethodGet, Path: path}
}

func post(path ...string) httpkit.Request {
	return httpkit.Request{Method: http.MethodPost, Path: path}
}

// do makes a call and reads the answer into out, unless that is nil.
func (g *Gateway) do(ctx context.Context, c call, out any) error {
	client, r, err := g.prepared(c)
	if err == nil {
		err = client.Call(ctx, r, out)
	}
	return c.refused(err)
}

// open makes a call whose answer is a document.
func (g *Gateway) open(ctx context.Context, c call) (web.Document, error) {
	c.MaxAnswer = maxDocument
	client, r, err := g.prepared(c)
	if err != nil {
		return web.Document{}, err
	}
	res, err := client.Open(ctx, r)
	if err != nil {
		return web.Document{}, c.refused(err)
	}
	if res.StatusCode != http.StatusOK {
		defer func() { _ = res.Body.Close() }()
		if err := httpkit.Read(res, nil); err != nil {
			return web.Document{}, c.refused(err)
		}
		return web.Document{}, fmt.Errorf("%w: %s instead of a document", web.ErrUnavailable, res.Status)
	}
	return web.Document{
		Body: &body{res.Body}, ContentType: res.Header.Get("Content-Type"), ETag: res.Header.Get("ETag"), Size: res.ContentLength,
	}, nil
}

func (g *Gateway) prepared(c call) (*httpkit.Client, httpkit.Request, error) {
	// An empty segment, or one of dots, would lead elsewhere.
	if slices.ContainsFunc(c.Path, func(s string) bool { return strings.Trim(s, ".") == "" }) {
		return nil, c.Request, web.ErrNotFound
	}
	client := g.writes
	if c.Method == http.MethodGet {
		client = g.reads
	}
	c.Header = http.Header{}
	if c.by.AccessToken != "" && c.shows != nobody {
		c.Header.Set("Authorization", "Bearer "+c.by.AccessToken)
	}
	if c.by.BookingKey != "" && (c.shows == both || c.shows == buyer && c.by.AccessToken == "") {
		if strings.ContainsFunc(c.by.BookingKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, c.Request, web.ErrNotFound // no header has it, and it opens nothing
		}
		c.Header.Set(httpkit.BookingKey, c.by.BookingKey)
	}
	if c.by.Address.IsValid() {
		c.Header.Set(httpkit.ClientAddress, c.by.Address.String())
	}
	if c.key != "" {
		c.Header.Set("Idempotency-Key", c.key)
	}
	if c.in == nil {
		return client, c.Request, nil
	}
	r, err := c.JSON(c.in)
	return client, r, err
}

// refused returns err as web knows it.
func (c call) refused(err error) error {
	var p *httpkit.Refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return c.refusal(p)
	}
	return fmt.Errorf("%w: %w", web.ErrUnavailable, err)
}

func (c call) refusal(p *httpkit.Refusal) error {
	switch p.Code {
	case problem.Unauthenticated, problem.InvalidToken:
		return fmt.Errorf("%w: %w", web.ErrSignedOut, p)
	case problem.EventNotFound, problem.ImageNotFound, problem.BookingNotFound, problem.TicketNotFound, problem.SessionNotFound, problem.RouteNotFound:
		return fmt.Errorf("%w: %w", web.ErrNotFound, p)
	case problem.Forbidden:
		switch c.shows {
		case account, both:
			return fmt.Errorf("%w: %w", web.ErrSignedOut, p) // a guest
		case buyer:
			return fmt.Errorf("%w: %w", web.ErrNotFound, p) // somebody else
		}
	}
	r := &web.Refusal{Code: string(p.Code), Detail: p.Detail, RetryAfter: p.RetryAfter, BookingID: p.BookingID}
	for _, f := range p.Errors {
		in, name, _ := strings.Cut(f.Location, ".")
		if in == "path" { // an id that is none
			return fmt.Errorf("%w: %w", web.ErrNotFound, p)
		}
		r.Fields = append(r.Fields, web.FieldError{Field: name, Message: f.Message})
	}
	return r
}

// body is that of a document.
type body struct{ io.ReadCloser }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", web.ErrUnavailable, err)
	}
	return n, err
}
