package specs

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	bookingapp "github.com/openboxoffice/boxoffice/services/booking/app"
	eventapp "github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/internal/config"
	notificationapp "github.com/openboxoffice/boxoffice/services/notification/app"
	userapp "github.com/openboxoffice/boxoffice/services/user/app"
)

// services are the four; the gateway's document is made of the others'.
var services = []string{"event", "booking", "notification", "user"}

// newHandler returns the handler of a service as a process of its own has it,
// on SQLite. Nobody else is there.
func newHandler(t *testing.T, service string) http.Handler {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	type app interface {
		Handler() http.Handler
		Close() error
	}
	var a app
	var err error
	switch service {
	case "user":
		a, err = userapp.New(ctx, environment[userapp.Config](t), userapp.Deps{Log: log})
	case "event":
		a, err = eventapp.New(ctx, environment[eventapp.Config](t), eventapp.Deps{Log: log})
	case "booking":
		a, err = bookingapp.New(ctx, environment[bookingapp.Config](t), bookingapp.Deps{Log: log})
	case "notification":
		a, err = notificationapp.New(ctx, environment[notificationapp.Config](t), notificationapp.Deps{Log: log})
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
	return a.Handler()
}

// environment is the configuration of a service that finds nobody.
func environment[Config any](t *testing.T) Config {
	t.Helper()
	dir, nobody := t.TempDir(), "http://127.0.0.1:1"
	cfg, err := config.Parse[Config](map[string]string{
		"STORE": "sqlite", "USER_DB": filepath.Join(dir, "user.db"), "EVENT_DB": filepath.Join(dir, "event.db"),
		"BOOKING_DB": filepath.Join(dir, "booking.db"), "NOTIFICATION_DB": filepath.Join(dir, "notification.db"),
		"SANDBOX_DB": filepath.Join(dir, "sandbox.db"), "MAIL_DIR": filepath.Join(dir, "mail"),
		"USER_URL": nobody, "EVENT_URL": nobody, "BOOKING_URL": nobody, "NOTIFICATION_URL": nobody, "JWKS_URL": nobody,
		"BOOKING_SERVICE_TOKEN": "b", "NOTIFICATION_SERVICE_TOKEN": "n",
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// served is what a service serves at /openapi.json.
func served(t *testing.T, service string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	newHandler(t, service).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("/openapi.json of %s: %d %s", service, w.Code, w.Body)
	}
	return w.Body.Bytes()
}
