package httppush_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// sleeper is a consumer that takes no message while it sleeps, and says so to
// nobody.
type sleeper struct {
	mu     sync.Mutex
	asleep bool
	asked  int
	has    map[string]bool
}

func (s *sleeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.take(r) {
		<-r.Context().Done()
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *sleeper) take(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	m, malformed := cloudevent.Decode(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.asleep || err != nil || malformed != nil {
		return false
	}
	s.has[m.ID] = true
	return true
}

func (s *sleeper) state() (asked, has int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, len(s.has)
}

func (s *sleeper) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asleep = false
}

// patience is how long its publisher waits for an answer.
func (s *sleeper) patience() time.Duration {
	if s.asleep {
		return 300 * time.Millisecond // it comes to nothing
	}
	return time.Minute
}

// Known makes it outbox.Receipts.
func (s *sleeper) Known(_ context.Context, ids []string) (known []string, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if s.has[id] {
			known = append(known, id)
		}
	}
	return known, nil
}

// The whole way from an outbox: the healthy consumer has everything while the
// other hangs, which is asked now and then, and has everything when it wakes.
func TestAConsumerThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const messages = 1000
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"),
		fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + sqlite.Schema)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		for i := range messages {
			m := message(fmt.Sprint("m", i))
			if err := sqlite.Insert(t.Context(), tx, "bookings", m, time.Now()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}

	well, ill := &sleeper{has: map[string]bool{}}, &sleeper{has: map[string]bool{}, asleep: true}
	clients, receipts := map[string]*httpkit.Client{}, map[string]outbox.Receipts{}
	for name, s := range map[string]*sleeper{"event": ill, "notification": well} {
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		clients[name], receipts[name] = client(t, server.URL, s.patience()), s
	}
	store := sqlite.New(db)
	relay, err := outbox.NewRelay(outbox.Options{
		Store: store, Publisher: newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": clients}),
		Consumers: map[string]map[string]outbox.Receipts{"bookings": receipts}, Log: quiet,
		Interval: 20 * time.Millisecond, CheckAfter: 100 * time.Millisecond, Grace: 100 * time.Millisecond, MaxPause: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = relay.Run(ctx) }()
	defer func() { stop(); <-ended }()

	eventually(t, "the healthy one has everything", func() bool { _, has := well.state(); return has == messages })
	// Once by each of those who publish at one time, and then by one now and then.
	if asked, _ := ill.state(); asked > 50 {
		t.Errorf("the one that hangs was asked %d times", asked)
	}
	ill.wake()
	eventually(t, "the other one has everything", func() bool { _, has := ill.state(); return has == messages })
	eventually(t, "the outbox is closed", func() bool {
		n, _, err := store.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// While it is left alone the error says why, and nobody waits for it; the
// background finds out that it is back.
func TestAConsumerThatHangsIsLeftAlone(t *testing.T) {
	t.Parallel()
	ill, well := &sleeper{has: map[string]bool{}, asleep: true}, &sleeper{has: map[string]bool{}}
	clients := map[string]*httpkit.Client{}
	for name, s := range map[string]*sleeper{"event": ill, "notification": well} {
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		clients[name] = client(t, server.URL, s.patience())
	}
	p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": clients})
	for n := range 500 {
		err := p.Publish(t.Context(), "bookings", message(fmt.Sprint(n)))
		if !errors.Is(err, broker.ErrPartly) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"event"`) {
			t.Fatalf("error %v, want that event hangs", err)
		}
	}
	if asked, _ := ill.state(); asked > 50 {
		t.Errorf("it was asked %d times", asked)
	}
	ill.wake()
	n := 0
	eventually(t, "it is back", func() bool {
		n++
		return p.Publish(t.Context(), "bookings", message(fmt.Sprint("later ", n))) == nil
	})
}

// What finds out that it is back is nothing that a Publish waits for, or ends.
func TestAProbeIsNobodysBusiness(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	release := make(chan struct{})
	ill := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		drained(r)
		if asked.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		select {
		case <-release:
			w.WriteHeader(http.StatusAccepted)
		case <-r.Context().Done():
			t.Error("the probe was given up")
		}
	}))
	t.Cleanup(ill.Close)
	p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": {
		"event":        client(t, ill.URL, time.Minute),
		"notification": client(t, serve(t, &taken{}, quiet, "bookings").URL, time.Minute),
	}})
	publish := func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return p.Publish(ctx, "bookings", message("m1"))
	}
	eventually(t, "a probe", func() bool {
		if err := publish(); !errors.Is(err, broker.ErrPartly) {
			t.Fatalf("error %v, want ErrPartly", err)
		}
		return asked.Load() == 2
	})
	for range 20 {
		if err := publish(); !errors.Is(err, broker.ErrPartly) {
			t.Fatalf("during the probe: error %v, want ErrPartly", err)
		}
	}
	close(release)
	eventually(t, "the end of the silence", func() bool { return publish() == nil })
}

// Where nobody answers there is nobody to hold up: no message waits for a
// pause to end.
func TestWhereNoConsumerAnswersEachIsTried(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"event"}, {"event", "notification"}} {
		var well atomic.Bool
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if !well.Load() {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusAccepted)
		}))
		t.Cleanup(s.Close)
		clients := map[string]*httpkit.Client{}
		for _, name := range names {
			clients[name] = client(t, s.URL, time.Minute)
		}
		p := newPublisher(t, map[string]map[string]*httpkit.Client{"bookings": clients})
		for range 20 {
			if err := p.Publish(t.Context(), "bookings", message("m1")); err == nil || errors.Is(err, broker.ErrPartly) {
				t.Fatalf("%v: error %v, want one about all", names, err)
			}
		}
		well.Store(true)
		if err := p.Publish(t.Context(), "bookings", message("m2")); err != nil {
			t.Errorf("%v: %v", names, err)
		}
	}
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
	}
}
