//go:build pact

package pact_test

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/app"
	"github.com/openboxoffice/boxoffice/services/user/app/onsqlite"
)

func TestProvider(t *testing.T) {
	services := authtest.New(t)
	state := func(users ...user.User) func(testing.TB) (http.Handler, error) {
		return func(t testing.TB) (http.Handler, error) { return serve(t, services, users) }
	}
	pacttest.Provider{
		Name: "user", Consumers: []string{"booking", "event", "notification"}, Services: services,
		States: map[string]func(testing.TB) (http.Handler, error){
			"there is a signing key":        state(), // there always is
			"there is no such user":         state(),
			"there is a user with a phone":  state(customer("+4915112345678")),
			"there is a user with no phone": state(customer("")),
		},
	}.Verify(t, pacttest.Dir(t))
}

func customer(phone string) user.User {
	c, at := pacttest.Callers["customer"], time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return user.User{
		ID: c.UserID, Email: c.Email, Name: c.Name, Phone: phone, Role: identity.Customer,
		PasswordHash: "none", PasswordVersion: 1, CreatedAt: at, UpdatedAt: at,
	}
}

// serve is the service as its process runs it, on a new database with users.
func serve(t testing.TB, services *authtest.Services, users []user.User) (http.Handler, error) {
	path := filepath.Join(t.TempDir(), "user.db")
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, u := range users {
		if err := store.Users.Create(t.Context(), u); err != nil {
			return nil, err
		}
	}
	const nobody = "http://127.0.0.1:1" // is behind its gateway
	a, err := app.New(t.Context(), app.Config{
		EventURL: nobody, BookingURL: nobody, NotificationURL: nobody,
		ServiceKey: services.Private("user"), ServiceKeys: services.Public,
	}, app.Deps{Log: slog.New(slog.DiscardHandler), OpenDatabase: storage.At(path, onsqlite.Open)})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.Close() })
	return a.Handler(), nil
}
