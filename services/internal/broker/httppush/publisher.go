// Package httppush is the broker between processes where there is no broker
// server: the publisher posts each message to every consumer, and the consumer
// puts it into a broker of its own, from which its handlers take it.
//
// What a consumer has in memory is lost when its process is killed. That breaks
// no promise: see package inproc.
package httppush

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel/propagation"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Publisher is the broker.Publisher of a service whose consumers are known.
type Publisher struct {
	key       *auth.ServiceKey
	consumers map[string][]*consumer
}

type consumer struct {
	name   string
	client *httpkit.Client
	*breaker
	// silence is why the breaker opened last.
	silence atomic.Pointer[error]
}

var _ broker.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher for consumers: topic → consumer → how to
// reach it. Messages are sealed with key, and a client shows tokens of the same
// service. A client's timeout bounds how long a Publish takes.
func NewPublisher(key *auth.ServiceKey, consumers map[string]map[string]*httpkit.Client) (*Publisher, error) {
	p := &Publisher{key: key, consumers: map[string][]*consumer{}}
	for topic, clients := range consumers {
		all := []*consumer{}
		for name, client := range clients {
			if client == nil {
				return nil, fmt.Errorf("the consumer %q of the topic %q cannot be reached", name, topic)
			}
			all = append(all, &consumer{name: name, client: client, breaker: newBreaker(name)})
		}
		slices.SortFunc(all, func(a, b *consumer) int { return strings.Compare(a.name, b.name) })
		p.consumers[topic] = all
	}
	return p, nil
}

// concurrency is how many messages of a batch are posted at a time.
const concurrency = 16

// Publish posts each message to every consumer of topic, to all at a time. Nil
// means that each has taken it; an error names those that have not, and is
// ErrPartly when others have. A topic that NewPublisher was not given is an error.
//
// A consumer that does not answer holds up the others only once: until it
// answers again it is left alone, and tried in the background once a second,
// with a message that Publish calls not taken. Where none answers there is
// nobody to hold up, and each is tried.
func (p *Publisher) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	return broker.Each(ctx, batch, concurrency, func(ctx context.Context, m events.Message) error { return p.publish(ctx, topic, m) })
}

func (p *Publisher) publish(ctx context.Context, topic string, m events.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	consumers, known := p.consumers[topic]
	if !known {
		return fmt.Errorf("nobody knows the consumers of the topic %q", topic)
	}
	envelope, err := cloudevent.Encode(m)
	if err != nil {
		return err
	}
	envelope = seal.Seal(topic, envelope, p.key)
	// The calls belong to the trace of the request behind the message.
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": m.TraceParent})
	errs := make([]error, len(consumers))
	for i, c := range consumers {
		errs[i] = c.silent()
	}
	if !slices.Contains(errs, nil) {
		clear(errs)
	}
	var calls sync.WaitGroup
	for i, c := range consumers {
		done, denied := c.Allow()
		switch {
		case errs[i] == nil:
			calls.Go(func() { errs[i] = c.post(ctx, topic, envelope, done) })
		case denied == nil:
			// For no longer than the client's timeout.
			go func() { _ = c.post(context.WithoutCancel(ctx), topic, envelope, done) }()
		}
	}
	calls.Wait()
	for i, c := range consumers {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("consumer %q: %w", c.name, errs[i])
		}
	}
	err = errors.Join(errs...)
	if err != nil && slices.Contains(errs, nil) {
		return fmt.Errorf("%w: %w", broker.ErrPartly, err)
	}
	return err
}

// silent returns why the consumer is left alone; nil means that it is not.
func (c *consumer) silent() error {
	if c.State() == gobreaker.StateClosed {
		return nil
	}
	return *c.silence.Load()
}

// post makes a call, and tells the breaker by done, unless that is nil.
func (c *consumer) post(ctx context.Context, topic string, envelope []byte, done func(error)) error {
	// It runs in a goroutine of its own, where nobody else recovers a panic.
	err := worker.Try(ctx, slog.Default(), "pushing messages", func() error {
		return c.client.Send(ctx, http.MethodPost, []string{"messages", topic}, cloudevent.ContentType, envelope, nil)
	}, "topic", topic, "consumer", c.name)
	if done != nil {
		if ctx.Err() == nil && !answered(err) {
			c.silence.Store(&err)
		}
		done(outcome(ctx, err))
	}
	return err
}
