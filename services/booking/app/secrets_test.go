package app_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/app"
	"github.com/openboxoffice/boxoffice/services/booking/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// example is the value of a variable in .env.example.
func example(t *testing.T, variable string) string {
	t.Helper()
	text, err := os.ReadFile("../../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), variable+"="); ok {
			return value
		}
	}
	t.Fatalf(".env.example does not set %s", variable)
	return ""
}

// Whoever knows these secrets prints tickets, and opens other people's bookings.
func TestTheSecretsOfTicketsAndLinks(t *testing.T) {
	t.Parallel()
	keys := authtest.New(t)
	tickets, links := example(t, "TICKET_KEY"), example(t, "LINK_KEY")
	for name, c := range map[string]struct {
		change func(*app.Config)
		fails  string
	}{
		"of one's own": {func(*app.Config) {}, ""},
		"two of each": {func(c *app.Config) {
			c.TicketKey, c.LinkKey = append(c.TicketKey, config.NewSecret()), append(c.LinkKey, config.NewSecret())
		}, ""},
		"no ticket key":                     {func(c *app.Config) { c.TicketKey = nil }, "TICKET_KEY is not set"},
		"no link key":                       {func(c *app.Config) { c.LinkKey = nil }, "LINK_KEY is not set"},
		"a short ticket key":                {func(c *app.Config) { c.TicketKey = []string{"c2hvcnQ="} }, "TICKET_KEY: secret 1 of 1 has 5 bytes"},
		"a link key that is no base64":      {func(c *app.Config) { c.LinkKey = append(c.LinkKey, "?") }, "LINK_KEY: secret 2 of 2 is not base64"},
		"the example's ticket key":          {func(c *app.Config) { c.TicketKey = []string{tickets} }, "TICKET_KEY: secret 1 of 1 is that of .env.example"},
		"the example's ticket key, retired": {func(c *app.Config) { c.TicketKey = append(c.TicketKey, tickets) }, "TICKET_KEY: secret 2 of 2 is that of .env.example"},
		"the example's link key":            {func(c *app.Config) { c.LinkKey = []string{links} }, "LINK_KEY: secret 1 of 1 is that of .env.example"},
		"the example's, on this machine alone": {func(c *app.Config) {
			c.Addr, c.TicketKey, c.LinkKey = "127.0.0.1:1", []string{tickets}, []string{links}
		}, ""},
		"the example's, on loopback, for a proxy": {func(c *app.Config) {
			c.Addr, c.TrustedProxies, c.TicketKey = "127.0.0.1:1", []string{"127.0.0.1"}, []string{tickets}
		}, "TICKET_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg := app.Config{
				Addr: "0.0.0.0:1", ReconcileDays: 30, BookingsPerAccount: 60, TicketsPerAccount: 40, TicketsPerAddress: 120, CheckoutsPerAddress: 30,
				PaymentsConfig: app.PaymentsConfig{Payments: "sandbox", SandboxPath: filepath.Join(dir, "s.db"), CheckoutTTL: time.Minute},
				JWKSURL:        "http://127.0.0.1:1", EventURL: "http://127.0.0.1:1", NotificationURL: "http://127.0.0.1:1",
				ServiceKey: keys.Private("booking"), ServiceKeys: keys.Public, TicketKey: []string{config.NewSecret()}, LinkKey: []string{config.NewSecret()},
			}
			c.change(&cfg)
			a, err := app.New(t.Context(), cfg, app.Deps{Log: slog.New(slog.DiscardHandler), OpenDatabase: storage.At(filepath.Join(dir, "b.db"), onsqlite.Open)})
			if err == nil {
				err = a.Close()
			}
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
		})
	}
}
