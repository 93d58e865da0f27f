package app

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
)

func straight(t *testing.T, c sidecar.Config) *sidecar.Way {
	t.Helper()
	way, err := sidecar.Open(c, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return way
}

func TestAMistakeAboutThePaymentsIsSaidByName(t *testing.T) {
	t.Parallel()
	good := PaymentsConfig{Payments: "stripe", StripeSecretKey: "sk_private", StripeWebhookSecret: "whsec_private", CheckoutTTL: time.Minute}
	for want, change := range map[string]func(c *PaymentsConfig){
		`PAYMENTS is "cash", not sandbox or stripe`: func(c *PaymentsConfig) { c.Payments = "cash" },
		`PAYMENTS is "", not`:                       func(c *PaymentsConfig) { c.Payments = "" },
		"SANDBOX_DB is not set":                     func(c *PaymentsConfig) { c.Payments = "sandbox" },
		"SANDBOX_DB: ": func(c *PaymentsConfig) {
			c.Payments, c.SandboxPath = "sandbox", filepath.Join("/dev/null", "x.db")
		},
		"STRIPE_SECRET_KEY is not set":       func(c *PaymentsConfig) { c.StripeSecretKey = "" },
		"STRIPE_WEBHOOK_SECRET is not set":   func(c *PaymentsConfig) { c.StripeWebhookSecret = "" },
		"STRIPE_WEBHOOK_SECRET: ":            func(c *PaymentsConfig) { c.StripeWebhookSecret = "whsec_private, " },
		"STRIPE_API_URL, STRIPE_RETURN_URL:": func(c *PaymentsConfig) { c.StripeAPIURL = "private" },
		"CHECKOUT_TTL must be more":          func(c *PaymentsConfig) { c.CheckoutTTL = -1 },
	} {
		c := good
		change(&c)
		_, err := openPayments(t.Context(), c, straight(t, sidecar.Config{}))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %v", want, err)
		}
	}
	p, err := openPayments(t.Context(), good, straight(t, sidecar.Config{}))
	if err != nil || p.Provider() != "stripe" || p.webhook == nil || p.ledger != nil {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestStripesSecretsComeFromTheSidecar(t *testing.T) {
	t.Parallel()
	empty := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1.0/secrets/payment-secrets/" + empty:
			w.WriteHeader(http.StatusNoContent)
		case "/v1.0/secrets/payment-secrets/SECRET_KEY":
			_, _ = io.WriteString(w, `{"SECRET_KEY":"sk_test"}`)
		case "/v1.0/secrets/payment-secrets/WEBHOOK_SECRET":
			_, _ = io.WriteString(w, `{"WEBHOOK_SECRET":"whsec"}`)
		default:
			t.Errorf("asked for %s", r.URL.Path)
		}
	}))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	way := straight(t, sidecar.Config{Port: uint16(port), APIToken: "a", AppToken: "b"})
	cfg := PaymentsConfig{Payments: "stripe", CheckoutTTL: time.Minute}
	if _, err := openPayments(t.Context(), cfg, way); err != nil {
		t.Error(err)
	}
	empty = "WEBHOOK_SECRET"
	if _, err := openPayments(t.Context(), cfg, way); err == nil || !strings.Contains(err.Error(), "STRIPE_WEBHOOK_SECRET is not set") {
		t.Error(err)
	}
}

// Nobody pays by the sandbox. Where others can reach the platform, it is there only
// where somebody wants it.
func TestTheSandboxIsTheDefaultOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	const (
		notSet = "PAYMENTS is not set, and this platform is reachable from elsewhere: set stripe, or sandbox if nobody is to pay"
		warned = "PAYMENTS is sandbox"
	)
	keys := authtest.New(t)
	for name, c := range map[string]struct {
		addr              string
		published, public bool
		payments          string
		fails             string
		warnings          int
	}{
		"on loopback":                                {addr: "127.0.0.1:1"},
		"on loopback, asked for":                     {addr: "127.0.0.1:1", payments: "sandbox"},
		"on every address":                           {addr: "0.0.0.0:1", fails: notSet},
		"without a host":                             {addr: ":1", fails: notSet},
		"in a platform that others reach":            {addr: "127.0.0.1:1", public: true, fails: notSet},
		"published locally, but others reach it":     {addr: "0.0.0.0:1", published: true, public: true, fails: notSet},
		"in a container, published locally":          {addr: "0.0.0.0:1", published: true},
		"on every address, asked for":                {addr: "0.0.0.0:1", payments: "sandbox", warnings: 1},
		"in a platform that others reach, asked for": {addr: "127.0.0.1:1", public: true, payments: "sandbox", warnings: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			dir := t.TempDir()
			a, err := New(t.Context(), Config{
				Addr: c.addr, PublishedLocally: c.published, Store: "sqlite", DBPath: filepath.Join(dir, "b.db"), ReconcileDays: 30, TicketsPerAccount: 40,
				PaymentsConfig: PaymentsConfig{Payments: c.payments, SandboxPath: filepath.Join(dir, "s.db"), CheckoutTTL: time.Minute},
				JWKSURL:        "http://127.0.0.1:1", EventURL: "http://127.0.0.1:1", NotificationURL: "http://127.0.0.1:1",
				ServiceKey: keys.Private("booking"), ServiceKeys: keys.Public,
			}, Deps{Log: slog.New(slog.NewTextHandler(&log, nil)), Public: c.public})
			if err == nil {
				err = a.Close()
			}
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if n := strings.Count(log.String(), warned); n != c.warnings {
				t.Errorf("warned %d times, want %d", n, c.warnings)
			}
		})
	}
}
