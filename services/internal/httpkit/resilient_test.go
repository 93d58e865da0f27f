package httpkit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// way is a RoundTripper as a function.
type way func(r *http.Request) (*http.Response, error)

func (w way) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func answering(status int) (*http.Response, error) {
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

var errReset = errors.New("connection reset")

// refusal is an error that says it is an answer.
type refusal struct{ error }

func (refusal) Refusal() bool { return true }

func request(t *testing.T, ctx context.Context, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// left makes calls through w, and returns how many of them were not made.
func left(t *testing.T, w http.RoundTripper, made *atomic.Int64, calls int, url string) int {
	t.Helper()
	before := made.Load()
	for range calls {
		res, err := w.RoundTrip(request(t, t.Context(), http.MethodGet, url, nil))
		if err == nil {
			_ = res.Body.Close()
		}
	}
	return calls - int(made.Load()-before)
}

func TestBreakerOpensForWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		var well atomic.Bool
		log := &bytes.Buffer{}
		w := httpkit.Breaking(way(func(r *http.Request) (*http.Response, error) {
			made.Add(1)
			if r.URL.Host == "ill" && !well.Load() {
				return nil, errReset
			}
			return answering(http.StatusOK)
		}), slog.New(slog.NewJSONHandler(log, nil)))
		if n := left(t, w, &made, 20, "http://ill/"); n < 15-1 || n > 15 {
			t.Errorf("%d of 20 calls were not made, want all after the fifth", n)
		}
		if n := left(t, w, &made, 20, "http://other/"); n != 0 {
			t.Errorf("%d calls of another were not made", n)
		}
		well.Store(true)
		deadline := time.After(30 * time.Second)
		for left(t, w, &made, 1, "http://ill/") == 1 {
			select {
			case <-deadline:
				t.Fatal("it stays open")
			case <-time.After(10 * time.Millisecond):
			}
		}
		if n := left(t, w, &made, 20, "http://ill/"); n != 0 {
			t.Errorf("%d calls of who is well again were not made", n)
		}
		for _, want := range []string{`"to":"open"`, `"to":"closed"`} {
			if n := strings.Count(log.String(), want); n != 1 {
				t.Errorf("%s is %d times in the log: %s", want, n, log)
			}
		}
	})
}

func TestBreakerStaysClosedForAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		for what, answer := range map[string]func(r *http.Request) (*http.Response, error){
			"sold out":          func(*http.Request) (*http.Response, error) { return answering(http.StatusConflict) },
			"overloaded":        func(*http.Request) (*http.Response, error) { return answering(http.StatusServiceUnavailable) },
			"a sidecar refuses": func(*http.Request) (*http.Response, error) { return nil, refusal{errReset} },
			"a hasty caller":    func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded },
		} {
			var made atomic.Int64
			w := httpkit.Breaking(way(func(r *http.Request) (*http.Response, error) {
				made.Add(1)
				return answer(r)
			}), slog.New(slog.DiscardHandler))
			if n := left(t, w, &made, 100, "http://one/"); n != 0 {
				t.Errorf("%s: %d of 100 calls were not made", what, n)
			}
			for range 100 { // callers who have gone
				if res, err := w.RoundTrip(request(t, canceled, http.MethodGet, "http://one/", nil)); err == nil {
					_ = res.Body.Close()
				}
			}
			if made.Load() != 200 {
				t.Errorf("%s, and callers who have gone: %d of 200 calls were made", what, made.Load())
			}
		}
	})
}

// What a neighbour leaves without an answer for a second or more counts, what a
// caller has no time for does not.
func TestBreakerOpensForSlowness(t *testing.T) {
	t.Parallel()
	for took, opens := range map[time.Duration]bool{900 * time.Millisecond: false, time.Second: true, 3 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			var made atomic.Int64
			w := httpkit.Breaking(way(func(*http.Request) (*http.Response, error) {
				made.Add(1)
				<-time.After(took)
				return nil, context.DeadlineExceeded
			}), slog.New(slog.DiscardHandler))
			if n := left(t, w, &made, 6, "http://one/"); n > 0 != opens {
				t.Errorf("of six calls that took %s, %d were not made", took, n)
			}
		})
	}
}

// The call that tries a neighbour may be one that takes long. Others do not wait
// for it, and when it ends well after all, all is well.
func TestBreakerClosesAfterSlowTrials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		well := false
		w := httpkit.Breaking(way(func(*http.Request) (*http.Response, error) {
			made.Add(1)
			if !well {
				return nil, errReset
			}
			<-time.After(5 * time.Second)
			return answering(http.StatusOK)
		}), slog.New(slog.DiscardHandler))
		left(t, w, &made, 5, "http://one/")
		well = true
		var calls sync.WaitGroup
		for range 100 { // ten a second
			<-time.After(100 * time.Millisecond)
			calls.Go(func() {
				if res, err := w.RoundTrip(request(t, t.Context(), http.MethodGet, "http://one/", nil)); err == nil {
					_ = res.Body.Close()
				}
			})
		}
		calls.Wait()
		// One at first, others every two seconds beside it, all after five.
		if n := made.Load() - 5; n < 40 || n > 50 {
			t.Errorf("%d of 100 calls were made", n)
		}
		if n := left(t, w, &made, 5, "http://one/"); n != 0 {
			t.Errorf("afterwards %d calls were not made", n)
		}
	})
}

// A trial that fails late opens it again.
func TestBreakerOpensAgainAfterASlowTrial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		w := httpkit.Breaking(way(func(*http.Request) (*http.Response, error) {
			made.Add(1)
			<-time.After(5 * time.Second)
			return nil, context.DeadlineExceeded
		}), slog.New(slog.DiscardHandler))
		left(t, w, &made, 5, "http://one/")
		<-time.After(1100 * time.Millisecond)
		if n := left(t, w, &made, 1, "http://one/"); n != 0 {
			t.Error("it is not tried")
		}
		if n := left(t, w, &made, 5, "http://one/"); n != 5 {
			t.Errorf("%d of 5 calls were not made", n)
		}
	})
}

func TestRetrying(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what  string
		fails int // so many calls, then it is well
		err   error
		may   bool
		want  int // calls
		well  bool
	}{
		{"well", 0, nil, true, 1, true},
		{"reset once", 1, errReset, true, 2, true},
		{"reset twice", 2, errReset, true, 3, true},
		{"reset for good", 100, errReset, true, 3, false},
		{"out of time", 100, context.DeadlineExceeded, true, 1, false},
		{"may not", 1, errReset, false, 1, false},
		{"refused", 1, refusal{errReset}, true, 1, false},
	} {
		made := 0
		var bodies []string
		w := httpkit.Retrying(way(func(r *http.Request) (*http.Response, error) {
			made++
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			bodies = append(bodies, string(b))
			if made <= c.fails {
				return nil, c.err
			}
			return answering(http.StatusOK)
		}), func(*http.Request) bool { return c.may })
		res, err := w.RoundTrip(request(t, t.Context(), http.MethodPut, "http://one/", bytes.NewReader([]byte("whole"))))
		if err == nil {
			_ = res.Body.Close()
		}
		if made != c.want || (err == nil) != c.well || err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %d calls, %v; want %d", c.what, made, err, c.want)
		}
		for _, b := range bodies {
			if b != "whole" {
				t.Errorf("%s: the bodies are %q", c.what, bodies)
			}
		}
	}
}

// Whoever is left alone is not asked three times for that.
func TestWhoIsLeftAloneIsNotRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		w := httpkit.Retrying(httpkit.Breaking(way(func(*http.Request) (*http.Response, error) {
			made.Add(1)
			return nil, errReset
		}), slog.New(slog.DiscardHandler)), func(*http.Request) bool { return true })
		left(t, w, &made, 5, "http://one/")
		began := time.Now()
		left(t, w, &made, 1, "http://one/")
		if made.Load() != 5 || time.Since(began) != 0 {
			t.Errorf("%d calls, the last took %s", made.Load(), time.Since(began))
		}
	})
}

// What may have an effect each time is asked once, by a Client too.
func TestClientRepeatsIdempotentCallsAlone(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int64{http.MethodGet: 3, http.MethodPut: 3, http.MethodDelete: 3, http.MethodPost: 1, http.MethodPatch: 1} {
		var made atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			made.Add(1)
			panic(http.ErrAbortHandler)
		}))
		c, err := httpkit.NewClient(s.URL, nil, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Do(t.Context(), method, []string{"x"}, map[string]int{"a": 1}, nil); !errors.Is(err, httpkit.ErrUnavailable) {
			t.Errorf("%s: %v", method, err)
		}
		s.Close()
		if made.Load() != want {
			t.Errorf("%s was sent %d times, want %d", method, made.Load(), want)
		}
	}
}
