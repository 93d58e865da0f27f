package brokertest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// publisher and subscriber are adapters around a good one. A publisher takes one
// message of a batch after the other.
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

// batches takes a batch as a whole.
type batches func(ctx context.Context, topic string, batch []events.Message) error

func (b batches) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	return b(ctx, topic, batch)
}

type subscriber func(s broker.Subscription) error

func (f subscriber) Subscribe(s broker.Subscription) error { return f(s) }

func pause(attempt int) time.Duration { return time.Millisecond << attempt }

// goesLast waits until others have come first, and reports whether they have. It
// waits no longer than a test does.
func goesLast(others func() bool) bool {
	for deadline := time.Now().Add(patience); !others(); time.Sleep(time.Millisecond) { //nolint:forbidigo // it polls
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// patience is short: what fails here is meant to.
const patience = 700 * time.Millisecond

// fixture returns a good broker with what spoil makes of it.
func fixture(o inproc.Options, spoil func(f *brokertest.Fixture)) func(t *testing.T) {
	return func(t *testing.T) {
		brokertest.TestBroker(t, func(t *testing.T) brokertest.Fixture {
			if o.Backoff == nil {
				o.Backoff = pause
			}
			if o.MaxAttempts == 0 {
				o.MaxAttempts = 4
			}
			o.Log = slog.New(slog.DiscardHandler)
			b := inproc.New(o)
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			ended := make(chan struct{})
			f := brokertest.Fixture{
				Publisher: b, Subscriber: b, MaxAttempts: 4, MinPause: pause, Patience: patience,
				Start: func() {
					go func() { // a hanging handler must not hang the child
						defer close(ended)
						_ = b.Run(ctx)
					}()
				},
				Stop: func() { cancel(); <-ended },
			}
			spoil(&f)
			return f
		})
	}
}

// handles spoils what the broker does with each subscription.
func handles(change func(s *broker.Subscription)) func(f *brokertest.Fixture) {
	return func(f *brokertest.Fixture) {
		good := f.Subscriber
		f.Subscriber = subscriber(func(s broker.Subscription) error {
			change(&s)
			return good.Subscribe(s)
		})
	}
}

// publishes spoils how it takes a message.
func publishes(change func(good broker.Publisher) publisher) func(f *brokertest.Fixture) {
	return func(f *brokertest.Fixture) { f.Publisher = change(f.Publisher) }
}

func TestBrokenBrokersAreCaught(t *testing.T) {
	t.Parallel()
	none := func(*brokertest.Fixture) {}

	suitetest.MustFail(t, "keeps_only_the_first_consumer", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		good, taken := f.Subscriber, map[string]bool{}
		f.Subscriber = subscriber(func(s broker.Subscription) error {
			if taken[s.Topic] {
				return nil
			}
			taken[s.Topic] = true
			return good.Subscribe(s)
		})
	}), "publish_gives_the_message_to_every_consumer")

	suitetest.MustFail(t, "rounds_large_numbers", fixture(inproc.Options{}, publishes(func(good broker.Publisher) publisher {
		return func(ctx context.Context, topic string, m events.Message) error {
			var v any
			if err := json.Unmarshal(m.Data, &v); err != nil {
				return err
			}
			m.Data, _ = json.Marshal(v)
			return good.Publish(ctx, topic, m)
		}
	})), "a_message_arrives_unchanged")

	suitetest.MustFail(t, "loses_the_trace", fixture(inproc.Options{}, publishes(func(good broker.Publisher) publisher {
		return func(ctx context.Context, topic string, m events.Message) error {
			m.TraceParent = ""
			return good.Publish(ctx, topic, m)
		}
	})), "a_message_arrives_unchanged")

	suitetest.MustFail(t, "shares_the_bytes", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		data := map[string]json.RawMessage{}
		var mu sync.Mutex
		handles(func(s *broker.Subscription) {
			handle := s.Handle
			s.Handle = func(ctx context.Context, m events.Message) error {
				mu.Lock()
				if data[m.ID] == nil {
					data[m.ID] = m.Data
				}
				m.Data = data[m.ID]
				mu.Unlock()
				return handle(ctx, m)
			}
		})(f)
	}), "a_consumer_cannot_change_what_others_get")

	suitetest.MustFail(t, "mixes_topics", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		var topics []string
		handles(func(s *broker.Subscription) { topics = append(topics, s.Topic) })(f)
		publishes(func(good broker.Publisher) publisher {
			return func(ctx context.Context, _ string, m events.Message) error {
				var err error
				for _, topic := range topics {
					err = errors.Join(err, good.Publish(ctx, topic, m))
				}
				return err
			}
		})(f)
	}), "a_consumer_hears_only_its_topic")

	suitetest.MustFail(t, "publishes_the_first_of_a_batch", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		good := f.Publisher
		f.Publisher = batches(func(ctx context.Context, topic string, batch []events.Message) error {
			return good.Publish(ctx, topic, batch[:min(1, len(batch))]...)
		})
	}), "a_batch_reaches_every_consumer")

	suitetest.MustFail(t, "ignores_the_failures_of_a_batch", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		good := f.Publisher
		f.Publisher = batches(func(ctx context.Context, topic string, batch []events.Message) error {
			err := good.Publish(ctx, topic, batch...)
			if failed, ok := errors.AsType[broker.BatchError](err); ok && len(failed) < len(batch) {
				return nil
			}
			return err
		})
	}), "a_refused_message_keeps_none_of_its_batch_back")

	suitetest.MustFail(t, "ends_a_batch_at_its_first_failure", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		good := f.Publisher
		f.Publisher = batches(func(ctx context.Context, topic string, batch []events.Message) error {
			for i, m := range batch {
				if err := good.Publish(ctx, topic, m); err != nil {
					failed := broker.BatchError{}
					for _, left := range batch[i:] {
						failed[left.ID] = err
					}
					return failed
				}
			}
			return nil
		})
	}), "a_refused_message_keeps_none_of_its_batch_back")

	suitetest.MustFail(t, "fails_at_an_empty_batch", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		good := f.Publisher
		f.Publisher = batches(func(ctx context.Context, topic string, batch []events.Message) error {
			if len(batch) == 0 {
				return errors.New("nothing to publish")
			}
			return good.Publish(ctx, topic, batch...)
		})
	}), "an_empty_batch_publishes_nothing")

	suitetest.MustFail(t, "ignores_the_context", fixture(inproc.Options{}, publishes(func(good broker.Publisher) publisher {
		return func(ctx context.Context, topic string, m events.Message) error {
			return good.Publish(context.WithoutCancel(ctx), topic, m)
		}
	})), "publish_with_an_ended_context_is_an_error")

	suitetest.MustFail(t, "hides_that_it_has_stopped", fixture(inproc.Options{}, publishes(func(good broker.Publisher) publisher {
		return func(ctx context.Context, topic string, m events.Message) error {
			if err := good.Publish(ctx, topic, m); !errors.Is(err, inproc.ErrStopped) {
				return err
			}
			return nil
		}
	})), "publish_to_a_broker_that_has_stopped_is_an_error")

	suitetest.MustFail(t, "loses_a_message_in_a_race", fixture(inproc.Options{}, publishes(func(good broker.Publisher) publisher {
		var mu sync.Mutex
		var others suitetest.Meeting
		return func(ctx context.Context, topic string, m events.Message) error {
			if !mu.TryLock() {
				others.Wait()
				return nil
			}
			defer mu.Unlock()
			others.Wait()
			return good.Publish(ctx, topic, m)
		}
	})), "racing_publishers_lose_nothing")

	suitetest.MustFail(t, "handles_one_at_a_time", fixture(inproc.Options{Concurrency: 1}, none),
		"several_are_handled_at_a_time")

	suitetest.MustFail(t, "drops_what_failed", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		handle := s.Handle
		s.Handle = func(ctx context.Context, m events.Message) error {
			_ = handle(ctx, m)
			return nil
		}
	})), "a_failed_message_comes_again_after_a_growing_pause")

	suitetest.MustFail(t, "does_not_pause", fixture(inproc.Options{Backoff: func(int) time.Duration { return 0 }}, none),
		"a_failed_message_comes_again_after_a_growing_pause")

	suitetest.MustFail(t, "takes_a_panic_for_success", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		handle := s.Handle
		s.Handle = func(ctx context.Context, m events.Message) error {
			defer func() { _ = recover() }()
			return handle(ctx, m)
		}
	})), "a_panic_is_a_failure_and_no_more")

	suitetest.MustFail(t, "retries_what_is_rejected", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		handle := s.Handle
		s.Handle = func(ctx context.Context, m events.Message) error {
			if err := handle(ctx, m); err != nil {
				return fmt.Errorf("%v", err) //nolint:errorlint // hiding the sentinel is the defect
			}
			return nil
		}
	})), "a_rejected_message_is_a_dead_letter_at_once")

	suitetest.MustFail(t, "gives_up_early", fixture(inproc.Options{MaxAttempts: 2}, none),
		"a_message_that_failed_too_often_is_a_dead_letter")

	suitetest.MustFail(t, "takes_an_outage_for_a_defect", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		handle := s.Handle
		s.Handle = func(ctx context.Context, m events.Message) error {
			if err := handle(ctx, m); err != nil {
				return fmt.Errorf("%v", err) //nolint:errorlint // hiding the sentinel is the defect
			}
			return nil
		}
	})), "an_outage_is_waited_out")

	suitetest.MustFail(t, "drops_dead_letters", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		s.DeadLetter = func(context.Context, events.Message, string) error { return nil }
	})), "a_message_that_failed_too_often_is_a_dead_letter")

	suitetest.MustFail(t, "forgets_the_reason", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		dead := s.DeadLetter
		s.DeadLetter = func(ctx context.Context, m events.Message, _ string) error { return dead(ctx, m, "") }
	})), "a_rejected_message_is_a_dead_letter_at_once")

	suitetest.MustFail(t, "tries_a_dead_letter_once", fixture(inproc.Options{}, handles(func(s *broker.Subscription) {
		dead := s.DeadLetter
		s.DeadLetter = func(ctx context.Context, m events.Message, reason string) error {
			defer func() { _ = recover() }()
			_ = dead(ctx, m, reason)
			return nil
		}
	})), "a_dead_letter_is_retried_until_it_is_stored")

	suitetest.MustFail(t, "lets_a_failure_end_it_for_all", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		failed := map[string]bool{}
		var mu sync.Mutex
		handles(func(s *broker.Subscription) {
			handle := s.Handle
			s.Handle = func(ctx context.Context, m events.Message) error {
				dead := func() bool {
					mu.Lock()
					defer mu.Unlock()
					return failed[m.ID]
				}
				if s.Consumer == "c" && goesLast(dead) {
					return nil
				}
				err := handle(ctx, m)
				mu.Lock()
				defer mu.Unlock()
				failed[m.ID] = failed[m.ID] || err != nil
				return err
			}
		})(f)
	}), "a_consumer_that_fails_hides_nothing_from_another")

	suitetest.MustFail(t, "has_one_worker_pool_for_all", fixture(inproc.Options{}, func(f *brokertest.Fixture) {
		pool := make(chan struct{}, 8)
		handles(func(s *broker.Subscription) {
			handle := s.Handle
			s.Handle = func(ctx context.Context, m events.Message) error {
				if s.Consumer == "b" {
					goesLast(func() bool { return len(pool) == cap(pool) })
				}
				pool <- struct{}{}
				defer func() { <-pool }()
				return handle(ctx, m)
			}
		})(f)
	}), "a_consumer_that_hangs_does_not_delay_another")
}
