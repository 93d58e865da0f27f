// Package brokertest is the contract of package broker as a test suite: every
// adapter passes all of it.
package brokertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
)

// Fixture is a broker under test. The suite subscribes, calls Start, and only
// then publishes; Start returns when the subscriptions are heard, and the
// delivery ends with the test. Topics have names of their own, so that several
// fixtures may share a server.
type Fixture struct {
	Publisher  broker.Publisher
	Subscriber broker.Subscriber
	Start      func()
	// Stop ends the broker, or the part of it that serves the consumer "b":
	// when it returns, what "b" would have to hear is taken no more.
	Stop func()

	// MaxAttempts is how often a message fails before it is a dead letter: 4
	// or more.
	MaxAttempts int
	// MinPause is the least pause after the given failed attempt, the first
	// being 1. It grows up to the attempt MaxAttempts-1.
	MinPause func(attempt int) time.Duration
	// Patience is how long the suite waits for what must happen.
	Patience time.Duration
}

// TestBroker runs the suite. newBroker is called once for each subtest.
func TestBroker(t *testing.T, newBroker func(t *testing.T) Fixture) {
	for _, test := range []struct {
		name string
		run  func(h *harness)
	}{
		{"publish_gives_the_message_to_every_consumer", publishGivesTheMessageToEveryConsumer},
		{"a_message_arrives_unchanged", aMessageArrivesUnchanged},
		{"a_consumer_cannot_change_what_others_get", aConsumerCannotChangeWhatOthersGet},
		{"a_consumer_hears_only_its_topic", aConsumerHearsOnlyItsTopic},
		{"a_batch_reaches_every_consumer", aBatchReachesEveryConsumer},
		{"a_refused_message_keeps_none_of_its_batch_back", aRefusedMessageKeepsNoneBack},
		{"an_empty_batch_publishes_nothing", anEmptyBatchPublishesNothing},
		{"publish_with_an_ended_context_is_an_error", publishWithAnEndedContextIsAnError},
		{"publish_to_a_broker_that_has_stopped_is_an_error", publishToAStoppedBrokerIsAnError},
		{"racing_publishers_lose_nothing", racingPublishersLoseNothing},
		{"several_are_handled_at_a_time", severalAreHandledAtATime},
		{"a_failed_message_comes_again_after_a_growing_pause", aFailedMessageComesAgain},
		{"a_panic_is_a_failure_and_no_more", aPanicIsAFailureAndNoMore},
		{"a_rejected_message_is_a_dead_letter_at_once", aRejectedMessageIsADeadLetterAtOnce},
		{"a_message_that_failed_too_often_is_a_dead_letter", aMessageThatFailedTooOftenIsADeadLetter},
		{"an_outage_is_waited_out", anOutageIsWaitedOut},
		{"a_dead_letter_is_retried_until_it_is_stored", aDeadLetterIsRetriedUntilItIsStored},
		{"a_consumer_that_fails_hides_nothing_from_another", aConsumerThatFailsHidesNothing},
		{"a_consumer_that_hangs_does_not_delay_another", aConsumerThatHangsDoesNotDelay},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(&harness{T: t, Fixture: newBroker(t), topic: "topic-" + newID(t)})
		})
	}
}

// harness is what every subtest has.
type harness struct {
	*testing.T
	Fixture
	topic string
}

// consumer records what one consumer hears.
type consumer struct {
	mu      sync.Mutex
	calls   []call
	letters []letter
}

type call struct {
	m          events.Message
	start, end time.Time
}

type letter struct {
	m      events.Message
	reason string
}

// subscribe records deliveries in the consumer it returns. handle gets the
// number of the message's delivery, the first being 1; nil accepts everything.
func (h *harness) subscribe(name string, handle func(m events.Message, n int) error) *consumer {
	h.Helper()
	return h.subscribeTo(h.topic, name, handle, func(int) error { return nil })
}

func (h *harness) subscribeTo(topic, name string, handle func(m events.Message, n int) error, deadLetter func(n int) error) *consumer {
	h.Helper()
	c := &consumer{}
	err := h.Subscriber.Subscribe(broker.Subscription{
		Topic: topic, Consumer: name,
		Handle: func(_ context.Context, m events.Message) error {
			i, n := c.begin(m)
			defer c.end(i)
			if handle == nil {
				return nil
			}
			return handle(m, n)
		},
		DeadLetter: func(_ context.Context, m events.Message, reason string) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.letters = append(c.letters, letter{m, reason})
			return deadLetter(len(c.letters))
		},
	})
	if err != nil {
		h.Fatal(err)
	}
	return c
}

func (c *consumer) begin(m events.Message) (i, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call{m: m, start: time.Now()})
	for _, call := range c.calls {
		if call.m.ID == m.ID {
			n++
		}
	}
	return len(c.calls) - 1, n
}

func (c *consumer) end(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[i].end = time.Now()
}

// heard returns the ended deliveries of id.
func (c *consumer) heard(id string) (calls []call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if call.m.ID == id && !call.end.IsZero() {
			calls = append(calls, call)
		}
	}
	return calls
}

func (c *consumer) deadLetters() []letter {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]letter(nil), c.letters...)
}

func (h *harness) publish(m events.Message) events.Message {
	h.Helper()
	if err := h.Publisher.Publish(h.Context(), h.topic, m); err != nil {
		h.Fatal(err)
	}
	return m
}

// eventually waits until cond holds.
func (h *harness) eventually(what string, cond func() bool) {
	h.Helper()
	deadline := time.After(h.Patience)
	for !cond() {
		select {
		case <-deadline:
			h.Fatalf("never happened: %s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// hears waits until c has handled each of ms n times or more.
func (h *harness) hears(c *consumer, n int, ms ...events.Message) {
	h.Helper()
	for _, m := range ms {
		h.eventually("a delivery of "+m.ID, func() bool { return len(c.heard(m.ID)) >= n })
	}
}

// message returns one with every attribute set.
func message(t testing.TB) events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: newID(t), Source: "booking", Type: events.TypeBookingConfirmed,
		Subject: newID(t), Time: time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC),
		DataContentType: "application/json", TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Data: []byte(`{"title":"Ænima 🎫 <b>&","amount_minor":9007199254740993,"none":null,"list":[]}`),
	}
}

func newID(t testing.TB) string {
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

var errFailed = errors.New("a defect")
