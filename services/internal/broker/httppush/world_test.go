package httppush_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// services are those of these tests: booking publishes, and event consumes.
var services = newServices("booking", "event", "user")

func newServices(names ...string) map[string]*auth.ServiceKey {
	all := map[string]*auth.ServiceKey{}
	for _, name := range names {
		key, err := auth.NewServiceKey(name)
		if err != nil {
			panic(err)
		}
		all[name] = key
	}
	return all
}

// keys are those by which a consumer knows the others.
func keys(t testing.TB) *auth.ServiceKeys {
	t.Helper()
	var public []string
	for _, key := range services {
		public = append(public, authtest.Public(t, key))
	}
	keys, err := auth.ParseServiceKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func token(t testing.TB, caller, audience string) string {
	t.Helper()
	text, err := services[caller].TokenFor(audience)()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var quiet = slog.New(slog.DiscardHandler)

// publisher is a function as a broker.Publisher.
type publisher func(ctx context.Context, topic string, m events.Message) error

func (p publisher) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	failed := broker.BatchError{}
	for _, m := range batch {
		if err := p(ctx, topic, m); err != nil {
			failed[m.ID] = err
		}
	}
	return failed.Err()
}

// serve is a consumer that hands what it is posted to taker.
func serve(t *testing.T, taker broker.Publisher, log *slog.Logger, topics ...string) *httptest.Server {
	t.Helper()
	guard := &auth.Guard{
		VerifyService: keys(t).Verifier("event"),
		Verify: func(context.Context, string) (identity.Caller, error) {
			return identity.Caller{UserID: "u", Role: identity.Admin}, nil
		},
	}
	mux := httpkit.NewRouter(log)
	seals := seal.Opener{Keys: keys(t), Publishers: map[string]string{}}
	for _, topic := range topics {
		seals.Publishers[topic] = "booking"
	}
	httppush.Register(httpkit.NewAPI(mux, "test", ""), guard, httppush.Options{Publisher: taker, Seals: seals, Log: log})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// client is booking's.
func client(t *testing.T, url string, timeout time.Duration) *httpkit.Client {
	t.Helper()
	return clientOf(t, services["booking"], url, timeout)
}

func clientOf(t *testing.T, key *auth.ServiceKey, url string, timeout time.Duration) *httpkit.Client {
	t.Helper()
	c, err := httpkit.NewClient(url, key.TokenFor("event"), timeout)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newPublisher(t *testing.T, consumers map[string]map[string]*httpkit.Client) *httppush.Publisher {
	t.Helper()
	p, err := httppush.NewPublisher(services["booking"], consumers)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// world is a publisher and a server with a broker for each consumer.
type world struct {
	*testing.T
	consumers map[string]*node
	publisher broker.Publisher // once it has started

	push func(map[string]map[string]*httpkit.Client) broker.Publisher
	take func(good broker.Publisher) broker.Publisher
}

type node struct {
	broker *inproc.Broker
	topics []string
	stop   context.CancelFunc
	ended  chan struct{}
}

func pause(attempt int) time.Duration { return time.Millisecond << attempt }

func newWorld(t *testing.T) *world {
	return &world{
		T: t, consumers: map[string]*node{},
		push: func(consumers map[string]map[string]*httpkit.Client) broker.Publisher {
			return newPublisher(t, consumers)
		},
		take: func(good broker.Publisher) broker.Publisher { return good },
	}
}

// fixture is the world as the suite sees it.
func (w *world) fixture() brokertest.Fixture {
	return brokertest.Fixture{
		Publisher:  late{w},
		Subscriber: w, Start: w.start, Stop: func() { w.stop("b") },
		MaxAttempts: 5, MinPause: pause, Patience: time.Minute,
	}
}

// late is the publisher that the world has once it has started.
type late struct{ w *world }

func (l late) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	return l.w.publisher.Publish(ctx, topic, batch...)
}

func (w *world) Subscribe(s broker.Subscription) error {
	n := w.consumers[s.Consumer]
	if n == nil {
		n = &node{
			broker: inproc.New(inproc.Options{Log: quiet, MaxAttempts: 5, Backoff: pause}),
			ended:  make(chan struct{}),
		}
		w.consumers[s.Consumer] = n
	}
	if !slices.Contains(n.topics, s.Topic) {
		n.topics = append(n.topics, s.Topic)
	}
	return n.broker.Subscribe(s)
}

func (w *world) start() {
	known := map[string]map[string]*httpkit.Client{}
	for name, n := range w.consumers {
		ctx, stop := context.WithCancel(context.Background())
		n.stop = stop
		w.Cleanup(stop)
		go func() { // not waited for: a hanging handler must not hang a broken adapter's test
			defer close(n.ended)
			_ = n.broker.Run(ctx)
		}()
		s := serve(w.T, w.take(n.broker), quiet, n.topics...)
		for _, topic := range n.topics {
			if known[topic] == nil {
				known[topic] = map[string]*httpkit.Client{}
			}
			known[topic][name] = client(w.T, s.URL, time.Minute)
		}
	}
	w.publisher = w.push(known)
}

func (w *world) stop(consumer string) {
	w.consumers[consumer].stop()
	<-w.consumers[consumer].ended
}
