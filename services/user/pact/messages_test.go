//go:build pact

package pact_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// messages are what becomes of a request for a mail, as notification gets it: out
// of the outbox, by the relay, over the wire.
var messages = map[string]func(testing.TB) ([]byte, error){
	"a user asks to verify an address":  func(t testing.TB) ([]byte, error) { return asked(t, user.Verification) },
	"a user asks to set a new password": func(t testing.TB) ([]byte, error) { return asked(t, user.PasswordReset) },
	"a user asks to prove a phone":      func(t testing.TB) ([]byte, error) { return asked(t, user.PhoneChange) },
}

func asked(t testing.TB, purpose user.Purpose) ([]byte, error) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "user.db"))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = store.Close() })
	c := customer("")
	if err := store.Users.Create(t.Context(), c); err != nil {
		return nil, err
	}
	service, err := user.New(t.Context(), user.Options{
		Users: store.Users, Sessions: store.Sessions, UserSessions: store.Sessions, Guests: store.Guests, AccountMails: store.AccountMails,
		Keys: store.Keys, Hasher: usertest.QuickHasher{}, Tokens: &jwt.Tokens{}, Log: slog.New(slog.DiscardHandler), Normalize: norm.NFC.String,
	})
	if err != nil {
		return nil, err
	}
	wire := make(chan []byte, 10)
	consumer := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil && r.Header.Get("Content-Type") == cloudevent.ContentType {
			wire <- body
		}
		rw.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(consumer.Close)
	client, err := httpkit.NewClient(consumer.URL, pacttest.As("user"), time.Second)
	if err != nil {
		return nil, err
	}
	publisher, err := httppush.NewPublisher(authtest.NewKey(t, "user"), map[string]map[string]*httpkit.Client{events.TopicUsers: {"notification": client}})
	if err != nil {
		return nil, err
	}
	relay, err := outbox.NewRelay(outbox.Options{
		Store: store.Outbox(), Publisher: publisher, Log: slog.New(slog.DiscardHandler), Interval: 10 * time.Millisecond,
		Consumers: map[string]map[string]outbox.Receipts{events.TopicUsers: {"notification": inboxrest.NewClient(client)}},
	})
	if err != nil {
		return nil, err
	}
	if purpose == user.PhoneChange {
		err = service.RequestPhone(t.Context(), c.ID, "+4915112345678")
	} else {
		err = service.RequestMail(t.Context(), purpose, c.Email)
	}
	if err != nil {
		return nil, err
	}
	if err := service.WorkOffNow(t.Context()); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	var relaying sync.WaitGroup
	relaying.Go(func() { _ = relay.Run(ctx) })
	defer relaying.Wait()
	defer stop()
	select {
	case <-ctx.Done():
		return nil, errors.New("no user.account_mail.v1 was published")
	case body := <-wire:
		return body, nil
	}
}
