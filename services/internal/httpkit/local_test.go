package httpkit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// What a handler sees, and what comes of its answer, is the same with a
// connection and without one.
func TestLocalIsAsAConnection(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	mux.HandleFunc("/echo/{segment}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "not sent")
		fmt.Fprintln(w, r.Method, r.RequestURI, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.URL.Host, r.Host, r.Proto,
			r.ContentLength, string(body), err, r.Header.Get("X-In"), r.Header["X-None"] == nil, r.Context().Value(contextKey{}))
	})
	mux.Get("/unchanged", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusNotModified)
		_, err := w.Write([]byte("no body"))
		if !errors.Is(err, http.ErrBodyNotAllowed) {
			t.Errorf("writing the body of a 304: %v", err)
		}
	})
	long := strings.Repeat("0123456789abcdef", 20<<10)
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, long+long)
		_, _ = io.WriteString(w, "end")
	})
	mux.HandleFunc("/measured", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", strconv.Itoa(len(long)))
		_, _ = io.WriteString(w, long)
	})
	mux.Get("/flushed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "a")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Late", "not sent")
		_, _ = io.WriteString(w, "b")
	})
	mux.Get("/breaks", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, long)
		panic(http.ErrAbortHandler)
	})
	mux.Get("/silent", func(http.ResponseWriter, *http.Request) {})
	mux.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("on purpose") })
	mux.Get("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	local := httpkit.NewLocal()
	network := httpkit.NewTransport()
	local.Handle(at.Host, mux)

	type answer struct {
		Status, Body string
		Header       http.Header
		Length       int64
		Failed       bool
		BreaksOff    bool
	}
	ask := func(way http.RoundTripper, method, path, body string) (a answer) {
		var in io.Reader
		if body != "" {
			in = strings.NewReader(body)
		}
		ctx := context.WithValue(t.Context(), contextKey{}, "the caller's")
		r, err := http.NewRequestWithContext(ctx, method, server.URL+path, in)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-In", "in")
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		r.Header["X-None"] = nil
		res, err := way.RoundTrip(r)
		if err != nil {
			return answer{Failed: true}
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		res.Header.Del("Date") // of the connection's server
		if err != nil {
			return answer{Status: res.Status, BreaksOff: true}
		}
		return answer{res.Status, string(b), res.Header, res.ContentLength, false, false}
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, "/echo/a", ""},
		{http.MethodGet, "/echo/a%2Fb%20c?q=%C3%A4&q=2&%", ""},
		{http.MethodGet, "/echo/a?q=%C3%A4&q=2", ""},
		{http.MethodPut, "/echo/%E5%A4%9C", `{"a":1}`},
		{http.MethodHead, "/echo/a", ""},
		{http.MethodDelete, "/echo/a", ""},
		{http.MethodGet, "/unchanged", ""},
		{http.MethodGet, "/long", ""},
		{http.MethodHead, "/long", ""},
		{http.MethodGet, "/measured", ""},
		{http.MethodGet, "/flushed", ""},
		{http.MethodGet, "/breaks", ""},
		{http.MethodGet, "/silent", ""},
		{http.MethodGet, "/panic", ""},
		{http.MethodGet, "/abort", ""},
		{http.MethodGet, "/nowhere", ""},
		{http.MethodPost, "/silent", ""},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			want, got := ask(network, c.method, c.path, c.body), ask(local, c.method, c.path, c.body)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("with a connection (-) and without (+):\n%s", d)
			}
		})
	}
	defer local.Close()

	server.Close()
	if ask(local, http.MethodGet, "/echo/a", "").Failed {
		t.Error("it takes a connection")
	}
}

type contextKey struct{}

func TestLocalAsksOthersOverTheNetwork(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer server.Close()
	local := httpkit.NewLocal()
	local.Handle("127.0.0.1:1", http.NotFoundHandler())
	res, err := local.RoundTrip(request(t, t.Context(), http.MethodGet, server.URL, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusTeapot {
		t.Error(res.Status)
	}
}

// Who asks waits no longer than they want; the handler hears of it, and is
// waited for at the end.
func TestLocalLeavesAHandlerThatHangs(t *testing.T) {
	t.Parallel()
	local := httpkit.NewLocal()
	came, gone, heard := make(chan struct{}), make(chan struct{}), false
	local.Handle("hangs:1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		heard = true
		<-gone // or it would answer, and either may be seen first
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-came
		cancel()
	}()
	res, err := local.RoundTrip(request(t, ctx, http.MethodGet, "http://hangs:1/", nil))
	close(gone)
	if err == nil {
		res.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if local.Close(); !heard {
		t.Error("the handler did not hear of it")
	}
	res, err = local.RoundTrip(request(t, ctx, http.MethodGet, "http://hangs:1/", nil))
	if err == nil {
		res.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("asked by somebody who is gone: %v", err)
	}
}

// A long answer is read while it is written. Whoever closes it ends the work behind,
// and so does the end of their context.
func TestLocalStreams(t *testing.T) {
	t.Parallel()
	for name, hangUp := range map[string]func(*http.Response, context.CancelFunc){
		"closed":   func(res *http.Response, _ context.CancelFunc) { _ = res.Body.Close() },
		"given up": func(_ *http.Response, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			local := httpkit.NewLocal()
			said, ended := make(chan string), make(chan error, 2)
			local.Handle("streams:1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for text := range said {
					_, _ = io.WriteString(w, text)
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
				ended <- r.Context().Err()
				_, err := w.Write(make([]byte, 1<<20)) // which nobody reads
				ended <- err
			}))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { said <- "first" }()
			res, err := local.RoundTrip(request(t, ctx, http.MethodGet, "http://streams:1/", nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b := make([]byte, 64)
			for _, text := range []string{"first", "second"} {
				if text == "second" {
					go func() { said <- text }()
				}
				if n, err := io.ReadAtLeast(res.Body, b, len(text)); err != nil || string(b[:n]) != text {
					t.Fatalf("read %q, %v, want %q", b[:n], err, text)
				}
			}
			close(said)
			hangUp(res, cancel)
			if err := <-ended; err == nil {
				t.Error("the handler's context goes on")
			}
			if err := <-ended; err == nil {
				t.Error("a megabyte was written that nobody reads")
			}
			if _, err := res.Body.Read(b); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("reading on: %v, want an error", err)
			}
			local.Close()
		})
	}
}

func TestWhatIsClosedCallsNoHandler(t *testing.T) {
	t.Parallel()
	local := httpkit.NewLocal()
	local.Handle("event:1", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was called") }))
	local.Close()
	res, err := local.RoundTrip(request(t, t.Context(), http.MethodGet, "http://event:1/", nil))
	if err == nil {
		_ = res.Body.Close()
		t.Error("a request was answered after the end")
	}
}
