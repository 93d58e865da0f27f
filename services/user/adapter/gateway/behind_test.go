package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
)

const id = "01890a5d-ac96-774b-bcce-b302099a8057"

// behind is the services behind the gateway: it notes what arrives.
type behind struct {
	mu     sync.Mutex
	seen   []*http.Request
	bodies []string
	answer http.HandlerFunc // 200 {} where nil
}

func (b *behind) service(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		r.Header.Set("Test-Service", name)
		b.seen = append(b.seen, r)
		b.bodies = append(b.bodies, string(body))
		answer := b.answer
		b.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{}")
	})
}

// took returns what has arrived since the last time: "service METHOD uri".
func (b *behind) took() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.seen {
		out = append(out, r.Header.Get("Test-Service")+" "+r.Method+" "+r.RequestURI)
	}
	b.seen, b.bodies = nil, nil
	return out
}

// header returns that of the one request that has arrived since the last time.
func (b *behind) header(t *testing.T) http.Header {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) != 1 {
		t.Fatalf("%d requests arrived, want 1", len(b.seen))
	}
	h := b.seen[0].Header
	b.seen, b.bodies = nil, nil
	return h
}

// newGateway returns the gateway's address, and its log.
func newGateway(t *testing.T, b *behind) (addr string, log *syncBuffer) {
	t.Helper()
	return start(t, upstreams(t, b))
}

func upstreams(t *testing.T, b *behind) gateway.Upstreams {
	t.Helper()
	url := func(name string) string {
		s := httptest.NewServer(b.service(name))
		t.Cleanup(s.Close)
		return s.URL
	}
	return gateway.Upstreams{Event: url("event"), Booking: url("booking"), Notification: url("notification")}
}

func start(t *testing.T, up gateway.Upstreams) (addr string, log *syncBuffer) {
	t.Helper()
	return startWith(t, up, unchanged)
}

func startWith(t *testing.T, up gateway.Upstreams, passOn gateway.PassOn) (addr string, log *syncBuffer) {
	t.Helper()
	log = &syncBuffer{}
	keys := authtest.New(t)
	mux := newMux(t, gateway.Options{
		Upstreams: up, Key: keys.Own["user"], Clients: httpkit.Clients{Front: "web", Verify: keys.Keys().Verifier("user")},
		PassOn: passOn, Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), log
}

// newMux returns the handler of a gateway.
func newMux(t testing.TB, o gateway.Options) http.Handler {
	t.Helper()
	g, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	g.Register(mux, httpkit.NewAPI(mux, "Test", ""))
	return mux
}

// unchanged passes each token on as it is.
func unchanged(_ context.Context, token string) (string, error) { return token, nil }

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// answer is an answer's head.
type answer struct {
	StatusCode int
	Header     http.Header
}

// send writes a request as it is, and returns the answer.
func send(t *testing.T, addr, method, target string, header http.Header, body string) (answer, string) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n", method, target)
	if header.Get("Transfer-Encoding") == "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	for k, vs := range header {
		for _, v := range vs {
			fmt.Fprintf(&b, "%s: %s\r\n", k, v)
		}
	}
	b.WriteString("\r\n" + body)
	// The gateway may answer, and close, before it has read all.
	go func() { _, _ = io.WriteString(c, b.String()) }()
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header}, string(out)
}

func wantProblem(t *testing.T, what string, res answer, body string, status int, code problem.Code) {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != status || p.Code != code ||
		res.Header.Get("Content-Type") != problem.ContentType {
		t.Errorf("%s: %d %s, want %d %s", what, res.StatusCode, body, status, code)
	}
}
