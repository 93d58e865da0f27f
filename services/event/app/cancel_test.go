package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
)

// booking is the part of the booking service that event calls. It loses the
// first message that it takes.
type booking struct {
	caller func(token string) (string, error)
	mu     sync.Mutex
	taken  int
	heard  map[string]events.Message
	wrong  []string
}

func (b *booking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if who, err := b.caller(r.Header.Get("X-Service-Token")); err != nil || who != "event" {
		b.wrong = append(b.wrong, r.Method+" "+r.URL.Path+" without the token")
	}
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		b.wrong = append(b.wrong, err.Error())
	case r.Method == http.MethodPost && r.URL.Path == "/messages/events":
		m, err := cloudevent.Decode(body)
		if err != nil {
			b.wrong = append(b.wrong, err.Error())
		}
		if b.taken++; b.taken > 1 {
			b.heard[m.ID] = m
		}
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPost && r.URL.Path == "/receipts":
		var in struct{ IDs []string }
		if err := json.Unmarshal(body, &in); err != nil {
			b.wrong = append(b.wrong, err.Error())
		}
		known := []string{}
		for _, id := range in.IDs {
			if _, ok := b.heard[id]; ok {
				known = append(known, id)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(map[string]any{"known": known}); err != nil {
			b.wrong = append(b.wrong, err.Error())
		}
	case r.Method == http.MethodGet && r.URL.Path == "/charge-limits/EUR":
		answerLimits(w, r)
	default:
		b.wrong = append(b.wrong, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
}

// A cancelled event is told until booking says that it has heard of it. Until
// then it cannot be deleted.
func TestTellsBookingOfACancelledEvent(t *testing.T) {
	t.Parallel()
	services := authtest.New(t)
	b := &booking{caller: services.Keys().Verifier("booking"), heard: map[string]events.Message{}}
	server := httptest.NewServer(b)
	defer server.Close()
	a, _ := newAppAt(t, services, server.URL, app.Deps{Exclusive: true})
	e := create(t, a, 10)
	owner := identity.Caller{UserID: e.OrganizerID, Role: identity.Organizer}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	if _, err := a.Service().Cancel(t.Context(), owner, e.ID, nil, "Ill"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		err := a.Service().Delete(t.Context(), owner, e.ID, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, event.ErrNotTold) || time.Now().After(deadline) {
			t.Fatalf("the event is not deleted: %v; %d messages were taken, %q", err, b.taken, b.wrong)
		}
		<-time.After(20 * time.Millisecond)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.heard) != 1 || b.taken < 2 || len(b.wrong) > 0 {
		t.Errorf("%d messages were heard of %d taken; %q", len(b.heard), b.taken, b.wrong)
	}
	for _, m := range b.heard {
		var c events.EventCancelled
		if err := json.Unmarshal(m.Data, &c); err != nil || m.Type != events.TypeEventCancelled || c.Event.ID != e.ID || c.Note != "Ill" {
			t.Errorf("heard %+v, %+v (%v)", m, c, err)
		}
	}
}
