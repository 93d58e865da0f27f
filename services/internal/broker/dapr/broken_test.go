//go:build integration

package dapr_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

type publishes func(ctx context.Context, topic string, m events.Message) error

func (p publishes) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	failed := broker.BatchError{}
	for _, m := range batch {
		if err := p(ctx, topic, m); err != nil {
			failed[m.ID] = err
		}
	}
	return failed.Err()
}

// broken is the suite on a world that spoil has changed.
func broken(spoil func(w *world, f *brokertest.Fixture)) func(t *testing.T) {
	return func(t *testing.T) {
		brokertest.TestBroker(t, func(t *testing.T) brokertest.Fixture {
			w := newWorld(t)
			f := w.fixture()
			f.Patience = 5 * time.Second
			spoil(w, &f)
			return f
		})
	}
}

// delivers is a broken route: what it makes of a subscription.
type delivers func(s broker.Subscription) broker.Subscription

func (d delivers) of(w *world) broker.Subscriber { return subscriber{w, d} }

type subscriber struct {
	good   broker.Subscriber
	change delivers
}

func (s subscriber) Subscribe(sub broker.Subscription) error { return s.good.Subscribe(s.change(sub)) }

func TestBrokenAdaptersAreCaught(t *testing.T) {
	t.Parallel()
	t.Log(rabbittest.Serving(t)) // the children use this server

	suitetest.MustFail(t, "takes_an_error_of_the_sidecar_for_an_answer", broken(func(w *world, f *brokertest.Fixture) {
		f.Publisher = publishes(func(ctx context.Context, topic string, m events.Message) error {
			_ = w.Publish(ctx, topic, m)
			return nil
		})
	}), "publish_to_a_broker_that_has_stopped_is_an_error")

	suitetest.MustFail(t, "ignores_failed_entries", broken(func(w *world, f *brokertest.Fixture) {
		f.Publisher = publishes(func(ctx context.Context, topic string, m events.Message) error {
			if err := w.Publish(ctx, topic, m); errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
	}), "a_refused_message_keeps_none_of_its_batch_back")

	suitetest.MustFail(t, "leaves_the_time_to_the_sidecar", broken(func(w *world, f *brokertest.Fixture) {
		f.Publisher = publishes(func(ctx context.Context, topic string, m events.Message) error {
			m.Time = time.Now()
			return w.Publish(ctx, topic, m)
		})
	}), "a_message_arrives_unchanged")

	suitetest.MustFail(t, "answers_whatever_became_of_it", broken(func(w *world, f *brokertest.Fixture) {
		f.Subscriber = delivers(func(s broker.Subscription) broker.Subscription {
			handle := s.Handle
			s.Handle = func(ctx context.Context, m events.Message) error {
				_ = handle(ctx, m)
				return nil
			}
			return s
		}).of(w)
	}), "a_failed_message_comes_again_after_a_growing_pause")

	suitetest.MustFail(t, "leaves_dead_letters_to_rabbitmq", broken(func(w *world, f *brokertest.Fixture) {
		f.Subscriber = delivers(func(s broker.Subscription) broker.Subscription {
			s.DeadLetter = func(context.Context, events.Message, string) error { return nil }
			return s
		}).of(w)
	}), "a_message_that_failed_too_often_is_a_dead_letter")
}
