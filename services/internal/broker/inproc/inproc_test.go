package inproc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestBrokerContract(t *testing.T) {
	t.Parallel()
	brokertest.TestBroker(t, func(t *testing.T) brokertest.Fixture {
		pause := func(attempt int) time.Duration { return time.Millisecond << attempt }
		b := inproc.New(inproc.Options{Log: slog.New(slog.DiscardHandler), MaxAttempts: 5, Backoff: pause})
		var stop func()
		return brokertest.Fixture{
			Publisher: b, Subscriber: b, Start: func() { stop = run(t, b) }, Stop: func() { stop() },
			MaxAttempts: 5, MinPause: pause, Patience: time.Minute,
		}
	})
}

// run runs b until the test ends.
func run(t *testing.T, b *inproc.Broker) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func subscribe(t *testing.T, b *inproc.Broker, consumer string, handle broker.Handler) *atomic.Int64 {
	t.Helper()
	letters := new(atomic.Int64)
	err := b.Subscribe(broker.Subscription{Topic: "t", Consumer: consumer, Handle: handle,
		DeadLetter: func(context.Context, events.Message, string) error { letters.Add(1); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

func quiet() inproc.Options { return inproc.Options{Log: slog.New(slog.DiscardHandler)} }

func publish(t *testing.T, b *inproc.Broker, n int) {
	t.Helper()
	for i := range n {
		if err := b.Publish(t.Context(), "t", events.Message{ID: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnOutageDeadLettersNothing(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"storage": storage.ErrUnavailable, "deadline": context.DeadlineExceeded, "canceled": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := inproc.New(quiet())
				back := time.Now().Add(10 * time.Minute)
				var handled atomic.Int64
				letters := subscribe(t, b, "c", func(context.Context, events.Message) error {
					if time.Now().Before(back) {
						return fmt.Errorf("have the effect: %w", err)
					}
					handled.Add(1)
					return nil
				})
				stop := run(t, b)
				publish(t, b, 1000)
				time.Sleep(11 * time.Minute) // the pauses are capped: all have come again
				if handled.Load() != 1000 || letters.Load() != 0 {
					t.Errorf("handled %d, dead letters %d", handled.Load(), letters.Load())
				}
				stop()
			})
		})
	}
}

func TestAMessageThatWaitsTakesNoWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New(quiet())
		start := time.Now()
		var after time.Duration
		subscribe(t, b, "c", func(_ context.Context, m events.Message) error {
			if m.ID != "good" {
				return errors.New("fails for ever")
			}
			after = time.Since(start)
			return nil
		})
		stop := run(t, b)
		publish(t, b, 1000)
		if err := b.Publish(t.Context(), "t", events.Message{ID: "good"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if after != 0 { // in the bubble's time: before any pause was over
			t.Errorf("the good message was handled after %v", after)
		}
		stop()
	})
}

func TestWhatWaitsForRoomGoesAtTheConsumersPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.Capacity, o.Concurrency = 3, 2
		b := inproc.New(o)
		var handled, other atomic.Int64
		subscribe(t, b, "slow", func(context.Context, events.Message) error {
			time.Sleep(100 * time.Millisecond)
			handled.Add(1)
			return nil
		})
		subscribe(t, b, "quick", func(context.Context, events.Message) error { other.Add(1); return nil })
		stop := run(t, b)
		var publishers sync.WaitGroup
		for i := range 20 {
			publishers.Go(func() {
				if err := b.Publish(t.Context(), "t", events.Message{ID: strconv.Itoa(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		publishers.Wait()
		time.Sleep(time.Second)
		if handled.Load() != 20 || other.Load() != 20 {
			t.Errorf("handled %d and %d, want 20 each", handled.Load(), other.Load())
		}
		stop()
	})
}

// gates holds up each message until it is let through.
type gates struct {
	mu   sync.Mutex
	gate map[string]chan struct{}
}

func (g *gates) of(id string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gate == nil {
		g.gate = map[string]chan struct{}{}
	}
	if g.gate[id] == nil {
		g.gate[id] = make(chan struct{})
	}
	return g.gate[id]
}

func (g *gates) open(ids ...string) {
	for _, id := range ids {
		close(g.of(id))
	}
}

func (g *gates) handle(_ context.Context, m events.Message) error {
	<-g.of(m.ID)
	return nil
}

// withLittleRoom returns a broker that runs, with a consumer "slow" whose queue
// is full of the messages "0" and "1".
func withLittleRoom(t *testing.T, handle broker.Handler) (b *inproc.Broker, stop func()) {
	t.Helper()
	o := quiet()
	o.Capacity, o.HandlerTimeout = 2, time.Hour
	b = inproc.New(o)
	subscribe(t, b, "slow", handle)
	stop = run(t, b)
	publish(t, b, 2)
	synctest.Wait()
	return b, stop
}

func TestWhatIsStuckHoldsUpOneMessageAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gates{}
		b, stop := withLittleRoom(t, g.handle)
		var other atomic.Int64
		subscribe(t, b, "quick", func(context.Context, events.Message) error { other.Add(1); return nil })
		begin := time.Now()
		for i := range 20 {
			if err := b.Publish(t.Context(), "t", events.Message{ID: "m" + strconv.Itoa(i)}); !errors.Is(err, inproc.ErrFull) {
				t.Errorf("error %v, want ErrFull", err)
			}
		}
		synctest.Wait()
		if took := time.Since(begin); took > 2*time.Second || other.Load() != 20 {
			t.Errorf("the other had %d messages after %v, want 20 after a second", other.Load(), took)
		}
		// Once there has been room again, a full queue is waited for.
		g.open("0")
		synctest.Wait()
		if err := b.Publish(t.Context(), "t", events.Message{ID: "2"}); err != nil {
			t.Error(err)
		}
		time.AfterFunc(500*time.Millisecond, func() { g.open("1") })
		if err := b.Publish(t.Context(), "t", events.Message{ID: "3"}); err != nil {
			t.Error(err)
		}
		g.open("2", "3")
		stop()
	})
}

func TestRoomThatIsNotNeededGoesToTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gates{}
		b, stop := withLittleRoom(t, g.handle)
		var publishers sync.WaitGroup
		for _, id := range []string{"twice", "twice", "other"} {
			publishers.Go(func() {
				if err := b.Publish(t.Context(), "t", events.Message{ID: id}); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			})
			synctest.Wait() // they wait in this order
		}
		g.open("0") // for the first
		synctest.Wait()
		g.open("1") // for the second, whose message is there
		publishers.Wait()
		g.open("twice", "other")
		stop()
	})
}

func TestAQueueThatHasRoomIsNotTakenForOneThatIsStuck(t *testing.T) {
	t.Parallel()
	for range 10 { // where two things have happened, either may be seen first
		synctest.Test(t, func(t *testing.T) {
			g, h := &gates{}, &gates{}
			b, stop := withLittleRoom(t, g.handle)
			var handled atomic.Int64
			err := b.Subscribe(broker.Subscription{Topic: "t", Consumer: "later",
				Handle: func(ctx context.Context, m events.Message) error {
					defer handled.Add(1)
					return h.handle(ctx, m)
				},
				DeadLetter: func(context.Context, events.Message, string) error { return nil }})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"a", "b"} { // fill the second queue as well
				_ = b.Publish(t.Context(), "t", events.Message{ID: id})
			}
			g.open("0")
			synctest.Wait()
			// The first is full again, and waited for again.
			if err := b.Publish(t.Context(), "t", events.Message{ID: "a"}); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(500*time.Millisecond, func() { h.open("b") })
			if err := b.Publish(t.Context(), "t", events.Message{ID: "c"}); !errors.Is(err, inproc.ErrFull) {
				t.Errorf("error %v, want ErrFull of the first", err)
			}
			h.open("a", "c")
			synctest.Wait()
			if handled.Load() != 3 {
				t.Errorf("the second handled %d, want 3", handled.Load())
			}
			g.open("1", "a")
			stop()
		})
	}
}

func TestWhoseContextEndsWhileWaitingForRoomIsToldThat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &gates{}
		b, stop := withLittleRoom(t, g.handle)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := b.Publish(ctx, "t", events.Message{ID: "2"})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, inproc.ErrFull) {
			t.Errorf("error %v, want that of the context", err)
		}
		// Nobody has lost patience: who has the time still waits.
		time.AfterFunc(500*time.Millisecond, func() { g.open("0") })
		if err := b.Publish(t.Context(), "t", events.Message{ID: "2"}); err != nil {
			t.Error(err)
		}
		g.open("1", "2")
		stop()
	})
}

func TestWhoWaitsForRoomIsToldThatTheBrokerStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.Capacity = 1
		b := inproc.New(o)
		subscribe(t, b, "slow", func(context.Context, events.Message) error {
			time.Sleep(500 * time.Millisecond)
			return nil
		})
		stop := run(t, b)
		publish(t, b, 1)
		refused := make(chan error, 1)
		go func() { refused <- b.Publish(t.Context(), "t", events.Message{ID: "one more"}) }()
		synctest.Wait()
		stop()
		if err := <-refused; !errors.Is(err, inproc.ErrStopped) {
			t.Errorf("error %v, want ErrStopped", err)
		}
	})
}

func TestAFullQueueRefusesAndDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.Capacity = 3
		b := inproc.New(o)
		var handled, other atomic.Int64
		subscribe(t, b, "slow", func(context.Context, events.Message) error {
			time.Sleep(time.Second)
			handled.Add(1)
			return nil
		})
		subscribe(t, b, "quick", func(context.Context, events.Message) error { other.Add(1); return nil })
		publish(t, b, 3)
		publish(t, b, 3) // the same ones take no more room
		m := events.Message{ID: "one more"}
		if err := b.Publish(t.Context(), "t", m); !errors.Is(err, inproc.ErrFull) {
			t.Errorf("error %v, want ErrFull", err)
		}
		stop := run(t, b)
		time.Sleep(2 * time.Second)
		if err := b.Publish(t.Context(), "t", m); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if handled.Load() != 4 || other.Load() != 4 {
			t.Errorf("handled %d and %d, want 4 each", handled.Load(), other.Load())
		}
		stop()
	})
}

func TestRunDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := quiet()
		o.Concurrency = 2
		b := inproc.New(o)
		var begun, ended atomic.Int64
		subscribe(t, b, "c", func(ctx context.Context, _ events.Message) error {
			begun.Add(1)
			time.Sleep(time.Second)
			if ctx.Err() == nil {
				ended.Add(1)
			}
			return nil
		})
		stop := run(t, b)
		publish(t, b, 10)
		synctest.Wait()
		stop()
		if begun.Load() != 2 || ended.Load() != 2 {
			t.Errorf("%d handlers begun and %d ended unhindered, want 2 and 2", begun.Load(), ended.Load())
		}
		if err := b.Publish(t.Context(), "t", events.Message{ID: "late"}); !errors.Is(err, inproc.ErrStopped) {
			t.Errorf("publish after the end: %v, want ErrStopped", err)
		}
		if err := b.Run(t.Context()); err == nil {
			t.Error("a broker that has stopped runs again")
		}
	})
}

func TestAHandlerThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New(quiet())
		var calls atomic.Int64
		subscribe(t, b, "c", func(ctx context.Context, _ events.Message) error {
			calls.Add(1)
			<-ctx.Done()
			return ctx.Err()
		})
		stop := run(t, b)
		publish(t, b, 1)
		time.Sleep(31 * time.Second)
		if calls.Load() != 2 {
			t.Errorf("called %d times, want twice", calls.Load())
		}
		stop()
	})
}

func TestSubscribeRefusesWhatItCannotServe(t *testing.T) {
	t.Parallel()
	b := inproc.New(quiet())
	ok := func(context.Context, events.Message) error { return nil }
	subscribe(t, b, "c", ok)
	dead := func(context.Context, events.Message, string) error { return nil }
	for name, s := range map[string]broker.Subscription{
		"twice":          {Topic: "t", Consumer: "c", Handle: ok, DeadLetter: dead},
		"no topic":       {Consumer: "c", Handle: ok, DeadLetter: dead},
		"no consumer":    {Topic: "t", Handle: ok, DeadLetter: dead},
		"no handler":     {Topic: "t", Consumer: "d", DeadLetter: dead},
		"no dead letter": {Topic: "t", Consumer: "d", Handle: ok},
	} {
		if err := b.Subscribe(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A subscription made while the broker runs is heard too.
func TestSubscribeWhileRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New(quiet())
		stop := run(t, b)
		synctest.Wait()
		var handled atomic.Int64
		subscribe(t, b, "c", func(context.Context, events.Message) error { handled.Add(1); return nil })
		publish(t, b, 5)
		synctest.Wait()
		if handled.Load() != 5 {
			t.Errorf("handled %d, want 5", handled.Load())
		}
		stop()
	})
}

func TestDeliverReturnsWhenTheConsumerHasIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New(quiet())
		start := time.Now()
		attempts := map[string]int{}
		var mu sync.Mutex
		letters := subscribe(t, b, "c", func(_ context.Context, m events.Message) error {
			mu.Lock()
			defer mu.Unlock()
			attempts[m.ID]++
			switch {
			case m.ID == "poison":
				return broker.ErrReject
			case m.ID == "hangs":
				return storage.ErrUnavailable
			case time.Since(start) < time.Minute:
				return errors.New("not yet")
			}
			return nil
		})
		stop := run(t, b)
		if err := b.Deliver(t.Context(), "t", events.Message{ID: "poison"}); err != nil || letters.Load() != 1 {
			t.Errorf("a rejected message: %v, %d dead letters", err, letters.Load())
		}
		// The second is the same message, and waits for the same.
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := b.Deliver(t.Context(), "t", events.Message{ID: "late"}); err != nil || time.Since(start) < time.Minute {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		}
		both.Wait()
		mu.Lock()
		if attempts["late"] < 3 || letters.Load() != 1 {
			t.Errorf("%d attempts, %d dead letters", attempts["late"], letters.Load())
		}
		mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Deliver(ctx, "t", events.Message{ID: "hangs"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context that ends: %v", err)
		}
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if err := b.Deliver(t.Context(), "t", events.Message{ID: "hangs"}); !errors.Is(err, inproc.ErrStopped) {
				t.Errorf("when the broker stops: %v", err)
			}
		})
		synctest.Wait()
		stop()
		waiting.Wait()
		if err := b.Deliver(t.Context(), "t", events.Message{ID: "hangs"}); !errors.Is(err, inproc.ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// What is being handled when the broker is told to stop is waited for.
func TestDeliverAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := inproc.New(quiet())
		subscribe(t, b, "c", func(context.Context, events.Message) error {
			time.Sleep(time.Second)
			return nil
		})
		stop := run(t, b)
		var delivered sync.WaitGroup
		delivered.Go(func() {
			if err := b.Deliver(t.Context(), "t", events.Message{ID: "last"}); err != nil {
				t.Errorf("handled before the end: %v", err)
			}
		})
		synctest.Wait()
		stop()
		delivered.Wait()
	})
}
