package httpkit_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

var quiet = slog.New(slog.DiscardHandler)

var errPaused = problem.NewRefusal(problem.SalesPaused, "nothing is sold at the moment")

type input struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"10"`
		N    int64  `json:"n" minimum:"0" maximum:"100"`
	}
}

func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	huma.Put(api, "/things/{id}", func(context.Context, *input) (*struct{}, error) { return nil, nil })
	huma.Get(api, "/things", func(context.Context, *struct {
		httpkit.Page
		Q string `query:"q"`
	}) (*struct {
		Body httpkit.List[string]
	}, error,
	) {
		return &struct{ Body httpkit.List[string] }{httpkit.List[string]{Items: []string{}}}, nil
	})
	table := httpkit.Errors{RetryAfter: map[*problem.Refusal]int{errPaused: 3}}
	for path, err := range map[string]error{
		"/known": fmt.Errorf("secret detail: %w", errPaused), "/unknown": errors.New("secret detail"),
		"/invalid": problem.Invalid{{Name: "x", Message: "no"}}, "/late": context.DeadlineExceeded,
		"/busy": fmt.Errorf("%w: secret detail", storage.ErrBusy),
		"/down": fmt.Errorf("%w: secret detail: %w", storage.ErrUnavailable, context.DeadlineExceeded),
	} {
		huma.Get(api, path, func(ctx context.Context, _ *struct{}) (*struct{}, error) { return nil, table.To(ctx, err) })
	}
	huma.Get(api, "/panic", func(context.Context, *struct{}) (*struct{}, error) { panic("secret detail") })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// Whatever is sent, the answer is a problem with a code, and never a 5xx that
// the sender could cause.
func TestEveryRefusalIsAProblemWithACode(t *testing.T) {
	t.Parallel()
	s := server(t)
	const id = "/things/01890a5d-ac96-774b-bcce-b302099a8057"
	big := `{"name":"` + strings.Repeat("a", 10<<20) + `"}`
	for _, c := range []struct {
		method, path, body, contentType string
		status                          int
		code                            problem.Code
	}{
		{"GET", "/nowhere", "", "", 404, problem.RouteNotFound},
		{"GET", "/docs/nothing", "", "", 404, problem.RouteNotFound},
		{"GET", "/docs/a/b.js", "", "", 404, problem.RouteNotFound},
		{"POST", "/docs", "{}", "", 405, problem.MethodNotAllowed},
		{"DELETE", "/docs/swagger-ui.css", "", "", 405, problem.MethodNotAllowed},
		{"DELETE", id, "", "", 405, problem.MethodNotAllowed},
		{"PUT", id, "", "", 400, problem.MalformedBody},
		{"PUT", id, "{", "", 400, problem.MalformedBody},
		{"PUT", id, "{\"name\":\"\xff\",\"n\":1}", "", 400, problem.MalformedBody},
		{"PUT", id, `{"name":"\u0000","n":1}`, "", 400, problem.MalformedBody},
		{"PUT", id, `{"name":"\\\u0000","n":1}`, "", 400, problem.MalformedBody},
		{"PUT", id, `{"name":"a","n":2.0}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","n":1e400}`, "", 400, problem.MalformedBody},
		{"PUT", id, strings.Repeat("[", 4000), "", 400, problem.MalformedBody},
		{"PUT", id, `{"name":"a","n":99999999999999999999}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","n":1.5}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","n":"1"}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","n":-1}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":7,"n":1}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","n":1,"x":1}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","N":1,"n":1}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `null`, "", 422, problem.ValidationFailed},
		{"PUT", id, `[]`, "", 422, problem.ValidationFailed},
		{"PUT", "/things/no-uuid", `{"name":"a","n":1}`, "", 422, problem.ValidationFailed},
		{"PUT", id, `{"name":"a","n":1}`, "text/plain", 415, problem.UnsupportedMedia},
		{"PUT", id, big, "", 413, problem.BodyTooLarge},
		{"GET", "/things?limit=-1", "", "", 422, problem.ValidationFailed},
		{"GET", "/things?limit=101", "", "", 422, problem.ValidationFailed},
		{"GET", "/things?limit=a", "", "", 422, problem.ValidationFailed},
		{"GET", "/things?q=%ff", "", "", 400, problem.BadRequest},
		{"GET", "/things?q=%zz", "", "", 400, problem.BadRequest},
		{"GET", "/things?q=%00", "", "", 400, problem.BadRequest},
		{"GET", "/things/%ff", "", "", 400, problem.BadRequest},
		{"GET", "/known", "", "", 503, problem.SalesPaused},
		{"GET", "/invalid", "", "", 422, problem.ValidationFailed},
		{"GET", "/down", "", "", 503, problem.Unavailable},
		{"GET", "/busy", "", "", 503, problem.Unavailable},
		{"GET", "/late", "", "", 503, problem.Unavailable},
		{"GET", "/unknown", "", "", 500, problem.Internal},
		{"GET", "/panic", "", "", 500, problem.Internal},
	} {
		name := c.method + " " + c.path + " " + c.body[:min(len(c.body), 40)]
		req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.contentType != "" {
			req.Header.Set("Content-Type", c.contentType)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		var p problem.Problem
		if err := json.Unmarshal(b, &p); err != nil {
			t.Errorf("%s: %q is no JSON", name, b)
		}
		if res.StatusCode != c.status || p.Code != c.code || p.Status != c.status || p.Title == "" || p.TraceID == "" {
			t.Errorf("%s: %d %s, want %d %q", name, res.StatusCode, b, c.status, c.code)
		}
		if ct := res.Header.Get("Content-Type"); ct != problem.ContentType {
			t.Errorf("%s: content type %q", name, ct)
		}
		if strings.Contains(string(b), "secret") || strings.Contains(string(b), "Go ") || strings.Contains(string(b), "int64") {
			t.Errorf("%s: the answer tells internals: %s", name, b)
		}
	}
}

// net/http answers these before any handler sees them, as text. The README lists
// them: whatever else it may answer so belongs there, too.
func TestWhatNoHandlerSees(t *testing.T) {
	t.Parallel()
	s := server(t)
	for request, want := range map[string]string{
		"nonsense\r\n\r\n":                                      "400",
		"GET / HTTP/1.1\r\n\r\n":                                "400", // no Host
		"GET /%zz HTTP/1.1\r\nHost: x\r\n":                      "400",
		"GET / HTTP/1.1\r\nHost: x\r\nExpect: nonsense\r\n\r\n": "417",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n":   "431",
		"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n":            "501",
		"GET / HTTP/3.0\r\nHost: x\r\n\r\n":                                            "505",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n": "400",
	} {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, request) }() // the server may not read all
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", request, err)
		}
		_ = res.Body.Close()
		_ = c.Close()
		if status := res.Status[:3]; status != want || res.Header.Get("Content-Type") == problem.ContentType {
			t.Errorf("%.40q: %s %s, want %s as text", request, status, res.Header.Get("Content-Type"), want)
		}
	}
}

func TestDocsNeedNoNetwork(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, path := range []string{"/docs", "/docs/swagger-ui.css", "/openapi.json"} {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
		}
		if path == "/docs" && (strings.Contains(string(b), `src="http`) || strings.Contains(string(b), `href="http`)) {
			t.Errorf("the page loads from elsewhere:\n%s", b)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	down := errors.New("dial tcp secret:5432")
	httpkit.Health(mux, map[string]func(context.Context) error{
		"database": func(context.Context) error { return down },
		"broker":   func(context.Context) error { return nil },
	})
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	code, body := get("/readyz")
	if code != 503 || !strings.Contains(body, `"database":"unavailable"`) || !strings.Contains(body, `"broker":"ok"`) || strings.Contains(body, "secret") {
		t.Errorf("readyz: %d %s", code, body)
	}
	down = nil
	if code, body := get("/readyz"); code != 200 {
		t.Errorf("readyz: %d %s", code, body)
	}
}

// A dependency that hangs takes the time of none of the others.
func TestReadinessAsksAllAtOnce(t *testing.T) {
	t.Parallel()
	var begun sync.WaitGroup
	begun.Add(2)
	meets := func(ctx context.Context) error {
		begun.Done()
		met := make(chan struct{})
		go func() { begun.Wait(); close(met) }()
		select {
		case <-met:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	httpkit.Health(mux, map[string]func(context.Context) error{"database": meets, "payments": meets})
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	type cursor struct {
		A string `json:"a"`
	}
	var c cursor
	if err := httpkit.DecodeCursor(httpkit.EncodeCursor(cursor{"ü/1"}), &c); err != nil || c.A != "ü/1" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{"", "?", "AA", "e30=", "bnVsbA==", "eyJ4IjoxfQ", "W10", "e317fQ"} {
		if err := httpkit.DecodeCursor(bad, &c); err == nil {
			t.Errorf("%q is taken for a cursor", bad)
		}
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add(httpkit.EncodeCursor(struct {
		A string `json:"a"`
	}{"x"}))
	f.Fuzz(func(t *testing.T, s string) {
		var c struct {
			A string `json:"a"`
		}
		err := httpkit.DecodeCursor(s, &c)
		var p *httpkit.Error
		if err != nil && (!errors.As(err, &p) || p.Code != problem.InvalidCursor) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func TestServeFinishesWhatItAccepted(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- httpkit.Serve(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-leave
			_, _ = io.WriteString(w, "whole")
		}), quiet)
	}()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer <- string(b)
	}()
	<-entered
	stop()
	// Only once the listener is closed is the drain under way.
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatal("the server still accepts")
		}
	}
	close(leave)
	if got := <-answer; got != "whole" {
		t.Errorf("an accepted request got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	var got *http.Request
	status, contentType, body := 200, "application/json", `{"x":1}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer s.Close()
	var errToken error
	c, err := httpkit.NewClient(s.URL, func() (string, error) { return "secret", errToken }, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ X int }
	ctx := httpkit.WithTrace(t.Context())
	if err := c.Do(ctx, http.MethodPut, []string{"a", "b/../c"}, map[string]int{"y": 2}, &out); err != nil || out.X != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if got.URL.EscapedPath() != "/a/b%2F..%2Fc" || got.Header.Get("X-Service-Token") != "secret" ||
		!strings.HasPrefix(httpkit.TraceParent(ctx), got.Header.Get("traceparent")[:35]) {
		t.Errorf("sent %s %v", got.URL.EscapedPath(), got.Header)
	}

	query := url.Values{"after": {"a&b ?"}, "limit": {"5"}}
	if err := c.Get(ctx, []string{"a", "b?x=1"}, query, &out); err != nil || out.X != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	if got.Method != http.MethodGet || got.URL.EscapedPath() != "/a/b%3Fx=1" || got.URL.RawQuery != "after=a%26b+%3F&limit=5" || got.ContentLength != 0 {
		t.Errorf("sent %s %s", got.Method, got.URL)
	}

	status, contentType, body = 409, problem.ContentType, `{"code":"sold_out"}`
	var p *problem.Problem
	if err := c.Do(ctx, http.MethodGet, []string{"a"}, nil, nil); !errors.As(err, &p) || p.Code != problem.SoldOut {
		t.Errorf("a problem came as %v", err)
	}
	for _, x := range []struct {
		status   int
		ct, body string
	}{{500, problem.ContentType, `{"code":"internal_error"}`}, {404, "text/html", "<p>"}, {404, problem.ContentType, "{"}, {302, "", ""}, {200, "application/json", "<p>"},
		{200, "application/json", `{"x":1}` + strings.Repeat(" ", httpkit.MaxBodyBytes)}} {
		status, contentType, body = x.status, x.ct, x.body
		if err := c.Do(ctx, http.MethodGet, []string{"a"}, nil, &out); !errors.Is(err, httpkit.ErrUnavailable) {
			t.Errorf("%.100v came as %v", x, err)
		}
	}
	got, errToken = nil, errors.New("no key")
	if err := c.Do(ctx, http.MethodGet, []string{"a"}, nil, nil); !errors.Is(err, errToken) || got != nil {
		t.Errorf("without a token: %v, and asked %v", err, got)
	}
	errToken = nil
	s.Close()
	if err := c.Do(ctx, http.MethodGet, []string{"a"}, nil, nil); !errors.Is(err, httpkit.ErrUnavailable) {
		t.Errorf("nobody there came as %v", err)
	}
	if _, err := httpkit.NewClient("127.0.0.1:80", nil, time.Second); err == nil {
		t.Error("a URL without a scheme is taken")
	}
}

// ProxyFromEnvironment never names a proxy for this machine, so that no test
// server would show it.
func TestClientsAskNoProxy(t *testing.T) {
	t.Parallel()
	tr, ok := httpkit.NewHTTPClient().Transport.(*http.Transport)
	if !ok || tr.Proxy != nil {
		t.Errorf("transport %T with a proxy", tr)
	}
}
