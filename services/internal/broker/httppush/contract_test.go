package httppush_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// From the publisher over HTTP into the consumer's own broker.
func TestBrokerContract(t *testing.T) {
	t.Parallel()
	brokertest.TestBroker(t, func(t *testing.T) brokertest.Fixture { return newWorld(t).fixture() })
}

// broken is the suite on a world that spoil has changed.
func broken(spoil func(w *world)) func(t *testing.T) {
	return func(t *testing.T) {
		brokertest.TestBroker(t, func(t *testing.T) brokertest.Fixture {
			w := newWorld(t)
			spoil(w)
			f := w.fixture()
			f.Patience = 2 * time.Second
			return f
		})
	}
}

// takes is a consumer that changes what it is posted, or forgets it.
func takes(change func(good broker.Publisher) publisher) func(w *world) {
	return func(w *world) {
		w.take = func(good broker.Publisher) broker.Publisher { return change(good) }
	}
}

func changes(change func(m *events.Message)) func(w *world) {
	return takes(func(good broker.Publisher) publisher {
		return func(ctx context.Context, topic string, m events.Message) error {
			change(&m)
			return good.Publish(ctx, topic, m)
		}
	})
}

func TestBrokenAdaptersAreCaught(t *testing.T) {
	t.Parallel()
	suitetest.MustFail(t, "one_consumer_is_enough", broken(func(w *world) {
		w.push = func(consumers map[string]map[string]*httpkit.Client) broker.Publisher {
			return publisher(func(ctx context.Context, topic string, m events.Message) error {
				var errs []error
				for name, c := range consumers[topic] {
					one := newPublisher(w.T, map[string]map[string]*httpkit.Client{topic: {name: c}})
					if err := one.Publish(ctx, topic, m); err != nil {
						errs = append(errs, err)
					}
				}
				if len(errs) < len(consumers[topic]) {
					return nil
				}
				return errors.Join(errs...)
			})
		}
	}), "publish_to_a_broker_that_has_stopped_is_an_error")

	suitetest.MustFail(t, "accepts_what_its_broker_refuses", broken(takes(func(good broker.Publisher) publisher {
		return func(ctx context.Context, topic string, m events.Message) error {
			_ = good.Publish(ctx, topic, m)
			return nil
		}
	})), "publish_to_a_broker_that_has_stopped_is_an_error")

	suitetest.MustFail(t, "posts_to_one_consumer", broken(func(w *world) {
		push := w.push
		w.push = func(consumers map[string]map[string]*httpkit.Client) broker.Publisher {
			for _, clients := range consumers {
				for name := range clients {
					if len(clients) > 1 {
						delete(clients, name)
					}
				}
			}
			return push(consumers)
		}
	}), "publish_gives_the_message_to_every_consumer")

	suitetest.MustFail(t, "forgets_the_type", broken(changes(func(m *events.Message) { m.Type = "" })),
		"a_message_arrives_unchanged")
	suitetest.MustFail(t, "forgets_the_id", broken(changes(func(m *events.Message) { m.ID = "" })),
		"a_message_arrives_unchanged")
	suitetest.MustFail(t, "forgets_the_trace", broken(changes(func(m *events.Message) { m.TraceParent = "" })),
		"a_message_arrives_unchanged")
	suitetest.MustFail(t, "forgets_the_time", broken(changes(func(m *events.Message) { m.Time = time.Time{} })),
		"a_message_arrives_unchanged")
	suitetest.MustFail(t, "rounds_large_numbers", broken(changes(func(m *events.Message) {
		var v any
		_ = json.Unmarshal(m.Data, &v)
		m.Data, _ = json.Marshal(v)
	})), "a_message_arrives_unchanged")

	suitetest.MustFail(t, "posts_in_its_own_time", broken(func(w *world) {
		push := w.push
		w.push = func(consumers map[string]map[string]*httpkit.Client) broker.Publisher {
			good := push(consumers)
			return publisher(func(ctx context.Context, topic string, m events.Message) error {
				return good.Publish(context.WithoutCancel(ctx), topic, m)
			})
		}
	}), "publish_with_an_ended_context_is_an_error")

	suitetest.MustFail(t, "mixes_topics", broken(func(w *world) {
		w.take = func(good broker.Publisher) broker.Publisher {
			return publisher(func(ctx context.Context, _ string, m events.Message) error {
				var err error
				for _, topic := range w.consumers["c"].topics {
					err = errors.Join(err, good.Publish(ctx, topic, m))
				}
				return err
			})
		}
	}), "a_consumer_hears_only_its_topic")
}
