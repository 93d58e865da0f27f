package brokertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func publishGivesTheMessageToEveryConsumer(h *harness) {
	a, b := h.subscribe("a", nil), h.subscribe("b", nil)
	h.Start()
	m := h.publish(message(h))
	h.hears(a, 1, m)
	h.hears(b, 1, m)
}

func aMessageArrivesUnchanged(h *harness) {
	c := h.subscribe("c", nil)
	h.Start()
	bare := message(h)
	bare.Subject, bare.TraceParent, bare.Data = "", "", []byte(`{}`)
	for _, want := range []events.Message{message(h), bare} {
		h.publish(want)
		h.hears(c, 1, want)
		same(h, c.heard(want.ID)[0].m, want)
	}
}

// same compares the data as JSON: a broker may format it anew, but not change
// a number.
func same(t testing.TB, got, want events.Message) {
	t.Helper()
	decode := func(m events.Message) (v any) {
		d := json.NewDecoder(bytes.NewReader(m.Data))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Errorf("data %q: %v", m.Data, err)
		}
		return v
	}
	if diff := cmp.Diff(decode(want), decode(got)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	got.Data, want.Data = nil, nil
	if diff := cmp.Diff(want, got); diff != "" { // instants compare by Equal
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func aConsumerCannotChangeWhatOthersGet(h *harness) {
	vandal := func(m events.Message, n int) error {
		for i := range m.Data {
			m.Data[i] = 'x'
		}
		if n == 1 {
			return errFailed
		}
		return nil
	}
	want := message(h)
	got := make(chan events.Message, 100)
	h.subscribe("a", func(m events.Message, n int) error {
		if n == 2 {
			seen := m
			seen.Data = bytes.Clone(m.Data)
			got <- seen
		}
		return vandal(m, n)
	})
	b := h.subscribe("b", nil)
	h.Start()
	published := want
	published.Data = bytes.Clone(want.Data)
	h.publish(published)
	copy(published.Data, "changed by the publisher")
	h.eventually("a second delivery", func() bool { return len(got) > 0 })
	same(h, <-got, want)
	h.hears(b, 1, want)
	same(h, b.heard(want.ID)[0].m, want)
}

func aConsumerHearsOnlyItsTopic(h *harness) {
	here := h.subscribe("c", nil)
	elsewhere := h.subscribeTo(h.topic+"-other", "c", nil, func(int) error { return nil })
	h.Start()
	m := h.publish(message(h))
	h.hears(here, 1, m)
	// What was published later arrives there, so the first would have too.
	later := message(h)
	if err := h.Publisher.Publish(h.Context(), h.topic+"-other", later); err != nil {
		h.Fatal(err)
	}
	h.hears(elsewhere, 1, later)
	if len(elsewhere.heard(m.ID)) > 0 || len(here.heard(later.ID)) > 0 {
		h.Error("a message arrived on another topic")
	}
}

// batch is more messages than any adapter publishes at a time.
func batch(h *harness) (ms []events.Message) {
	for range 200 {
		ms = append(ms, message(h))
	}
	return ms
}

func aBatchReachesEveryConsumer(h *harness) {
	a, b := h.subscribe("a", nil), h.subscribe("b", nil)
	h.Start()
	ms := batch(h)
	if err := h.Publisher.Publish(h.Context(), h.topic, ms...); err != nil {
		h.Fatal(err)
	}
	h.hears(a, 1, ms...)
	h.hears(b, 1, ms...)
	same(h, a.heard(ms[100].ID)[0].m, ms[100])
}

func aRefusedMessageKeepsNoneBack(h *harness) {
	c := h.subscribe("c", nil)
	h.Start()
	ms := batch(h)
	const refused = 100
	ms[refused].ID = ""
	err := h.Publisher.Publish(h.Context(), h.topic, ms...)
	for i, m := range ms {
		switch why := broker.Failure(err, m.ID); {
		case i == refused && why == nil:
			h.Errorf("the refused message is not reported: %v", err)
		case i != refused && why != nil:
			h.Fatalf("message %d of the batch is reported: %v", i, why)
		}
	}
	h.hears(c, 1, ms[:refused]...)
	h.hears(c, 1, ms[refused+1:]...)
}

func anEmptyBatchPublishesNothing(h *harness) {
	c := h.subscribe("c", nil)
	h.Start()
	if err := h.Publisher.Publish(h.Context(), h.topic); err != nil {
		h.Fatal(err)
	}
	m := h.publish(message(h))
	h.hears(c, 1, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if call.m.ID != m.ID {
			h.Errorf("heard %q, which nobody published", call.m.ID)
		}
	}
}

func publishWithAnEndedContextIsAnError(h *harness) {
	h.subscribe("c", nil)
	h.Start()
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	batch := []events.Message{message(h), message(h)}
	err := h.Publisher.Publish(ctx, h.topic, batch...)
	for i, m := range batch {
		if broker.Failure(err, m.ID) == nil {
			h.Errorf("message %d of the batch is not reported: %v", i, err)
		}
	}
}

func publishToAStoppedBrokerIsAnError(h *harness) {
	a, b := h.subscribe("a", nil), h.subscribe("b", nil)
	h.Start()
	m := h.publish(message(h))
	h.hears(a, 1, m)
	h.hears(b, 1, m)
	h.Stop()
	batch := []events.Message{message(h), message(h)}
	err := h.Publisher.Publish(h.Context(), h.topic, batch...)
	for i, m := range batch {
		if broker.Failure(err, m.ID) == nil {
			h.Errorf("message %d of the batch is not reported, and b has heard it %d times: %v", i, len(b.heard(m.ID)), err)
		}
	}
}

func racingPublishersLoseNothing(h *harness) {
	a, b := h.subscribe("a", nil), h.subscribe("b", func(_ events.Message, n int) error {
		if n == 1 {
			return errFailed
		}
		return nil
	})
	h.Start()
	const publishers, each = 32, 8
	ms := make([][each]events.Message, publishers)
	var wg sync.WaitGroup
	for i := range ms {
		for j := range ms[i] {
			ms[i][j] = message(h)
		}
		wg.Go(func() {
			for _, m := range ms[i] {
				if err := h.Publisher.Publish(h.Context(), h.topic, m); err != nil {
					h.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range ms {
		h.hears(a, 1, ms[i][:]...)
		h.hears(b, 2, ms[i][:]...)
	}
}

func severalAreHandledAtATime(h *harness) {
	const several = 3
	var inside sync.WaitGroup
	inside.Add(several)
	c := h.subscribe("c", func(_ events.Message, n int) error {
		if n > 1 {
			return nil
		}
		inside.Done()
		inside.Wait() // nobody leaves before all are in
		return nil
	})
	h.Start()
	var ms []events.Message
	for range several {
		ms = append(ms, h.publish(message(h)))
	}
	h.hears(c, 1, ms...)
}

func aFailedMessageComesAgain(h *harness) {
	last := h.MaxAttempts // the attempt that succeeds, on the edge of a dead letter
	c := h.subscribe("c", func(_ events.Message, n int) error {
		if n < last {
			return fmt.Errorf("attempt %d: %w", n, errFailed)
		}
		return nil
	})
	h.Start()
	m := h.publish(message(h))
	h.hears(c, last, m)
	calls := c.heard(m.ID)
	for n := 1; n < last; n++ {
		if n > 1 && h.MinPause(n) <= h.MinPause(n-1) {
			h.Errorf("the pause after attempt %d does not grow", n)
		}
		if pause := calls[n].start.Sub(calls[n-1].end); pause < h.MinPause(n) {
			h.Errorf("the pause after attempt %d is %v, want %v or more", n, pause, h.MinPause(n))
		}
		same(h, calls[n].m, m)
	}
	if n := len(c.deadLetters()); n > 0 {
		h.Errorf("%d dead letters of a message that was handled", n)
	}
}

func aPanicIsAFailureAndNoMore(h *harness) {
	c := h.subscribe("c", func(_ events.Message, n int) error {
		if n == 1 {
			panic("a defect")
		}
		return nil
	})
	h.Start()
	// More than there are likely to be workers: a panic costs none.
	var ms []events.Message
	for range 64 {
		ms = append(ms, h.publish(message(h)))
	}
	h.hears(c, 2, ms...)
}

func aRejectedMessageIsADeadLetterAtOnce(h *harness) {
	poison, good := message(h), message(h)
	c := h.subscribe("c", func(m events.Message, _ int) error {
		if m.ID == poison.ID {
			return fmt.Errorf("no such type: %w", broker.ErrReject)
		}
		return nil
	})
	h.Start()
	h.publish(poison)
	h.publish(good)
	h.hears(c, 1, good)
	h.hasDeadLetter(c, poison)
	if n := len(c.heard(poison.ID)); n != 1 {
		h.Errorf("handled %d times, want once", n)
	}
}

func aMessageThatFailedTooOftenIsADeadLetter(h *harness) {
	c := h.subscribe("c", func(events.Message, int) error { return errFailed })
	h.Start()
	m := h.publish(message(h))
	h.hasDeadLetter(c, m)
	if n := len(c.heard(m.ID)); n < h.MaxAttempts {
		h.Errorf("given up after %d attempts, want %d", n, h.MaxAttempts)
	}
}

func anOutageIsWaitedOut(h *harness) {
	outage := []error{storage.ErrUnavailable, context.DeadlineExceeded, context.Canceled}
	last := h.MaxAttempts + 2 // the attempt that succeeds, after one failure that counts
	c := h.subscribe("c", func(_ events.Message, n int) error {
		switch {
		case n < last-1:
			return fmt.Errorf("attempt %d: %w", n, outage[n%len(outage)])
		case n < last:
			return errFailed
		}
		return nil
	})
	h.Start()
	m := h.publish(message(h))
	h.eventually("the end of the outage", func() bool {
		return len(c.heard(m.ID)) >= last || len(c.deadLetters()) > 0
	})
	if n := len(c.deadLetters()); n > 0 {
		h.Errorf("%d dead letters after %d attempts, all but one in an outage", n, len(c.heard(m.ID)))
	}
}

func (h *harness) hasDeadLetter(c *consumer, m events.Message) {
	h.Helper()
	h.eventually("a dead letter of "+m.ID, func() bool { return len(c.deadLetters()) > 0 })
	l := c.deadLetters()[0]
	same(h, l.m, m)
	if l.reason == "" {
		h.Error("the dead letter has no reason")
	}
}

func aDeadLetterIsRetriedUntilItIsStored(h *harness) {
	times := h.MaxAttempts + 2 // longer than a message is tried
	c := h.subscribeTo(h.topic, "c",
		func(events.Message, int) error { return broker.ErrReject },
		func(n int) error {
			switch {
			case n == 1:
				panic("a defect")
			case n < times:
				return errFailed
			}
			return nil
		})
	h.Start()
	m := h.publish(message(h))
	h.eventually("the last dead letter", func() bool { return len(c.deadLetters()) >= times })
	for _, l := range c.deadLetters() {
		same(h, l.m, m)
	}
	if n := len(c.heard(m.ID)); n != 1 {
		h.Errorf("handled %d times, want once", n)
	}
}

func aConsumerThatFailsHidesNothing(h *harness) {
	failing := h.subscribe("a", func(events.Message, int) error { return errFailed })
	rejecting := h.subscribe("b", func(events.Message, int) error { return broker.ErrReject })
	well := h.subscribe("c", nil)
	h.Start()
	m := h.publish(message(h))
	h.hears(well, 1, m)
	h.hears(failing, 2, m)
	h.hasDeadLetter(rejecting, m)
	if n := len(well.deadLetters()); n > 0 {
		h.Errorf("%d dead letters of the consumer that had it", n)
	}
}

func aConsumerThatHangsDoesNotDelay(h *harness) {
	release := make(chan struct{})
	hanging := h.subscribe("a", func(events.Message, int) error { <-release; return nil })
	well := h.subscribe("b", nil)
	h.Start()
	var ms []events.Message
	for range 64 { // more than there are likely to be workers
		ms = append(ms, h.publish(message(h)))
	}
	h.hears(well, 1, ms...)
	close(release)
	h.hears(hanging, 1, ms...)
}
