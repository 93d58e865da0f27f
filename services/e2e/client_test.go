package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// obj is a JSON object, written out.
type obj = map[string]any

// answer is what came back, read to its end.
type answer struct {
	request string
	method  string
	url     *url.URL
	status  int
	header  http.Header
	body    []byte
}

func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: 2 * time.Minute, // against hanging, several times what the services allow themselves
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 256,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// option adds something to a request.
type option func(*http.Request)

// as makes the request a's.
func as(a *account) option {
	return func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+a.token)
		r.Header.Set("X-Forwarded-For", a.address)
	}
}

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// key gives the request an Idempotency-Key.
func key(k string) option { return header("Idempotency-Key", k) }

// content makes b the body.
func content(mediaType string, b []byte) option {
	return func(r *http.Request) {
		r.ContentLength = int64(len(b))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
		r.Body, _ = r.GetBody()
		if mediaType != "" {
			r.Header.Set("Content-Type", mediaType)
		}
	}
}

// body makes v, as JSON, the body.
func body(v any) option {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's mistake
	}
	return content("application/json", b)
}

// form makes the pairs the body.
func form(pairs ...string) option {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return content("application/x-www-form-urlencoded", []byte(v.Encode()))
}

// send makes a request. The error is that there was no whole answer.
func (p *platform) send(method string, s service, path string, options ...option) (*answer, error) {
	began := time.Now()
	a, err := send(p.client, method, p.url(s, path), options...)
	if err == nil {
		documented.check(s, a)
	}
	if p.witness != nil {
		p.witness(began, a, err)
	}
	return a, err
}

func send(c *http.Client, method, rawURL string, options ...option) (*answer, error) {
	req, err := http.NewRequest(method, rawURL, nil)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		o(req)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil {
		err = cutOff(res.Header.Get("Content-Type"), b)
	}
	if err != nil {
		return nil, err
	}
	return &answer{
		request: method + " " + rawURL, method: method, url: req.URL,
		status: res.StatusCode, header: res.Header, body: b,
	}, nil
}

// cutOff returns an error for JSON that ends in the middle: an answer without its
// end is no answer. The gateway breaks off the connection where its own source
// does, but a sidecar passes on what it got from a killed process as if it were
// whole.
func cutOff(mediaType string, b []byte) error {
	if !strings.Contains(mediaType, "json") {
		return nil
	}
	var v any
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&v); errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the answer is cut off after %d bytes: %w", len(b), err)
	}
	return nil // the check against the document reports malformed JSON
}

// patiently makes a request, again for as long as the answer is 503: on a busy
// machine a service gives up on a neighbour or a database that is only slow, and
// its clients ask again. A booking has a key, so that it is made once.
func (p *platform) patiently(method string, s service, path string, options ...option) (a *answer, err error) {
	if method == http.MethodPost && path == "/bookings" {
		once := uuid.NewString()
		options = append(options[:len(options):len(options)], func(r *http.Request) {
			if r.Header.Get("Idempotency-Key") == "" {
				r.Header.Set("Idempotency-Key", once)
			}
		})
	}
	tries := 0
	err = poll(patience, func() error {
		if a, err = p.send(method, s, path, options...); err != nil {
			return final{err}
		}
		if tries++; a.status == http.StatusServiceUnavailable || tries > 1 && a.is(problem.BookingInProgress) {
			return fmt.Errorf("%s: %d %s", a.request, a.status, a.body)
		}
		return nil
	})
	return a, err
}

// call makes a request that must be answered.
func (p *platform) call(t testing.TB, method string, s service, path string, options ...option) *answer {
	t.Helper()
	a, err := p.patiently(method, s, path, options...)
	if err != nil {
		t.Fatalf("%s %s%s: %v", method, s, path, err)
	}
	return a
}

// get makes a GET request that must be answered 200, into out.
func (p *platform) get(t testing.TB, s service, path string, out any, options ...option) *answer {
	t.Helper()
	a := p.call(t, http.MethodGet, s, path, options...)
	a.want(t, http.StatusOK)
	a.into(t, out)
	return a
}

// want ends the test unless this is the status.
func (a *answer) want(t testing.TB, status int) *answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: status %d, want %d: %s", a.request, a.status, status, a.body)
	}
	return a
}

// into decodes the body.
func (a *answer) into(t testing.TB, out any) {
	t.Helper()
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.body, out); err != nil {
		t.Fatalf("%s: %v: %s", a.request, err, a.body)
	}
}

// problem decodes a refusal, or says why it is none as RFC 9457 has it, with a
// code.
func (a *answer) problem() (problem.Problem, error) {
	var p problem.Problem
	if ct := a.header.Get("Content-Type"); ct != problem.ContentType {
		return p, fmt.Errorf("%s: %d with content type %q, want %q: %.300s", a.request, a.status, ct, problem.ContentType, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return p, fmt.Errorf("%s: %w: %.300s", a.request, err, a.body)
	}
	if p.Status != a.status || p.Code == "" || p.Title == "" {
		return p, fmt.Errorf("%s: %d, but the problem says status %d, code %q, title %q", a.request, a.status, p.Status, p.Code, p.Title)
	}
	return p, nil
}

// is says whether it is this refusal.
func (a *answer) is(code problem.Code) bool {
	p, err := a.problem()
	return a.status >= 400 && err == nil && p.Code == code
}

// refused fails the test unless the answer is this refusal, which it returns.
func (a *answer) refused(t testing.TB, status int, code problem.Code) problem.Problem {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, want %d %s: %.600s", a.request, a.status, status, code, a.body)
		return problem.Problem{}
	}
	p, err := a.problem()
	if err != nil {
		t.Error(err)
	} else if p.Code != code {
		t.Errorf("%s: code %q, want %q (%s)", a.request, p.Code, code, p.Detail)
	}
	return p
}

// oauthError fails the test unless the answer is a refusal as RFC 6749 §5.2
// has it.
func (a *answer) oauthError(t testing.TB, status int, code string) {
	t.Helper()
	got, err := a.oauth()
	switch {
	case err != nil:
		t.Error(err)
	case a.status != status || (code != "" && got != code):
		t.Errorf("%s: %d %q, want %d %q: %s", a.request, a.status, got, status, code, a.body)
	}
}

// oauth returns the error of a refusal as RFC 6749 §5.2 has it.
func (a *answer) oauth() (string, error) {
	var e struct {
		Error string `json:"error"`
	}
	if ct, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); ct != "application/json" {
		return "", fmt.Errorf("%s: %d with content type %q: %.300s", a.request, a.status, ct, a.body)
	}
	if err := json.Unmarshal(a.body, &e); err != nil || e.Error == "" {
		return "", fmt.Errorf("%s: %d without an error: %.300s", a.request, a.status, a.body)
	}
	if cc := a.header.Get("Cache-Control"); !strings.Contains(cc, "no-store") {
		return "", fmt.Errorf("%s: Cache-Control is %q, want no-store", a.request, cc)
	}
	return e.Error, nil
}

// patience is how long tests wait for what comes by itself. It only ends what
// hangs: no test depends on how fast the machine is.
const patience = 10 * time.Minute

// final is an error that waiting does not mend.
type final struct{ error }

// poll tries until try returns nil or a final error, for so long at most.
func poll(within time.Duration, try func() error) error {
	deadline := time.After(within)
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		err := try()
		if err == nil {
			return nil
		}
		var f final
		if errors.As(err, &f) {
			return f.error
		}
		select {
		case <-deadline:
			return fmt.Errorf("still so after %s: %w", within, err)
		case <-time.After(pause):
		}
	}
}

// eventually waits until try returns nil.
func eventually(t testing.TB, try func() error) {
	t.Helper()
	if err := poll(patience, try); err != nil {
		t.Fatal(err)
	}
}
