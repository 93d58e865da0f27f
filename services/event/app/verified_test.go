package app_test

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Where others can reach the platform, nobody forgets to say whether mails reach
// people, and organizers without a verified address publish only where somebody wants it.
func TestOrganizersAreVerifiedUnlessSomebodyWantsOtherwise(t *testing.T) {
	t.Parallel()
	const (
		notSet = "SMTP_URL is not set, and this platform is reachable from elsewhere"
		warned = "SMTP_URL is folder"
		server = "smtp://mail.example"
	)
	keys, booking := authtest.New(t), chargesAnything(t)
	for name, c := range map[string]struct {
		addr              string
		published, public bool
		proxies           []string
		smtp              string
		fails             string
		verified          bool // organizers have to be
		warnings          int
	}{
		"on loopback":                                {addr: "127.0.0.1:1"},
		"on loopback, asked for":                     {addr: "127.0.0.1:1", smtp: "folder"},
		"on loopback, with a server":                 {addr: "127.0.0.1:1", smtp: server, verified: true},
		"on every address":                           {addr: "0.0.0.0:1", fails: notSet},
		"without a host":                             {addr: ":1", fails: notSet},
		"on loopback, behind a proxy":                {addr: "127.0.0.1:1", proxies: []string{"127.0.0.1"}, fails: notSet},
		"in a platform that others reach":            {addr: "127.0.0.1:1", public: true, fails: notSet},
		"published locally, but others reach it":     {addr: "0.0.0.0:1", published: true, public: true, fails: notSet},
		"in a container, published locally":          {addr: "0.0.0.0:1", published: true},
		"on every address, with a server":            {addr: "0.0.0.0:1", smtp: server, verified: true},
		"on every address, asked for":                {addr: "0.0.0.0:1", smtp: "folder", warnings: 1},
		"in a platform that others reach, asked for": {addr: "127.0.0.1:1", public: true, smtp: "folder", warnings: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			a, err := app.New(t.Context(), app.Config{
				Addr: c.addr, Reach: config.Reach{PublishedLocally: c.published, TrustedProxies: c.proxies}, SMTPURL: c.smtp,
				JWKSURL: "http://127.0.0.1:1", BookingURL: booking, ServiceKey: keys.Private("event"), ServiceKeys: keys.Public, EventsPerOrganizer: 200,
			}, app.Deps{
				Log: slog.New(slog.NewTextHandler(&log, nil)), Public: c.public, OpenDatabase: storage.At(filepath.Join(t.TempDir(), "event.db"), onsqlite.Open),
			})
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if n := strings.Count(log.String(), warned); n != c.warnings {
				t.Errorf("warned %d times, want %d", n, c.warnings)
			}
			if err != nil {
				return
			}
			defer func() {
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			}()
			if _, err := a.Service().Create(t.Context(), organizer(), draft(1)); errors.Is(err, event.ErrEmailNotVerified) != c.verified {
				t.Errorf("an organizer without a verified address: error %v, want it refused: %t", err, c.verified)
			}
		})
	}
}
