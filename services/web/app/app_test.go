package app_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/web/app"
)

// good is a configuration that starts.
func good(t *testing.T) app.Config {
	t.Helper()
	keys := authtest.New(t)
	return app.Config{
		Addr: "127.0.0.1:8084", UserURL: "http://127.0.0.1:1", SessionKeys: []string{config.NewSecret()},
		ServiceKey: keys.Private("web"), ServiceKeys: keys.Public,
	}
}

func start(t *testing.T, cfg app.Config) (*app.App, error) {
	t.Helper()
	a, err := app.New(t.Context(), cfg, app.Deps{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Cleanup(func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return a, err
}

func TestMistakesStopTheStartByName(t *testing.T) {
	t.Parallel()
	reached := func(c *app.Config) { c.Addr, c.URL = "0.0.0.0:8084", "https://tickets.example" }
	for name, c := range map[string]struct {
		change func(c *app.Config)
		want   string // "" starts
	}{
		"nothing":                            {func(*app.Config) {}, ""},
		"a key that is none":                 {func(c *app.Config) { c.ServiceKey = "sparrow" }, "WEB_SERVICE_KEY"},
		"keys that are none":                 {func(c *app.Config) { c.ServiceKeys = []string{"web:sparrow"} }, "SERVICE_KEYS"},
		"a session key that is none":         {func(c *app.Config) { c.SessionKeys = []string{"sparrow"} }, "WEB_SESSION_KEY"},
		"a session key that is short":        {func(c *app.Config) { c.SessionKeys = []string{config.NewSecret(), "c3BhcnJvdw=="} }, "WEB_SESSION_KEY: secret 2 of 2"},
		"no gateway":                         {func(c *app.Config) { c.UserURL = "" }, "USER_URL"},
		"a gateway that is none":             {func(c *app.Config) { c.UserURL = "localhost" }, "USER_URL"},
		"proxies that are none":              {func(c *app.Config) { c.TrustedProxies = []string{"somewhere"} }, "TRUSTED_PROXIES"},
		"a site that is none":                {func(c *app.Config) { c.URL = "tickets.example" }, "WEB_URL"},
		"a site without TLS":                 {func(c *app.Config) { c.URL = "http://tickets.example" }, "WEB_URL must begin with https://"},
		"reached by others":                  {reached, ""},
		"reached by others, no site":         {func(c *app.Config) { reached(c); c.URL = "" }, "WEB_URL is not set"},
		"reached by others, without TLS":     {func(c *app.Config) { reached(c); c.URL = "http://127.0.0.1:8084" }, "WEB_URL must begin with https://"},
		"reached by others, the example key": {func(c *app.Config) { reached(c); c.SessionKeys = []string{exampleKey} }, "WEB_SESSION_KEY: secret 1 of 1 is that of .env.example"},
		"no folder of texts":                 {func(c *app.Config) { c.LegalDir = "/nowhere" }, "LEGAL_DIR"},
		"a file for the folder of texts":     {func(c *app.Config) { c.LegalDir = "app_test.go" }, "LEGAL_DIR"},
		"published locally":                  {func(c *app.Config) { c.Addr, c.PublishedLocally = "0.0.0.0:8084", true }, ""},
		"behind a proxy on this machine":     {func(c *app.Config) { c.TrustedProxies = []string{"127.0.0.1"} }, ""},
		"this machine alone, an example key": {func(c *app.Config) { c.SessionKeys = []string{exampleKey} }, ""},
	} {
		cfg := good(t)
		c.change(&cfg)
		switch _, err := start(t, cfg); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want one about %s", name, err, c.want)
		case err != nil && strings.Contains(err.Error(), "sparrow"):
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

// exampleKey is that of .env.example.
const exampleKey = "aW5zZWN1cmUtd2ViLXNlc3Npb24ta2V5LS0tLS0tLS0="

// A gateway that is away is no reason to send visitors nothing: the pages say so.
func TestTheOperatorsTexts(t *testing.T) {
	t.Parallel()
	cfg := good(t)
	cfg.LegalDir = t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.LegalDir, "imprint.de.txt"), []byte("# Wir\n\nVerein für Akkordeon e. V."), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := start(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/de/legal/imprint", nil))
	if !strings.Contains(w.Body.String(), "Verein für Akkordeon e. V.") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestItIsWellWithoutTheGateway(t *testing.T) {
	t.Parallel()
	a, err := start(t, good(t))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		status int
		kind   string
	}{
		"/healthz": {200, "application/json"},
		"/readyz":  {200, "application/json"},
		"/events":  {503, "text/html"},
		"/nowhere": {404, "text/html"},
	} {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != want.status || !strings.HasPrefix(w.Header().Get("Content-Type"), want.kind) {
			t.Errorf("%s: %d %s, want %d %s", path, w.Code, w.Header().Get("Content-Type"), want.status, want.kind)
		}
	}
}
