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

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	outboxsqlite "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// messages are what becomes of an organizer's request, as the consumers get it:
// out of the outbox, by the relay, over the wire.
var messages = map[string]func(testing.TB) ([]byte, error){"an event is cancelled": cancelled}

func cancelled(t testing.TB) ([]byte, error) {
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = db.Close() })
	store := sqlite.New(db)
	service, err := event.New(event.Options{Store: store, Inventory: store, Holdings: store})
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
	client, err := httpkit.NewClient(consumer.URL, pacttest.As("event"), time.Second)
	if err != nil {
		return nil, err
	}
	publisher, err := httppush.NewPublisher(authtest.NewKey(t, "event"), map[string]map[string]*httpkit.Client{events.TopicEvents: {"booking": client}})
	if err != nil {
		return nil, err
	}
	relay, err := outbox.NewRelay(outbox.Options{
		Store: outboxsqlite.New(db), Publisher: publisher, Log: slog.New(slog.DiscardHandler), Interval: 10 * time.Millisecond,
		Consumers: map[string]map[string]outbox.Receipts{events.TopicEvents: {"booking": inboxrest.NewClient(client)}},
	})
	if err != nil {
		return nil, err
	}
	e := anEvent(eventID, 100)
	if err := store.Create(t.Context(), e, 1000); err != nil {
		return nil, err
	}
	if _, err := service.Cancel(t.Context(), identity.Caller{UserID: e.OrganizerID, Role: identity.Organizer}, eventID, nil, "The singer is ill."); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	var relaying sync.WaitGroup
	relaying.Go(func() { _ = relay.Run(ctx) })
	defer relaying.Wait()
	defer stop()
	select {
	case <-ctx.Done():
		return nil, errors.New("no event.cancelled.v1 was published")
	case body := <-wire:
		return body, nil
	}
}
