package httpkit_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// clientOf returns a client of a service that answers like this.
func clientOf(t *testing.T, timeout time.Duration, answer http.HandlerFunc) *httpkit.Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := httpkit.NewClient(s.URL, nil, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACallHasItsOwnHeaders(t *testing.T) {
	t.Parallel()
	c := clientOf(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("Idempotency-Key") != "k" || r.Header.Get("Content-Type") != "application/json" || string(b) != `{"n":1}` || r.RequestURI != "/a%2Fb?q=%C3%A4" {
			t.Errorf("%s %v %s", r.RequestURI, r.Header, b)
		}
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	r, err := httpkit.Request{
		Method: http.MethodPost, Path: []string{"a/b"}, Query: url.Values{"q": {"ä"}}, Header: http.Header{"Idempotency-Key": {"k"}, "Content-Type": {"text/plain"}},
	}.JSON(map[string]int{"n": 1})
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ OK bool }
	if err := c.Call(t.Context(), r, &out); err != nil || !out.OK {
		t.Errorf("%+v, error %v", out, err)
	}
}

func TestARefusalSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "soon": 0, "-1": 0, "99999999999": 0} {
		c := clientOf(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.Header().Set("Content-Type", problem.ContentType)
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"code":"rate_limited"}`)
		})
		err := c.Do(t.Context(), http.MethodGet, []string{"x"}, nil, nil)
		var refusal *httpkit.Refusal
		var p *problem.Problem
		if !errors.As(err, &refusal) || refusal.RetryAfter != want || !errors.As(err, &p) || p.Code != problem.RateLimited {
			t.Errorf("Retry-After %q: error %v, want to come back after %s", header, err, want)
		}
	}
}

// An answer that is longer than its reader takes is no answer: half a document looks like
// a whole one.
func TestAnAnswerIsReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	const limit = 100 << 10
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		bytes  int
		whole  bool
	}{
		"up to the limit": {func(w http.ResponseWriter, _ *http.Request) { write(w, limit) }, limit, true},
		"empty":           {func(http.ResponseWriter, *http.Request) {}, 0, true},
		"a byte more":     {func(w http.ResponseWriter, _ *http.Request) { write(w, limit+1) }, limit, false},
		"without an end": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				write(w, 10<<10)
			}
		}, limit, false},
		"cut off, of a known length": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			write(w, 500)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 500, false},
		"cut off, of an unknown length": {func(w http.ResponseWriter, _ *http.Request) {
			write(w, 500)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 500, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := clientOf(t, time.Minute, c.answer).Open(t.Context(), httpkit.Request{Method: http.MethodGet, Path: []string{"x"}, MaxAnswer: limit})
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if whole := err == nil; whole != c.whole || err != nil && !errors.Is(err, httpkit.ErrUnavailable) || len(b) != c.bytes {
				t.Errorf("%d bytes, error %v", len(b), err)
			}
			if err := res.Body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func write(w io.Writer, n int) { _, _ = io.WriteString(w, strings.Repeat("x", n)) }

// The time of a call lasts until its answer is read.
func TestAnAnswerIsReadWithinTheCallsTime(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	c := clientOf(t, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		write(w, 10)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	})
	res, err := c.Open(t.Context(), httpkit.Request{Method: http.MethodGet, Path: []string{"x"}})
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	if !errors.Is(err, httpkit.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	<-ended
}

func TestClosingAnAnswerEndsItsCall(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	c := clientOf(t, time.Hour, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	})
	res, err := c.Open(t.Context(), httpkit.Request{Method: http.MethodGet, Path: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

// What is not sent twice is not made twice.
func TestOnlyIdempotentCallsAreMadeAgain(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{http.MethodGet: 3, http.MethodPut: 3, http.MethodDelete: 3, http.MethodPost: 1, http.MethodPatch: 1} {
		tries := 0
		c, err := httpkit.NewClient("http://event", nil, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Through(roundTrip(func(*http.Request) (*http.Response, error) {
			tries++
			return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
		})).Call(t.Context(), httpkit.Request{Method: method, Path: []string{"x"}, ContentType: "text/plain", Body: []byte("x")}, nil)
		if !errors.Is(err, httpkit.ErrUnavailable) || tries != want {
			t.Errorf("%s: %d tries, error %v, want %d", method, tries, err, want)
		}
	}
}

type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
