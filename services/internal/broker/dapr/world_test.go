//go:build integration

package dapr_test

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/daprtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/network"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
)

const (
	components  = "../../../../components"
	daprToken   = "what the app shows its sidecar"
	appToken    = "what the sidecar shows its app"
	maxAttempts = 5
)

func pause(attempt int) time.Duration { return time.Millisecond << attempt }

// world is RabbitMQ, a publisher with its sidecar, and consumers with theirs, set
// up by the files in components/ but for the names in them: of apps and topics.
type world struct {
	*testing.T
	rabbit    *rabbittest.VHost
	url       string // of RabbitMQ, by way of network
	network   *network.Network
	publisher *app
	consumers map[string]*app
	topics    []string
	seals     seal.Opener              // of every topic
	files     string                   // the copy of components/
	edit      func(doc map[string]any) // changes it further, if there is one
}

// app is a process of the platform, in this one, with its sidecar.
type app struct {
	name       string
	topics     []string
	subscriber *dapr.Subscriber
	server     *httptest.Server
	sidecar    *daprtest.Process
	publisher  *dapr.Publisher
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, rabbit: rabbittest.New(t), consumers: map[string]*app{}, seals: opener(t)}
	w.url, w.network = rabbittest.Through(t, w.rabbit)
	w.publisher = &app{name: "publisher"}
	return w
}

// Subscribe makes the consumer's app when it is first heard of.
func (w *world) Subscribe(s broker.Subscription) error {
	w.seals.Publishers[s.Topic] = "booking"
	a := w.consumers[s.Consumer]
	if a == nil {
		a = &app{name: s.Consumer, subscriber: w.newSubscriber()}
		w.consumers[s.Consumer] = a
	}
	a.topics = append(a.topics, s.Topic)
	if !slices.Contains(w.topics, s.Topic) {
		w.topics = append(w.topics, s.Topic)
	}
	return a.subscriber.Subscribe(s)
}

func (w *world) newSubscriber() *dapr.Subscriber {
	w.Helper()
	s, err := dapr.NewSubscriber(dapr.Options{Token: appToken, Seals: w.seals, Attempts: inproc.Options{
		Log: slog.New(slog.DiscardHandler), MaxAttempts: maxAttempts, Backoff: pause,
	}})
	if err != nil {
		w.Fatal(err)
	}
	return s
}

// Publish is by the publisher's sidecar.
func (w *world) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	return w.publisher.publisher.Publish(ctx, topic, batch...)
}

// serve starts a consumer and its sidecar.
func (w *world) serve(a *app) {
	w.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	subscriber := a.subscriber
	go func() { _ = subscriber.Run(ctx) }() // not waited for: a handler may hang
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	subscriber.Register(mux)
	server := httptest.NewServer(mux)
	a.server = server
	w.Cleanup(func() {
		server.CloseClientConnections() // those of a sidecar that waits for an answer
		server.Close()
	})
	w.sidecar(a, server.Listener.Addr().(*net.TCPAddr).Port)
}

// restart starts a consumer that was killed, and its sidecar.
func (w *world) restart(name string) {
	w.Helper()
	a := w.consumers[name]
	w.serve(a)
	if err := a.sidecar.Wait(w.Context()); err != nil {
		w.Fatalf("%s: %v\n%s", name, err, a.sidecar.Log())
	}
}

// start starts everything, and returns when each queue gets what is published.
func (w *world) start() {
	w.Helper()
	w.files = w.resources()
	for _, a := range w.consumers {
		w.serve(a)
	}
	w.sidecar(w.publisher, 0)
	for _, a := range w.apps() {
		if err := a.sidecar.Wait(w.Context()); err != nil {
			w.Fatalf("%s: %v\n%s", a.name, err, a.sidecar.Log())
		}
	}
	deadline := time.Now().Add(time.Minute)
	for {
		bindings, missing := w.rabbit.Bindings(w), ""
		for _, a := range w.consumers {
			for _, topic := range append([]string{a.deadLetters()}, a.topics...) {
				if !bindings[rabbittest.Binding{Exchange: topic, Queue: a.name + "-" + topic}] {
					missing = a.name + " does not hear " + topic
				}
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			w.Fatal(missing)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func (w *world) apps() []*app {
	return append(slices.Collect(maps.Values(w.consumers)), w.publisher)
}

func (w *world) sidecar(a *app, port int) {
	w.Helper()
	a.sidecar = daprtest.Start(w, daprtest.Sidecar{AppID: a.name, AppPort: port, Resources: w.files, Env: []string{
		"RABBITMQ_URL=" + w.url, "DAPR_API_TOKEN=" + daprToken, "APP_API_TOKEN=" + appToken,
	}})
	var err error
	if a.publisher, err = dapr.NewPublisher(a.sidecar.URL, daprToken, bookingKey, 30*time.Second); err != nil {
		w.Fatal(err)
	}
}

func (a *app) deadLetters() string { return a.name + "-dead-letters" }

// resources is a copy of components/ for the apps and topics of this test.
func (w *world) resources() string {
	w.Helper()
	names := []string{}
	for _, a := range w.apps() {
		names = append(names, a.name)
	}
	return daprtest.Copy(w, components, func(doc map[string]any) []map[string]any {
		if w.edit != nil {
			w.edit(doc)
		}
		spec, _ := doc["spec"].(map[string]any)
		switch doc["kind"] {
		case "Subscription":
			return w.subscriptions(doc, spec)
		case "Configuration":
			spec["nameResolution"] = nameResolution(w.TempDir() + "/names.db")
			return []map[string]any{doc}
		case "Component":
			if spec["type"] == "pubsub.rabbitmq" {
				return w.brokers(doc, spec, names)
			}
		}
		doc["scopes"] = names
		return []map[string]any{doc}
	})
}

// brokers are as the component of bookings, for each topic of this test, and as
// that of the dead letters, for its apps.
func (w *world) brokers(doc, spec map[string]any, names []string) (all []map[string]any) {
	as := func(name string, publish, hear map[string]string) {
		every, may := []string{}, map[string]string{}
		for field, topics := range map[string]map[string]string{"publishingScopes": publish, "subscriptionScopes": hear} {
			scopes := []string{}
			for _, app := range names {
				scopes = append(scopes, app+"="+topics[app])
				if topics[app] != "" {
					every = append(every, topics[app])
				}
			}
			may[field] = strings.Join(scopes, ";")
		}
		slices.Sort(every)
		may["allowedTopics"] = strings.Join(slices.Compact(every), ",")
		may["protectedTopics"] = may["allowedTopics"]
		copied, fields := maps.Clone(spec), []any{}
		for _, f := range spec["metadata"].([]any) {
			field := maps.Clone(f.(map[string]any))
			if value, ok := may[field["name"].(string)]; ok {
				field["value"] = value
			}
			fields = append(fields, field)
		}
		copied["metadata"] = fields
		d := maps.Clone(doc)
		d["spec"], d["scopes"], d["metadata"] = copied, names, map[string]any{"name": name}
		all = append(all, d)
	}
	dead := map[string]string{}
	for _, a := range w.consumers {
		dead[a.name] = a.deadLetters()
	}
	switch doc["metadata"].(map[string]any)["name"] {
	case "bookings":
		for _, topic := range w.topics {
			publish, hear := maps.Clone(dead), map[string]string{}
			publish[w.publisher.name] = topic
			for _, a := range w.consumers {
				if slices.Contains(a.topics, topic) {
					hear[a.name] = topic
				}
			}
			as(topic, publish, hear)
		}
	case "dead-letters":
		as("dead-letters", nil, dead)
	}
	return all
}

// subscriptions are as those of event, for each app and topic of this test.
func (w *world) subscriptions(doc, spec map[string]any) (all []map[string]any) {
	as := func(name, app, broker, topic, route string, dead any) {
		copied := maps.Clone(spec)
		copied["pubsubname"], copied["topic"], copied["routes"] = broker, topic, map[string]any{"default": "/subscriptions/" + route}
		delete(copied, "deadLetterTopic")
		if dead != nil {
			copied["deadLetterTopic"] = dead
		}
		d := maps.Clone(doc)
		d["spec"], d["scopes"], d["metadata"] = copied, []string{app}, map[string]any{"name": name}
		all = append(all, d)
	}
	for _, a := range w.consumers {
		switch doc["metadata"].(map[string]any)["name"] {
		case "event-bookings":
			for _, topic := range a.topics {
				as(a.name+"-"+topic, a.name, topic, topic, topic, a.deadLetters())
			}
		case "event-dead-letters":
			as(a.deadLetters(), a.name, "dead-letters", a.deadLetters(), a.topics[0], nil)
		}
	}
	return all
}

// stop takes RabbitMQ away. The sidecar may call one message more published:
// whoever publishes while the connection breaks is told so.
func (w *world) stop() {
	w.Helper()
	w.network.Reset()
	deadline := time.Now().Add(time.Minute)
	for {
		probe := events.Message{ID: "probe", Source: "test", Type: "test"}
		if err := w.Publish(w.Context(), w.topics[0], probe); err != nil {
			return
		}
		if time.Now().After(deadline) {
			w.Fatal("a minute after RabbitMQ went, messages are published")
		}
	}
}

func (w *world) fixture() brokertest.Fixture {
	return brokertest.Fixture{
		Publisher: w, Subscriber: w, Start: w.start, Stop: w.stop,
		MaxAttempts: maxAttempts, MinPause: pause, Patience: time.Minute,
	}
}

// kill ends a consumer and its sidecar at once.
func (w *world) kill(name string) {
	w.Helper()
	a := w.consumers[name]
	a.sidecar.Kill()
	a.server.CloseClientConnections()
	a.server.Close()
}

// nameResolution by a file: for the sidecars of one test alone, and so that no
// packet leaves the machine.
func nameResolution(file string) map[string]any {
	return map[string]any{"component": "sqlite", "configuration": map[string]any{"connectionString": file}}
}
