package specs

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	bookingapp "github.com/openboxoffice/boxoffice/services/booking/app"
	bookingdb "github.com/openboxoffice/boxoffice/services/booking/app/onsqlite"
	eventapp "github.com/openboxoffice/boxoffice/services/event/app"
	eventdb "github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	notificationapp "github.com/openboxoffice/boxoffice/services/notification/app"
	notificationdb "github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
	userapp "github.com/openboxoffice/boxoffice/services/user/app"
	userdb "github.com/openboxoffice/boxoffice/services/user/app/onsqlite"
)

// services are the four; the gateway's document is made of the others'.
var services = []string{"event", "booking", "notification", "user"}

// app is a service, as its app package builds it.
type app interface {
	Handler() http.Handler
	Run(ctx context.Context) error
	Close() error
}

// newApp returns a service as a process of its own has it, on SQLite, until the
// test ends. Where environment does not say otherwise, nobody else is there.
func newApp(t *testing.T, service string, environment map[string]string) (a app) {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	file := filepath.Join(t.TempDir(), service+".db")
	var err error
	switch service {
	case "user":
		a, err = userapp.New(ctx, configured[userapp.Config](t, environment), userapp.Deps{Log: log, OpenDatabase: storage.At(file, userdb.Open)})
	case "event":
		a, err = eventapp.New(ctx, configured[eventapp.Config](t, environment), eventapp.Deps{Log: log, OpenDatabase: storage.At(file, eventdb.Open)})
	case "booking":
		a, err = bookingapp.New(ctx, configured[bookingapp.Config](t, environment), bookingapp.Deps{Log: log, OpenDatabase: storage.At(file, bookingdb.Open)})
	case "notification":
		a, err = notificationapp.New(ctx, configured[notificationapp.Config](t, environment), notificationapp.Deps{Log: log, OpenDatabase: storage.At(file, notificationdb.Open)})
	default:
		err = fmt.Errorf("there is no service %q", service)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func configured[Config any](t *testing.T, environment map[string]string) Config {
	t.Helper()
	dir, nobody := t.TempDir(), "http://127.0.0.1:1"
	all := map[string]string{
		"SANDBOX_DB": filepath.Join(dir, "sandbox.db"), "MAIL_DIR": filepath.Join(dir, "mail"),
		"USER_URL": nobody, "EVENT_URL": nobody, "BOOKING_URL": nobody, "NOTIFICATION_URL": nobody, "JWKS_URL": nobody,
	}
	maps.Copy(all, serviceKeys(t))
	maps.Copy(all, environment)
	cfg, err := config.Parse[Config](all)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// serviceKeys is the environment by which services that are given all of it know
// each other.
func serviceKeys(t *testing.T) map[string]string {
	t.Helper()
	keys := authtest.New(t)
	return map[string]string{
		"USER_SERVICE_KEY": keys.Private("user"), "EVENT_SERVICE_KEY": keys.Private("event"), "BOOKING_SERVICE_KEY": keys.Private("booking"),
		"NOTIFICATION_SERVICE_KEY": keys.Private("notification"), "SERVICE_KEYS": strings.Join(keys.Public, ","),
		"TICKET_KEY": config.NewSecret(), "LINK_KEY": config.NewSecret(),
	}
}

// served is what a service serves at /openapi.json.
func served(t *testing.T, service string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	newApp(t, service, nil).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("/openapi.json of %s: %d %s", service, w.Code, w.Body)
	}
	return w.Body.Bytes()
}
