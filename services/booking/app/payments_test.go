package app

import (
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

	"github.com/openboxoffice/boxoffice/services/booking"
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
		"STRIPE_PUBLISHABLE_KEY does not":    func(c *PaymentsConfig) { c.StripePublishableKey = "sk_private" },
		"STRIPE_API_URL, STRIPE_RETURN_URL:": func(c *PaymentsConfig) { c.StripeAPIURL = "private" },
		"WEB_URL is ":                        func(c *PaymentsConfig) { c.WebURL = "tickets.example" },
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

// With a web site, customers who authenticate elsewhere come back to its page.
func TestStripeReturnsToTheWebSite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ web, fallback, want string }{
		{"https://tickets.example/", "", "https://tickets.example/checkout/b1"},
		{"https://tickets.example/de", "https://old.example/paid", "https://tickets.example/de/checkout/b1"},
		{"", "https://old.example/paid", "https://old.example/paid"},
		{"", "", ""},
	} {
		got := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/confirm") {
				got <- r.PostFormValue("return_url")
			}
			_, _ = io.WriteString(w, `{"id":"pi_1"}`)
		}))
		t.Cleanup(server.Close)
		p, err := openPayments(t.Context(), PaymentsConfig{
			Payments: "stripe", StripeSecretKey: "sk_test", StripeWebhookSecret: "whsec", CheckoutTTL: time.Minute,
			StripeAPIURL: server.URL, WebURL: c.web, StripeReturnURL: c.fallback,
		}, straight(t, sidecar.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Charge(t.Context(), booking.Charge{BookingID: "b1", Attempt: 1, Since: time.Now(), Reference: "pi_1", Token: "pm_card_visa"})
		if url := <-got; url != c.want {
			t.Errorf("WEB_URL %q, STRIPE_RETURN_URL %q: the customer comes back to %q, want %q", c.web, c.fallback, url, c.want)
		}
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
