package app_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/app"
	"github.com/openboxoffice/boxoffice/services/user/app/onsqlite"
)

// config is a good configuration, and what a service needs that keeps its data in
// the file.
func config(t *testing.T) (cfg app.Config, deps app.Deps, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "user.db")
	deps = app.Deps{Log: slog.New(slog.DiscardHandler), OpenDatabase: storage.At(file, onsqlite.Open)}
	keys := authtest.New(t)
	return app.Config{
		Addr: "127.0.0.1:0", ServiceKey: keys.Private("user"), ServiceKeys: keys.Public,
		EventURL: "http://127.0.0.1:1", BookingURL: "http://127.0.0.1:1", NotificationURL: "http://127.0.0.1:1",
	}, deps, file
}

func TestMistakesStopTheStartByName(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(c *app.Config){
		"SERVICE_KEYS":          func(c *app.Config) { c.ServiceKeys = []string{"notification:secret"} },
		"USER_SERVICE_KEY":      func(c *app.Config) { c.ServiceKey = "sparrow" },
		"in USER_SERVICE_KEY":   func(c *app.Config) { c.ServiceKey = authtest.New(t).Private("user") },
		"TRUSTED_PROXIES":       func(c *app.Config) { c.TrustedProxies = []string{"10.0.0.0/8", "somewhere"} },
		"ADMIN_EMAIL is not":    func(c *app.Config) { c.AdminPassword = "a sparrow in the organ" },
		"ADMIN_PASSWORD is not": func(c *app.Config) { c.AdminEmail = "root@example.com" },
		"ADMIN_EMAIL must":      func(c *app.Config) { c.AdminEmail, c.AdminPassword = "root", "a sparrow in the organ" },
		"ADMIN_PASSWORD must":   func(c *app.Config) { c.AdminEmail, c.AdminPassword = "root@example.com", "short" },
		"ADMIN_PASSWORD: this":  func(c *app.Config) { c.AdminEmail, c.AdminPassword = "root@example.com", "password123" },
		"booking service":       func(c *app.Config) { c.BookingURL = "localhost:8082" },
	} {
		cfg, deps, _ := config(t)
		change(&cfg)
		a, err := app.New(t.Context(), cfg, deps)
		if err == nil {
			_ = a.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), "sparrow") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// What .env.example says is for one machine alone: where others can reach it, it
// stops the start.
func TestTheExampleEnvironmentStartsOnItsOwnMachineAlone(t *testing.T) {
	t.Parallel()
	for name, public := range map[string]func(c *app.Config){
		"behind a proxy":                 func(c *app.Config) { c.TrustedProxies = []string{"127.0.0.1"} },
		"on every address":               func(c *app.Config) { c.Addr = "0.0.0.0:8080" },
		"on every address, without host": func(c *app.Config) { c.Addr = ":8080" },
		"in a container, behind a proxy": func(c *app.Config) {
			c.Addr, c.PublishedLocally, c.TrustedProxies = "0.0.0.0:8080", true, []string{"10.0.0.0/8"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkExample(t, public, false)
		})
	}
	for name, private := range map[string]func(c *app.Config){
		"on a loopback address":                           func(*app.Config) {},
		"in a container, whose port is published locally": func(c *app.Config) { c.Addr, c.PublishedLocally = "0.0.0.0:8080", true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkExample(t, private, true)
		})
	}
}

// checkExample checks whether a service starts with what .env.example has, after
// reach has changed its configuration.
func checkExample(t *testing.T, reach func(c *app.Config), starts bool) {
	t.Helper()
	example := map[string]string{}
	b, err := os.ReadFile("../../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		example[name] = value
	}
	start := func(change func(c *app.Config, deps app.Deps)) error {
		cfg, deps, _ := config(t)
		reach(&cfg)
		change(&cfg, deps)
		a, err := app.New(t.Context(), cfg, deps)
		if err == nil {
			err = a.Close()
		}
		return err
	}
	if err := start(func(*app.Config, app.Deps) {}); err != nil {
		t.Errorf("secrets that nobody else knows: %v", err)
	}
	for want, change := range map[string]func(c *app.Config, deps app.Deps){
		"ADMIN_PASSWORD": func(c *app.Config, _ app.Deps) {
			c.AdminEmail, c.AdminPassword = "root@example.com", example["ADMIN_PASSWORD"]
		},
		"SERVICE_KEYS": func(c *app.Config, _ app.Deps) {
			c.ServiceKey, c.ServiceKeys = example["USER_SERVICE_KEY"], strings.Split(example["SERVICE_KEYS"], ",")
		},
		`SERVICE_KEYS: the key of "notification"`: func(c *app.Config, _ app.Deps) { // written in another way
			c.ServiceKeys = append(c.ServiceKeys, " "+strings.Split(example["SERVICE_KEYS"], ",")[3]+" ")
		},
		example["ADMIN_EMAIL"]: func(c *app.Config, deps app.Deps) { // made when only this machine could reach it
			before := *c
			before.Addr, before.TrustedProxies = "127.0.0.1:0", nil
			before.AdminEmail, before.AdminPassword = example["ADMIN_EMAIL"], example["ADMIN_PASSWORD"]
			a, err := app.New(t.Context(), before, deps)
			if err == nil {
				err = a.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		err := start(change)
		if starts && err != nil || !starts && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: error %v", want, err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cfg, deps, _ := config(t)
	a, err := app.New(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// Two processes that start at once on one database agree on one key, and one
// admin.
func TestTwoStartsAtOnceAgree(t *testing.T) {
	t.Parallel()
	cfg, deps, file := config(t)
	cfg.AdminEmail, cfg.AdminPassword = "root@example.com", "a sparrow in the organ"
	migrated, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrated.Close(); err != nil {
		t.Fatal(err)
	}
	sets := make([]string, 2)
	apps := make(chan *app.App, len(sets))
	for range sets {
		go func() {
			a, err := app.New(t.Context(), cfg, deps)
			if err != nil {
				t.Error(err)
			}
			apps <- a
		}()
	}
	for i := range sets {
		a := <-apps
		if a == nil {
			continue
		}
		t.Cleanup(func() { _ = a.Close() })
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/jwks.json", nil))
		sets[i] = w.Body.String()
	}
	if sets[0] != sets[1] || strings.Count(sets[0], `"kid"`) != 1 {
		t.Errorf("%s and %s", sets[0], sets[1])
	}
}

func TestDataIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	cfg, deps, file := config(t)
	a, err := app.New(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the file with the private keys has mode %v", st.Mode().Perm())
	}
}

func TestDocumentShowsEverything(t *testing.T) {
	t.Parallel()
	cfg, deps, _ := config(t)
	a, err := app.New(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	s := httptest.NewServer(a.Handler())
	defer s.Close()
	get := func(path string) (int, []byte) {
		res, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, b
	}
	_, b := get("/openapi.json")
	var doc struct {
		Paths map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/.well-known/jwks.json", "/account-mails/{id}", "/admin/audit", "/admin/keys/rotate", "/admin/reconciliations", "/admin/reconciliations/{id}/accept", "/admin/stuck-bookings", "/admin/stuck-bookings/{id}/retry", "/bookings", "/bookings/links", "/bookings/user/{user_id}", "/bookings/{id}", "/bookings/{id}/calendar.ics", "/bookings/{id}/cancel", "/bookings/{id}/cancellations", "/bookings/{id}/claim", "/bookings/{id}/extension", "/bookings/{id}/links", "/bookings/{id}/payment", "/bookings/{id}/resend", "/bookings/{id}/tickets", "/bookings/{id}/tickets.pdf", "/bookings/{id}/tickets/{ticket_id}", "/bookings/{id}/tickets/{ticket_id}/pdf", "/bookings/{id}/tickets/{ticket_id}/qr.png", "/bookings/{id}/tickets/{ticket_id}/qr.svg", "/events", "/events/{id}", "/events/{id}/availability", "/events/{id}/cancel", "/events/{id}/cancellation", "/events/{id}/image", "/events/{id}/image/{width}",
		"/guests", "/notifications", "/password-reset", "/password-reset/confirm", "/payments/config", "/payments/sandbox/challenge/{nonce}", "/payments/stripe/webhook", "/token", "/token/revoke", "/users", "/users/me", "/users/me/email", "/users/me/email/confirm", "/users/me/phone", "/users/me/phone/confirm", "/users/me/sessions", "/users/me/sessions/{id}",
		"/users/verification", "/users/verification/confirm", "/users/{id}/contact",
	}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(doc.Paths))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !strings.Contains(string(b), `"Error":`) {
		t.Error("the schema that the gateway's operations refer to is not there")
	}
	for _, path := range []string{"/docs", "/healthz", "/readyz"} {
		if status, _ := get(path); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// An admin who was made under an older rule for keys is not made twice.
func TestAnAdminIsFoundByTheKeysOfNow(t *testing.T) {
	t.Parallel()
	cfg, deps, file := config(t)
	cfg.AdminEmail, cfg.AdminPassword = "root@xn--bcher-kva.example", "a sparrow in the organ"
	for range 2 {
		a, err := app.New(t.Context(), cfg, deps)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		err = db.QueryRowContext(t.Context(), `SELECT count(*) FROM users`).Scan(&n)
		if err != nil || n != 1 {
			t.Errorf("there are %d accounts (error %v), want 1", n, err)
		}
		if _, err := db.ExecContext(t.Context(), `UPDATE users SET email_key = email, email_key_version = 0`); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
