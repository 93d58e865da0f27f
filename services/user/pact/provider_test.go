//go:build pact

package pact_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
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
		return func(t testing.TB) (http.Handler, error) { return serve(t, services, users, "", nil) }
	}
	mail := func(web string) func(testing.TB) (http.Handler, error) {
		return func(t testing.TB) (http.Handler, error) {
			return serve(t, services, []user.User{customer("")}, web, due)
		}
	}
	pacttest.Provider{
		Name: "user", Consumers: []string{"booking", "event", "notification", "web"}, Services: services, Messages: messages,
		States: map[string]func(testing.TB) (http.Handler, error){
			"there is a signing key":                            state(), // there always is
			"there is no such user":                             state(),
			"there is a user with a phone":                      state(customer("+4915112345678")),
			"there is a user with no phone":                     state(customer("")),
			"an account mail is due":                            mail("https://tickets.example"),
			"an account mail is due where there is no web site": mail(""),
			"a code for a phone is due": func(t testing.TB) (http.Handler, error) {
				return serve(t, services, []user.User{customer("")}, "", codeDue)
			},
		},
	}.Verify(t, pacttest.Dir(t))
}

func customer(phone string) user.User {
	c, at := pacttest.Callers["customer"], time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return user.User{
		ID: c.UserID, Email: c.Email, Name: c.Name, Phone: phone, Locale: "de-AT", Role: identity.Customer,
		PasswordHash: "none", PasswordVersion: 1, CreatedAt: at, UpdatedAt: at,
	}
}

// due stores a mail that verifies the customer's address.
func due(ctx context.Context, store *sqlite.Store) error {
	now := time.Now()
	if err := store.AccountMails.Request(ctx, user.MailRequest{Purpose: user.Verification, Email: customer("").Email, At: now}); err != nil {
		return err
	}
	_, err := store.AccountMails.WorkOff(ctx, user.Span{}, 1, func(r user.MailRequest, u user.User, _ int) (*user.AccountMail, events.Message, error) {
		m := user.AccountMail{
			ID: "01970000-0000-7000-8000-0000000000f2", Purpose: r.Purpose, UserID: u.ID, Email: u.Email, Secret: []byte{1},
			CreatedAt: now, ExpiresAt: now.Add(user.VerificationLife),
		}
		return &m, events.Message{ID: m.ID, Type: events.TypeAccountMail, Time: now, Data: []byte(`{}`)}, nil
	})
	return err
}

// codeDue stores a code for a phone of the customer's.
func codeDue(ctx context.Context, store *sqlite.Store) error {
	now := time.Now()
	const phone = "+4915112345678"
	return store.AccountMails.Send(ctx, customer("").ID, user.PhoneChange, phone, user.Span{}, func(u user.User, _ int) (*user.AccountMail, events.Message, error) {
		m := user.AccountMail{
			ID: "01970000-0000-7000-8000-0000000000f2", Purpose: user.PhoneChange, UserID: u.ID, Email: phone, PasswordVersion: u.PasswordVersion, Secret: []byte{1},
			CreatedAt: now, ExpiresAt: now.Add(user.PhoneChangeLife),
		}
		return &m, events.Message{ID: m.ID, Type: events.TypeAccountMail, Time: now, Data: []byte(`{}`)}, nil
	})
}

// serve is the service as its process runs it, on a new database with users, and
// with what set puts there.
func serve(t testing.TB, services *authtest.Services, users []user.User, web string, set func(context.Context, *sqlite.Store) error) (http.Handler, error) {
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
	if set != nil {
		if err := set(t.Context(), store); err != nil {
			return nil, err
		}
	}
	const nobody = "http://127.0.0.1:1" // is behind its gateway
	a, err := app.New(t.Context(), app.Config{
		EventURL: nobody, BookingURL: nobody, NotificationURL: nobody, WebURL: web,
		ServiceKey: services.Private("user"), ServiceKeys: services.Public,
	}, app.Deps{Log: slog.New(slog.DiscardHandler), OpenDatabase: storage.At(path, onsqlite.Open)})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.Close() })
	return a.Handler(), nil
}
