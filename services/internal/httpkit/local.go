package httpkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
)

// Local is the way to services of this same process: their handlers are called
// as their servers would call them, but without a connection. Nothing crosses
// but what would cross one: neither the context's values nor its deadline, but
// its end. A handler that hangs keeps nobody who asks it longer than they wait.
// An answer that is long, or flushed, is read while it is written; one whose body is
// closed ends its handler's context.
type Local struct {
	elsewhere http.RoundTripper

	mu       sync.RWMutex
	handlers map[string]http.Handler
	closed   bool

	open sync.WaitGroup
}

// NewLocal returns a Local that knows no service yet. What is for another host
// than those it is told of goes over the network.
func NewLocal() *Local {
	return &Local{elsewhere: NewTransport(), handlers: map[string]http.Handler{}}
}

// Handle has requests to host, with its port, answered by h from now on.
func (l *Local) Handle(host string, h http.Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handlers[host] = h
}

// Close refuses all requests from now on, and returns when no handler is at
// work.
func (l *Local) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.open.Wait()
}

var errLocalClosed = errors.New("the platform stops")

// enter returns the handler of host, which is at work until open.Done; nil where
// there is none.
func (l *Local) enter(host string) (http.Handler, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	h := l.handlers[host]
	switch {
	case h == nil:
		return nil, nil //nolint:nilnil // see above
	case l.closed:
		return nil, errLocalClosed
	}
	l.open.Add(1)
	return h, nil
}

// RoundTrip implements http.RoundTripper.
func (l *Local) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := context.Cause(r.Context()); err != nil {
		closeBody(r)
		return nil, err
	}
	h, err := l.enter(r.URL.Host)
	switch {
	case err != nil:
		closeBody(r)
		return nil, err
	case h == nil:
		return l.elsewhere.RoundTrip(r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	in, err := arriving(ctx, r)
	if err != nil {
		cancel()
		closeBody(r)
		l.open.Done()
		return nil, err
	}
	leave := context.AfterFunc(r.Context(), cancel)
	w := &localWriter{header: http.Header{}, asked: r, begun: make(chan *http.Response, 1), end: cancel}
	failed := make(chan error, 1)
	go func() {
		defer l.open.Done()
		defer cancel()
		defer leave()
		defer closeBody(r)
		defer func() {
			if v := recover(); v != nil { // as a connection breaks off
				err := fmt.Errorf("%s %s: the handler gave up: %v", in.Method, in.URL.Path, v)
				w.breakOff(err)
				failed <- err
			}
		}()
		deepen()
		h.ServeHTTP(w, in)
		w.finish()
	}()
	select {
	case res := <-w.begun:
		return res, nil
	case err := <-failed:
		return nil, err
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// deepen makes the goroutine's stack as large as a handler's that asks a
// database. Else it is copied again and again on the way down: BenchmarkLocal of
// event's REST adapter takes a third more CPU without.
//
//go:noinline
func deepen() {
	var frames [12 << 10]byte
	runtime.KeepAlive(&frames)
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// arriving is r as a server reads it.
func arriving(ctx context.Context, r *http.Request) (*http.Request, error) {
	uri := r.URL.RequestURI()
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return nil, err
	}
	in := (&http.Request{
		Method: r.Method, URL: u, RequestURI: uri, Host: r.Host, RemoteAddr: "127.0.0.1:0",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(r.Header)), Body: r.Body, ContentLength: r.ContentLength,
	}).WithContext(ctx)
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	switch {
	case in.Body == nil:
		in.Body = http.NoBody
	case in.Body != http.NoBody && in.ContentLength == 0: // of a client, that is not known
		in.ContentLength = -1
	}
	for name, values := range r.Header {
		if len(values) > 0 { // without one it is not sent
			in.Header[name] = values[:len(values):len(values)]
		}
	}
	return in, nil
}

// longAnswer is how many bytes of an answer are kept until it is whole.
const longAnswer = 64 << 10

// localWriter is what a handler answers to. It keeps the answer until that is whole,
// or long, or flushed; then the caller has it.
type localWriter struct {
	asked *http.Request
	begun chan *http.Response
	end   context.CancelFunc // ends the handler's context

	header http.Header
	sent   http.Header // header, when the answer began; nil before
	status int
	body   bytes.Buffer
	rest   *io.PipeWriter // what comes after body; nil as long as that is all
	stay   func() bool    // the caller's end is none of rest's any more
}

func (w *localWriter) Header() http.Header { return w.header }

func (w *localWriter) WriteHeader(status int) {
	if w.sent != nil || status < http.StatusOK {
		return
	}
	w.sent, w.status = w.header.Clone(), status
}

func (w *localWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.bodiless() {
		return 0, http.ErrBodyNotAllowed
	}
	if w.rest == nil && w.body.Len()+len(b) <= longAnswer {
		return w.body.Write(b)
	}
	w.begin()
	if w.asked.Method == http.MethodHead {
		return len(b), nil
	}
	return w.rest.Write(b)
}

// FlushError is for http.ResponseController.
func (w *localWriter) FlushError() error {
	w.WriteHeader(http.StatusOK)
	if !w.bodiless() {
		w.begin()
	}
	return nil
}

func (w *localWriter) bodiless() bool {
	return w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

// begin gives the caller an answer of which the rest is still to come.
func (w *localWriter) begin() {
	if w.rest != nil {
		return
	}
	rest, out := io.Pipe()
	w.rest = out
	// A handler does not write for longer than the caller waits.
	w.stay = context.AfterFunc(w.asked.Context(), func() { _ = rest.CloseWithError(context.Cause(w.asked.Context())) })
	res := w.response() //nolint:bodyclose // the caller's
	res.ContentLength = -1
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		res.ContentLength = n
	}
	if w.asked.Method != http.MethodHead {
		res.Body = &localBody{Reader: io.MultiReader(&w.body, rest), rest: rest, end: w.end}
	}
	w.begun <- res
}

// localBody is the body of an answer that is not whole yet.
type localBody struct {
	io.Reader

	rest *io.PipeReader
	end  context.CancelFunc
}

// Close implements io.Closer.
func (b *localBody) Close() error {
	b.end()
	return b.rest.Close()
}

// finish is for a handler that has returned.
func (w *localWriter) finish() {
	if w.rest != nil {
		w.stay()
		_ = w.rest.Close()
		return
	}
	w.WriteHeader(http.StatusOK)
	res := w.response() //nolint:bodyclose // the caller's
	if !w.bodiless() {
		res.ContentLength = int64(w.body.Len())
		w.sent.Set("Content-Length", strconv.Itoa(w.body.Len()))
		if w.asked.Method != http.MethodHead {
			res.Body = io.NopCloser(&w.body)
		}
	}
	w.begun <- res
}

// breakOff is for a handler that has panicked.
func (w *localWriter) breakOff(err error) {
	if w.rest != nil {
		_ = w.rest.CloseWithError(err)
	}
}

func (w *localWriter) response() *http.Response {
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Body: http.NoBody, Request: w.asked,
	}
}
