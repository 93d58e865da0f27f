package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

const password = "a sparrow in the organ"

// server is the API on SQLite, with a clock to set and its hashes counted.
type server struct {
	t        *testing.T
	handler  http.Handler
	service  *user.Service
	store    *sqlite.Store
	services *authtest.Services
	compared atomic.Int64

	mu  sync.Mutex
	now time.Time
}

type counting struct {
	user.Hasher
	n *atomic.Int64
}

func (c counting) Matches(ctx context.Context, hash, password string) (bool, error) {
	c.n.Add(1)
	return c.Hasher.Matches(ctx, hash, password)
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, now: time.Now(), services: authtest.New(t)}
	var err error
	if s.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "user.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.store.Close() })
	log := slog.New(slog.DiscardHandler)
	s.service, err = user.New(t.Context(), user.Options{
		Users: s.store.Users, Sessions: s.store.Sessions, UserSessions: s.store.Sessions, Guests: s.store.Guests, AccountMails: s.store.AccountMails, Keys: s.store.Keys,
		Hasher: counting{usertest.QuickHasher{}, &s.compared}, Tokens: &jwt.Tokens{}, Log: log, Normalize: norm.NFC.String, Now: s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := httpkit.NewRouter(log)
	rest.Register(mux, httpkit.NewAPI(mux, "Test", ""), rest.Options{
		Service: s.service, Now: s.clock, AtOnce: 2,
		Guard: rest.NewGuard(s.service, s.services.Keys().Verifier("user")),
		Clients: httpkit.Clients{
			Front: "web", Verify: s.services.Keys().Verifier("user"), Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		},
	})
	s.handler = mux
	return s
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *server) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// request is a request with what most have in common left out.
type request struct {
	method, path string
	body         any // a string as it is, url.Values as a form, else JSON
	token        string
	header       http.Header
	from         string // the peer's address
}

// answer is an answer, read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%d %q is no JSON: %v", a.status, a.body, err)
	}
	v, _ := m[name].(string)
	return v
}

func (s *server) do(r request) answer {
	s.t.Helper()
	var body io.Reader = http.NoBody
	contentType := ""
	switch b := r.body.(type) {
	case nil:
	case string:
		body, contentType = strings.NewReader(b), "application/json"
	case url.Values:
		body, contentType = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		j, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		body, contentType = bytes.NewReader(j), "application/json"
	}
	req := httptest.NewRequestWithContext(s.t.Context(), r.method, r.path, body)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.from != "" {
		req.RemoteAddr = r.from
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	return answer{w.Code, w.Header(), w.Body.String()}
}

type object = map[string]any

func (s *server) register(email string) answer {
	s.t.Helper()
	return s.do(request{method: "POST", path: "/users", body: object{"email": email, "password": password, "name": "Ada"}})
}

func (s *server) login(email, password, from string) answer {
	s.t.Helper()
	return s.do(request{method: "POST", path: "/token", from: from, body: url.Values{
		"grant_type": {"password"}, "username": {email}, "password": {password},
	}})
}

// ada registers and logs in.
func (s *server) ada() (access, refresh string) {
	s.t.Helper()
	if a := s.register("ada@example.com"); a.status != 201 {
		s.t.Fatalf("register: %d %s", a.status, a.body)
	}
	a := s.login("ada@example.com", password, "")
	if a.status != 200 {
		s.t.Fatalf("login: %d %s", a.status, a.body)
	}
	return a.field(s.t, "access_token"), a.field(s.t, "refresh_token")
}

// wantProblem checks that a is a problem of this status and code.
func wantProblem(t *testing.T, what string, a answer, status int, code problem.Code) {
	t.Helper()
	if a.status != status || a.field(t, "code") != string(code) || a.header.Get("Content-Type") != problem.ContentType {
		t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, code)
	}
	if strings.Contains(a.body, password) {
		t.Errorf("%s: the answer shows the password: %s", what, a.body)
	}
}

// serve returns the URL of h on a port of its own.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(ts.Close)
	return ts.URL
}
