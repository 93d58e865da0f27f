//go:build integration

package dapr_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
)

// consumer is what a consumer has heard, and has stored as dead letters.
type consumer struct {
	*testing.T
	mu      sync.Mutex
	heard   []events.Message
	letters []events.Message
	reasons []string
}

func (c *consumer) subscription(topic, name string) broker.Subscription {
	return broker.Subscription{
		Topic: topic, Consumer: name,
		Handle: func(_ context.Context, m events.Message) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.heard = append(c.heard, m)
			return nil
		},
		DeadLetter: func(_ context.Context, m events.Message, reason string) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.letters, c.reasons = append(c.letters, m), append(c.reasons, reason)
			return nil
		},
	}
}

// eventually waits until cond holds, which is asked with c locked.
func (c *consumer) eventually(what string, cond func() bool) {
	c.Helper()
	deadline := time.After(time.Minute)
	for {
		c.mu.Lock()
		ok := cond()
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-deadline:
			c.Fatalf("never happened: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *consumer) hears(id string) {
	c.Helper()
	c.eventually("a delivery of "+id, func() bool {
		for _, m := range c.heard {
			if m.ID == id {
				return true
			}
		}
		return false
	})
}

func message(id string) events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: id, Source: "booking", Type: events.TypeBookingConfirmed,
		Time: time.Now().UTC(), DataContentType: "application/json", Data: []byte(`{}`),
	}
}

// one is a world with one consumer, started.
func one(t *testing.T) (*world, *consumer) {
	w, c := newWorld(t), &consumer{T: t}
	if err := w.Subscribe(c.subscription("bookings", "event")); err != nil {
		t.Fatal(err)
	}
	w.start()
	return w, c
}

func (w *world) mustPublish(id string) {
	w.Helper()
	if err := w.Publish(w.Context(), "bookings", message(id)); err != nil {
		w.Fatal(err)
	}
}

func TestQueuesOutliveARestart(t *testing.T) {
	t.Parallel()
	w, _ := one(t)
	queues := w.rabbit.Queues(t)
	if len(queues) != 2 {
		t.Errorf("the queues are %v, want one, and one of dead letters", queues)
	}
	for _, q := range queues {
		if q.Type != "quorum" || !q.Durable || q.AutoDelete {
			t.Errorf("a queue that does not last: %+v", q)
		}
	}
}

// What RabbitMQ carries is the CloudEvent as we wrote it.
func TestAMessageTravelsAsItIs(t *testing.T) {
	t.Parallel()
	w, c := one(t)
	// Whoever has the key can publish the same by AMQP.
	w.rabbit.Publish(t, "bookings", encode(t, message("m")))
	c.hears("m")
}

// Nothing that comes from RabbitMQ ends a sidecar, or stays in its queue for ever.
func TestWhatCannotBeReadIsADeadLetter(t *testing.T) {
	t.Parallel()
	w, c := one(t)
	for _, body := range []string{
		"\xff\xfe no text", "no JSON", "{}", "[]", "null", `"m"`, "",
		`{"specversion":"1.0","id":"m","source":"s","type":"t","traceparent":7,"traceid":7,"data":{}}`,
		`{"specversion":"1.0","id":7,"source":"s","type":"t","data":{}}`,
		`{"specversion":"1.0","id":"m","source":"s","type":"t","data_base64":"e30="}`,
	} {
		if strings.HasPrefix(body, `{"`) { // whoever sealed it, it cannot be read
			body = string(seal.Seal("bookings", []byte(body), bookingKey))
		}
		want := len(c.letters) + 1
		w.rabbit.Publish(t, "bookings", []byte(body))
		c.eventually("a dead letter of "+body, func() bool { return len(c.letters) >= want })
		c.mu.Lock()
		m, reason := c.letters[want-1], c.reasons[want-1]
		c.mu.Unlock()
		var data map[string]string
		if err := json.Unmarshal(m.Data, &data); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		kept, err := base64.StdEncoding.DecodeString(data["body_base64"])
		if text, ok := data["body"]; ok {
			kept, err = []byte(text), nil
		}
		if m.Type != broker.TypeMalformed || err != nil || string(kept) != body || reason == "" {
			t.Errorf("%q is kept as %s, because %q", body, m.Data, reason)
		}
	}
	// It is what the sidecar would have dropped by itself, had it read it.
	expired := `{"specversion":"1.0","id":"expired","source":"s","type":"t","expiration":"2020-01-01T00:00:00Z","data":{}}`
	w.rabbit.Publish(t, "bookings", seal.Seal("bookings", []byte(expired), bookingKey))
	c.hears("expired")
	w.mustPublish("good")
	c.hears("good")
}

// What the sidecar gave up is heard, too.
func TestTheDeadLetterTopicIsHeard(t *testing.T) {
	t.Parallel()
	w, c := one(t)
	w.rabbit.Publish(t, "event-dead-letters", encode(t, message("given up")))
	c.hears("given up")
	w.rabbit.Publish(t, "event-dead-letters", []byte("no JSON"))
	c.eventually("a dead letter", func() bool { return len(c.letters) == 1 })
}

// An app that does not hear the topic, as one of another version: the message is
// given up, and given up again, and is there for one that does.
func TestAMessageThatNobodyTakesIsKept(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), &consumer{T: t}
	w.edit = func(doc map[string]any) { // so that it is given up at once
		if doc["kind"] == "Resiliency" {
			policies := doc["spec"].(map[string]any)["policies"].(map[string]any)
			policies["retries"].(map[string]any)["delivery"].(map[string]any)["maxRetries"] = 1
		}
	}
	if err := w.Subscribe(c.subscription("bookings", "event")); err != nil {
		t.Fatal(err)
	}
	event := w.consumers["event"]
	known := event.subscriber
	event.subscriber = w.newSubscriber()
	w.start()
	w.mustPublish("early")
	c.eventually("a dead letter that is not taken, either", func() bool {
		return strings.Contains(event.sidecar.Log(), "handling message from topic 'event-dead-letters'")
	})
	w.kill("event")
	event.subscriber = known
	w.restart("event")
	c.hears("early")
}

// post calls the app's sidecar, as the app.
func (a *app) post(t *testing.T, path string, body []byte) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.sidecar.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", cloudevent.ContentType)
	req.Header.Set("dapr-api-token", daprToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestAnAppPublishesItsTopicsAlone(t *testing.T) {
	t.Parallel()
	w, c := one(t)
	event := w.consumers["event"]
	for path, by := range map[string]*app{
		"bookings/bookings": event, "bookings/elsewhere": w.publisher, "bookings/event-dead-letters": w.publisher,
		"dead-letters/event-dead-letters": w.publisher, "dead-letters/bookings": w.publisher,
	} {
		if status := by.post(t, "/v1.0/publish/"+path+"?metadata.rawPayload=true", encode(t, message("forged"))); status != http.StatusForbidden {
			t.Errorf("%s may publish to %s: %d", by.name, path, status)
		}
	}
	stranger, err := dapr.NewPublisher(w.publisher.sidecar.URL, "a guess", bookingKey, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := stranger.Publish(t.Context(), "bookings", message("forged")); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("whoever does not have the sidecar's token publishes: %v", err)
	}
	w.mustPublish("good")
	c.hears("good")
	for _, m := range c.heard {
		if m.ID == "forged" {
			t.Error("a forged message was heard")
		}
	}
}

// A message is acknowledged after its effect: what a killed consumer was at is
// delivered to the next one.
func TestAKilledConsumerLosesNothing(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), &consumer{T: t}
	begun, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	first := c.subscription("bookings", "event")
	hear := first.Handle
	first.Handle = func(ctx context.Context, m events.Message) error {
		if m.ID != "m" {
			return hear(ctx, m)
		}
		close(begun)
		<-release // for ever, as far as this consumer is concerned
		return nil
	}
	if err := w.Subscribe(first); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.mustPublish("m")
	<-begun
	w.mustPublish("another") // time enough to acknowledge the first, for whoever would
	c.hears("another")
	w.kill("event")
	next := w.newSubscriber()
	if err := next.Subscribe(c.subscription("bookings", "event")); err != nil {
		t.Fatal(err)
	}
	w.consumers["event"].subscriber = next
	w.restart("event")
	c.hears("m")
}

// What is published while a consumer is away waits for it.
func TestAConsumerThatIsAwayMissesNothing(t *testing.T) {
	t.Parallel()
	w, c := one(t)
	w.kill("event")
	w.mustPublish("m")
	w.restart("event")
	c.hears("m")
}

// A connection that breaks is made again, by publisher and consumer.
func TestRabbitMQComesBack(t *testing.T) {
	t.Parallel()
	w, c := one(t)
	w.stop()
	w.network.Restore()
	c.eventually("a publish", func() bool { return w.Publish(t.Context(), "bookings", message("after")) == nil })
	c.hears("after")
}
