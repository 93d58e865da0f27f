package app_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification/app"
	"github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
)

var quiet = slog.New(slog.DiscardHandler)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// platform is the service as it runs, with a broker and a user service around.
type platform struct {
	t      *testing.T
	url    string
	dir    string
	key    jwk.Key
	broker *inproc.Broker
	others *authtest.Services
	log    *bytes.Buffer
	stop   func()
}

// What the mails carry.
const (
	code    = "6BFOXN*KS C43/4T:U QZ2WVHC.ONE"
	linkKey = "xvQ8MosBTNjY_I8JO9UQvw"
)

// start runs the service on the data in dir. Users have the phone, or none.
func start(t *testing.T, dir, phone string, change ...func(*app.Config)) *platform {
	t.Helper()
	p := &platform{t: t, dir: dir, others: authtest.New(t), log: &bytes.Buffer{}}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	p.key, err = jwk.Import(private)
	must(t, err)
	must(t, p.key.Set(jwk.KeyIDKey, "k1"))
	public, err := p.key.PublicKey()
	must(t, err)
	keys := jwk.NewSet()
	must(t, keys.AddKey(public))

	mux, caller := http.NewServeMux(), p.others.Keys().Verifier("user")
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(keys) })
	mux.HandleFunc("GET /users/{id}/contact", func(w http.ResponseWriter, r *http.Request) {
		if who, err := caller(r.Header.Get("X-Service-Token")); err != nil || who != "notification" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"user_id": r.PathValue("id"), "phone": phone})
	})
	asker := p.others.Keys().Verifier("booking")
	mux.HandleFunc("GET /bookings/{id}/delivery", func(w http.ResponseWriter, r *http.Request) {
		if who, err := asker(r.Header.Get("X-Service-Token")); err != nil || who != "notification" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		out := map[string]any{"link_key": linkKey, "tickets": []map[string]any{{"number": 1, "name": "Stalls", "holder": map[string]any{"name": "Ada"}, "code": code, "qr": []byte("\x89PNG")}}}
		if r.URL.Query().Get("pdf") == "true" {
			out["pdf"] = []byte("%PDF-1.7")
		}
		_ = json.NewEncoder(w).Encode(out)
	})
	user := httptest.NewServer(mux)

	log := slog.New(slog.NewJSONHandler(&locked{w: p.log}, nil))
	p.broker = inproc.New(inproc.Options{Log: quiet, Backoff: func(int) time.Duration { return time.Millisecond }})
	cfg := config(p.others, dir, user.URL)
	for _, c := range change {
		c(&cfg)
	}
	a, err := app.New(t.Context(), cfg, app.Deps{
		Log: log, OpenDatabase: storage.At(filepath.Join(dir, "notification.db"), onsqlite.Open), Subscriber: p.broker,
	})
	must(t, err)
	server := httptest.NewServer(a.Handler())
	p.url = server.URL

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { must(t, p.broker.Run(ctx)) })
	wg.Go(func() { must(t, a.Run(ctx)) })
	p.stop = sync.OnceFunc(func() {
		server.Close()
		cancel()
		wg.Wait()
		must(t, a.Close())
		user.Close()
	})
	t.Cleanup(p.stop)
	return p
}

// config is a good configuration, with the mails in dir.
func config(services *authtest.Services, dir, userURL string) app.Config {
	return app.Config{
		Addr: "127.0.0.1:0", MailDir: filepath.Join(dir, "mail"), MailFrom: "tickets@boxoffice.example",
		JWKSURL: userURL + "/jwks", UserURL: userURL, BookingURL: userURL, AttachTickets: true,
		ServiceKey: services.Private("notification"), ServiceKeys: services.Public,
		RetryBase: time.Second, RetryMax: 30 * time.Minute, MaxAttempts: 60, SendTimeout: 15 * time.Second, Workers: 4,
		Retention: 90 * 24 * time.Hour, FreeRecipientQuota: 10, FreeAccountQuota: 30,
	}
}

// locked is a Writer that several goroutines may use.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// token is an access token of a user: "ada", "admin".
func (p *platform) token(user, role string) string {
	p.t.Helper()
	tok := jwt.New()
	for k, v := range map[string]any{
		"sub": user, "email": user + "@example.com", "name": "Ada", "role": role,
		"iss": auth.Issuer, "aud": auth.Audience, "exp": time.Now().Add(time.Minute).Unix(),
	} {
		must(p.t, tok.Set(k, v))
	}
	h := jws.NewHeaders()
	must(p.t, h.Set(jws.TypeKey, auth.TokenType))
	b, err := jwt.Sign(tok, jwt.WithKey(jwa.EdDSA(), p.key, jws.WithProtectedHeaders(h)))
	must(p.t, err)
	return "Bearer " + string(b)
}

// answer is what the service says.
type answer struct {
	Status     int              `json:"-"`
	Code       string           `json:"code"`
	Items      []map[string]any `json:"items"`
	NextCursor *string          `json:"next_cursor"`
	Known      []string         `json:"known"`
	All        map[string]any   `json:"-"`
}

// service is what another service calls with.
func (p *platform) service(name string) string {
	p.t.Helper()
	return "service " + p.others.Token(name, "notification")
}

// call makes a request; auth is an Authorization header, or "service <token>".
func (p *platform) call(auth, method, path, body string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewBufferString(body))
	must(p.t, err)
	req.Header.Set("Content-Type", "application/json")
	if token, ok := strings.CutPrefix(auth, "service "); ok {
		req.Header.Set("X-Service-Token", token)
	} else if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	res, err := http.DefaultClient.Do(req)
	must(p.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(p.t, err)
	a := answer{Status: res.StatusCode}
	if err := json.Unmarshal(b, &a); err != nil {
		p.t.Fatalf("%s %s answers %s: %s", method, path, res.Status, b)
	}
	must(p.t, json.Unmarshal(b, &a.All))
	return a
}

func (p *platform) publish(typ string, data any) string {
	p.t.Helper()
	b, err := json.Marshal(data)
	must(p.t, err)
	m := events.Message{
		SpecVersion: events.SpecVersion, ID: uuid.Must(uuid.NewV7()).String(), Source: "booking", Type: typ,
		Time: time.Now(), DataContentType: "application/json", Data: b,
	}
	must(p.t, p.broker.Publish(p.t.Context(), events.TopicBookings, m))
	return m.ID
}

func (p *platform) mails() int {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "mail", "*.eml"))
	must(p.t, err)
	return len(files)
}

func (p *platform) eventually(what string, ok func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			p.t.Fatalf("it does not come to this: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func booking(user string) events.Booking {
	price := money.Amount{AmountMinor: 2500, Currency: "EUR"}
	return events.Booking{
		BookingID: uuid.Must(uuid.NewV7()).String(), Version: 2, UserID: user, UserEmail: user + "@example.com", UserName: "Ada",
		Event: events.Event{ID: "e1", Title: "Concert", StartsAt: time.Date(2027, 3, 12, 18, 30, 0, 0, time.UTC), TimeZone: "Europe/Berlin"},
		Items: []events.Item{{Name: "Stalls", Quantity: 1, UnitPrice: price}}, Total: price,
	}
}
