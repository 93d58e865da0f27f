package app_test

import (
	"bytes"
	"log/slog"
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
		proxies           []string
		payments          string
		fails             string
		warnings          int
	}{
		"on loopback":                                {addr: "127.0.0.1:1"},
		"on loopback, asked for":                     {addr: "127.0.0.1:1", payments: "sandbox"},
		"on every address":                           {addr: "0.0.0.0:1", fails: notSet},
		"without a host":                             {addr: ":1", fails: notSet},
		"on loopback, behind a proxy":                {addr: "127.0.0.1:1", proxies: []string{"127.0.0.1"}, fails: notSet},
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
			a, err := app.New(t.Context(), app.Config{
				Addr: c.addr, Reach: config.Reach{PublishedLocally: c.published, TrustedProxies: c.proxies}, ReconcileDays: 30, BookingsPerAccount: 60, TicketsPerAccount: 40, TicketsPerAddress: 120, CheckoutsPerAddress: 30,
				PaymentsConfig: app.PaymentsConfig{Payments: c.payments, SandboxPath: filepath.Join(dir, "s.db"), CheckoutTTL: time.Minute},
				JWKSURL:        "http://127.0.0.1:1", EventURL: "http://127.0.0.1:1", NotificationURL: "http://127.0.0.1:1",
				ServiceKey: keys.Private("booking"), ServiceKeys: keys.Public, TicketKey: []string{config.NewSecret()}, LinkKey: []string{config.NewSecret()},
			}, app.Deps{
				Log: slog.New(slog.NewTextHandler(&log, nil)), Public: c.public, OpenDatabase: storage.At(filepath.Join(dir, "b.db"), onsqlite.Open),
			})
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
