package outbox_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// The tests run in bubbles of their own time: a minute's back-off takes none.

const topic = "bookings"

var errAway = errors.New("away")

// world is a publishing service, a broker and two consuming services, with
// everything between them that a test may break.
type world struct {
	*testing.T
	db     *sqlitedb.DB
	broker *inproc.Broker
	event  *service
	mail   *service
	log    bytes.Buffer

	store   outbox.Store
	publish func(ctx context.Context, m events.Message) error // before the broker's; nil passes
	tries   atomic.Int64                                      // calls of it
	stop    []func()
}

// service is a consumer with an inbox.
type service struct {
	w       *world
	db      *sqlitedb.DB
	store   *inboxsqlite.Store
	silent  atomic.Bool // does not answer
	failing atomic.Bool // handles nothing
	asked   atomic.Int64
	effects atomic.Int64
}

func newWorld(t *testing.T) *world {
	w := &world{T: t}
	w.db = open(t, "booking", sqlite.Schema)
	w.store = watched{sqlite.New(w.db), w}
	w.broker = inproc.New(inproc.Options{Log: slog.New(slog.DiscardHandler), Capacity: 10000})
	w.event, w.mail = w.service("event"), w.service("notification")
	w.start(w.broker.Run)
	return w
}

func open(t *testing.T, name, schema string) *sqlitedb.DB {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), name+".db"),
		fstest.MapFS{"00001_init.sql": {Data: []byte("-- +goose Up\n" + schema)}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (w *world) service(name string) *service {
	db := open(w.T, name, inboxsqlite.Schema)
	s := &service{w: w, db: db, store: inboxsqlite.New(db)}
	err := w.broker.Subscribe(broker.Subscription{
		Topic: topic, Consumer: name, Handle: s.handle, DeadLetter: inbox.DeadLetterFunc(s.store, topic, time.Now)})
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (s *service) handle(ctx context.Context, m events.Message) error {
	if s.failing.Load() {
		return errAway
	}
	if m.Type == "unheard of" {
		return broker.ErrReject
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		fresh, err := inboxsqlite.Record(ctx, tx, m.ID, time.Now())
		if fresh {
			s.effects.Add(1)
		}
		return err
	})
}

// Known makes a service outbox.Receipts.
func (s *service) Known(ctx context.Context, ids []string) ([]string, error) {
	s.asked.Add(1)
	if s.silent.Load() {
		<-ctx.Done() // hangs
		return nil, ctx.Err()
	}
	return s.store.Known(ctx, ids)
}

// watched fails the test when an entry is closed that somebody does not know.
type watched struct {
	outbox.Store
	w *world
}

func (s watched) Close(ctx context.Context, ids []string, at time.Time) error {
	for _, c := range []*service{s.w.event, s.w.mail} {
		known, err := c.store.Known(ctx, ids)
		if err != nil || len(known) != len(ids) {
			s.w.Errorf("closed %d entries, of which a consumer knows %d (%v)", len(ids), len(known), err)
		}
	}
	return s.Store.Close(ctx, ids, at)
}

// Publish makes a world broker.Publisher.
func (w *world) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	failed := broker.BatchError{}
	for _, m := range batch {
		if err := w.publishOne(ctx, topic, m); err != nil {
			failed[m.ID] = err
		}
	}
	return failed.Err()
}

func (w *world) publishOne(ctx context.Context, topic string, m events.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w.tries.Add(1)
	if w.publish != nil {
		if err := w.publish(ctx, m); err != nil {
			if errors.Is(err, errLost) {
				return nil
			}
			return err
		}
	}
	return broker.Failure(w.broker.Publish(ctx, topic, m), m.ID)
}

// errLost of world.publish: the broker says that it has it, and has not.
var errLost = errors.New("lost")

func (w *world) options() outbox.Options {
	return outbox.Options{
		Store: w.store, Publisher: w, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Consumers: map[string]map[string]outbox.Receipts{topic: {"event": w.event, "notification": w.mail}},
	}
}

// relay runs one until the test ends.
func (w *world) relay(o outbox.Options) *outbox.Relay {
	w.Helper()
	r, err := outbox.NewRelay(o)
	if err != nil {
		w.Fatal(err)
	}
	w.start(r.Run)
	return r
}

func (w *world) start(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.Error(err)
		}
	})
	w.stop = append(w.stop, stop)
	return stop
}

// end stops everything: a bubble waits for all that was started in it.
func (w *world) end() {
	for _, stop := range w.stop {
		stop()
	}
	for _, db := range []*sqlitedb.DB{w.db, w.event.db, w.mail.db} {
		if err := db.Close(); err != nil {
			w.Error(err)
		}
	}
}

var serial atomic.Int64

func (w *world) insert(n int) (ids []string) {
	w.Helper()
	return w.insertTo(topic, n)
}

func (w *world) insertTo(topic string, n int) (ids []string) {
	w.Helper()
	err := w.db.Write(w.Context(), func(tx *sql.Tx) error {
		for range n {
			id := fmt.Sprintf("%08d", serial.Add(1))
			ids = append(ids, id)
			if err := sqlite.Insert(w.Context(), tx, topic, events.Message{ID: id, Time: time.Now()}, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return ids
}

// open fails the test unless n entries are open.
func (w *world) open(n int) {
	w.Helper()
	got, _, err := w.store.Open(w.Context())
	if err != nil || got != n {
		w.Errorf("%d entries are open (%v), want %d", got, err, n)
	}
}

func (w *world) effects(event, mail int64) {
	w.Helper()
	if e, m := w.event.effects.Load(), w.mail.effects.Load(); e != event || m != mail {
		w.Errorf("%d and %d effects, want %d and %d", e, m, event, mail)
	}
}

func (w *world) logged(substr string, n int) {
	w.Helper()
	synctest.Wait() // until nobody writes there
	if got := strings.Count(w.log.String(), substr); got != n {
		w.Errorf("%q is logged %d times, want %d:\n%s", substr, got, n, w.log.String())
	}
}

func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		test(w)
	})
}
