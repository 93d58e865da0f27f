package eventapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/eventapi"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// slow is an event service whose answers wait, each with one ticket less.
type slow struct {
	*eventapi.Catalog
	asked  atomic.Int32
	answer chan struct{} // each lets one go
}

func newSlow(t *testing.T) *slow {
	t.Helper()
	s := &slow{answer: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		left := 100 - s.asked.Add(1)
		<-s.answer
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, fmt.Sprintf(`{"event_id":"e","sales_open":true,"available":%[1]d,"ticket_types":[{"id":"t","name":"T","available":%[1]d}]}`, left))
	}))
	t.Cleanup(server.Close)
	client, err := httpkit.NewClient(server.URL, "secret", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	s.Catalog = eventapi.New(client)
	return s
}

func (s *slow) wantAsked(t *testing.T, n int32) {
	t.Helper()
	eventually(t, fmt.Sprintf("asked %d times", n), func() bool { return s.asked.Load() == n })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what + ": not within 10 s")
		}
	}
}

// left is the answer, or an error.
type left struct {
	n   int
	err error
}

func (s *slow) ask(ctx context.Context) <-chan left {
	answered := make(chan left, 1)
	go func() {
		a, err := s.Availability(ctx, "e")
		l := left{err: err}
		if err == nil {
			l.n = a.Types[0].Available
		}
		answered <- l
	}()
	return answered
}

func TestWhoComesMeanwhileSharesTheNextAnswer(t *testing.T) {
	s := newSlow(t)
	first := s.ask(t.Context())
	s.wantAsked(t, 1)
	var waiting atomic.Int32
	var later []<-chan left
	for range 20 {
		later = append(later, s.ask(watched{t.Context(), &waiting}))
	}
	eventually(t, "20 wait", func() bool { return waiting.Load() == 20 })
	s.answer <- struct{}{}
	if got := <-first; got != (left{n: 99}) {
		t.Errorf("the first has %+v", got)
	}
	s.answer <- struct{}{}
	for i, answered := range later {
		if got := <-answered; got != (left{n: 98}) {
			t.Errorf("%d has %+v, want what was asked after it came", i, got)
		}
	}
	s.wantAsked(t, 2)
}

// watched is a context that tells when somebody waits for its end.
type watched struct {
	context.Context
	waiting *atomic.Int32
}

func (c watched) Done() <-chan struct{} {
	c.waiting.Add(1)
	return c.Context.Done()
}

// One who gives up takes nobody's answer away, and does not wait for his.
func TestOneWhoGivesUpLeavesTheOthersTheirAnswer(t *testing.T) {
	s := newSlow(t)
	ctx, giveUp := context.WithCancel(t.Context())
	first := s.ask(ctx)
	s.wantAsked(t, 1)
	second := s.ask(t.Context())
	giveUp()
	if got := <-first; !errors.Is(got.err, booking.ErrOutcomeUnknown) || !errors.Is(got.err, context.Canceled) {
		t.Errorf("who gave up has %+v", got)
	}
	for range 2 {
		select {
		case s.answer <- struct{}{}:
		case <-time.After(10 * time.Second):
			t.Fatal("nobody asks")
		}
	}
	if got := <-second; got != (left{n: 98}) {
		t.Errorf("who stayed has %+v", got)
	}
}
