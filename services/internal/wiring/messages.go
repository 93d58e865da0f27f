package wiring

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inlet"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// publishTimeout is how long the sidecar may take for a message.
const publishTimeout = 5 * time.Second

// Told is a topic that the service tells.
type Told struct {
	Topic     string
	Consumers map[string]*httpkit.Client // by name
	Outbox    outbox.Store
	// Keep is how long closed messages stay; zero is the outbox's own default.
	Keep time.Duration
	// Publisher takes the messages; nil publishes them by the sidecar, or pushes
	// them to the consumers over HTTP where there is none.
	Publisher broker.Publisher
}

// Receipts are how the consumers are asked.
func (t Told) Receipts() map[string]map[string]outbox.Receipts {
	asked := map[string]outbox.Receipts{}
	for name, client := range t.Consumers {
		asked[name] = inboxrest.NewClient(client)
	}
	return map[string]map[string]outbox.Receipts{t.Topic: asked}
}

// Tells returns the relay from the outbox of t to its consumers, which Run runs.
func (a *App) Tells(t Told) (*outbox.Relay, error) {
	publisher, err := a.publisher(t)
	if err != nil {
		return nil, err
	}
	relay, err := outbox.NewRelay(outbox.Options{Store: t.Outbox, Publisher: publisher, Log: a.Log, Consumers: t.Receipts(), Keep: t.Keep})
	if err != nil {
		return nil, err
	}
	a.Keeps("relay", relay.Run)
	return relay, nil
}

func (a *App) publisher(t Told) (broker.Publisher, error) {
	switch {
	case t.Publisher != nil:
		return t.Publisher, nil
	case a.Way.There():
		return dapr.NewPublisher(a.Way.Config.URL(), a.Way.APIToken, a.Key, publishTimeout)
	}
	straight := httpkit.NewTransport() // httppush has a circuit breaker of its own
	clients := map[string]*httpkit.Client{}
	for name, client := range t.Consumers {
		clients[name] = client.Through(straight)
	}
	return httppush.NewPublisher(a.Key, map[string]map[string]*httpkit.Client{t.Topic: clients})
}

// Heard is what the service hears.
type Heard struct {
	Consumer string
	Topics   []Topic
	Inbox    inbox.Store
	// Subscriber is where the topics are heard; nil takes them from the sidecar, or
	// over HTTP where there is none.
	Subscriber broker.Subscriber
}

// Topic is one that the service hears.
type Topic struct {
	Name      string
	Publisher string // the service that tells it, and asks for receipts
	Handle    broker.Handler
}

// Hears subscribes to the topics, and adds the operations about their messages to
// api, which is that of API. A message of a type that the handler does not know is
// ignored. It is called once.
func (a *App) Hears(h Heard, api huma.API, guard *auth.Guard) error {
	handlers, publishers, callers := map[string]broker.Handler{}, map[string]string{}, []string{}
	for _, t := range h.Topics {
		handlers[t.Name] = inbox.IgnoreUnknown(h.Inbox, a.Log, time.Now, t.Handle)
		publishers[t.Name] = t.Publisher
		callers = append(callers, t.Publisher)
	}
	inboxrest.Register(api, guard, inboxrest.Options{Store: h.Inbox, Handlers: handlers, Callers: callers, Log: a.Log})
	subscriber := h.Subscriber
	if subscriber == nil {
		in, err := inlet.New(a.o.Sidecar, seal.Opener{Keys: a.Keys, Publishers: publishers}, a.Log)
		if err != nil {
			return err
		}
		in.Register(a.mux, api, guard)
		a.Works(in.Run) // it runs once, and recovers what its handlers panic with
		subscriber = in
	}
	for _, t := range h.Topics {
		if err := subscriber.Subscribe(broker.Subscription{
			Topic: t.Name, Consumer: h.Consumer, Handle: handlers[t.Name], DeadLetter: inbox.DeadLetterFunc(h.Inbox, t.Name, time.Now),
		}); err != nil {
			return err
		}
	}
	return nil
}
