//go:build pact

package pact_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/notification/app"
	"github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
)

// The ids in the pacts.
const (
	bookingID = "01970000-0000-7000-8000-0000000000b1"
	messageID = "01970000-0000-7000-8000-0000000000f1"

	cancellationID = "01970000-0000-7000-8000-0000000000c1"
	organizerID    = "01970000-0000-7000-8000-0000000000d1"
)

func TestProvider(t *testing.T) {
	issuer, services := pacttest.NewIssuer(t), authtest.New(t)
	pacttest.Provider{
		Name: "notification", Consumers: []string{"booking", "user"}, Issuer: issuer, Services: services,
		States: map[string]func(testing.TB) (http.Handler, error){
			"a message has arrived":                  func(t testing.TB) (http.Handler, error) { return serve(t, issuer, services, sent) },
			"the customer was notified of a booking": func(t testing.TB) (http.Handler, error) { return serve(t, issuer, services, sent) },
		},
	}.Verify(t, pacttest.Dir(t))
}

// sent is a confirmation that has gone out because of a message.
func sent(ctx context.Context, s *sqlite.Store) error {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	_, err := s.Enqueue(ctx, notification.Record{
		MessageID: messageID, BookingID: bookingID, Kind: notification.Confirmation, Version: 2, At: at,
		Deliveries: []notification.Notification{{
			ID: "01970000-0000-7000-8000-0000000000d2", BookingID: bookingID, UserID: pacttest.CustomerID,
			Channel: notification.Email, To: "ada@example.com", Subject: "Booking confirmed: Night of Strings", Text: "…", HTML: "…",
			Status: notification.Sent, Attempts: 1, CreatedAt: at, Due: at, SentAt: at.Add(time.Second),
		}},
	})
	return err
}

// serve is the service as its process runs it, on a new database with what set
// puts there.
func serve(t testing.TB, issuer *pacttest.Issuer, services *authtest.Services, set func(context.Context, *sqlite.Store) error) (http.Handler, error) {
	dir := t.TempDir()
	path := filepath.Join(dir, "notification.db")
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := set(t.Context(), sqlite.New(db)); err != nil {
		return nil, err
	}
	a, err := app.New(t.Context(), app.Config{
		Addr: "127.0.0.1:0", JWKSURL: issuer.URL, UserURL: "http://127.0.0.1:1", BookingURL: "http://127.0.0.1:1", // is not asked
		ServiceKey: services.Private("notification"), ServiceKeys: services.Public,
		MailDir: filepath.Join(dir, "mail"), MailFrom: "tickets@boxoffice.example",
		RetryBase: time.Second, RetryMax: time.Second, MaxAttempts: 1, SendTimeout: time.Second, Workers: 1, Retention: 24 * time.Hour,
		FreeRecipientQuota: 10, FreeAccountQuota: 30,
	}, app.Deps{Log: slog.New(slog.DiscardHandler), OpenDatabase: storage.At(path, onsqlite.Open)})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = a.Close() })
	return a.Handler(), nil
}
