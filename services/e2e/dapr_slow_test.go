//go:build integration

package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// breakerSays is what the log of a service says of its circuit breaker.
func breakerSays(r *replica, to string) bool {
	for line := range strings.Lines(r.said()) {
		if strings.Contains(line, `"circuit breaker"`) && strings.Contains(line, `"neighbour":"event"`) && strings.Contains(line, `"to":"`+to+`"`) {
			return true
		}
	}
	return false
}

// The event service takes 5 s for each answer. Its callers leave it alone, until
// it is well again. That it refuses is no reason to.
func TestDaprSlowEventService(t *testing.T) {
	t.Parallel()
	p, s := startProcesses(t, setup{sidecars: true, wire: newLink(t, "127.0.0.1:1")})
	visitor := p.register(t, customer)
	booking := s.of(bookings)[0]

	// Refusals, as many as there may be, are answers.
	soldOut := p.publish(t, p.register(t, organizer), draft(1))
	p.call(t, http.MethodPost, gateway, "/bookings", as(visitor), body(obj{"event_id": soldOut.ID, "tickets": 1})).want(t, http.StatusCreated)
	for range 30 {
		p.call(t, http.MethodPost, gateway, "/bookings", as(visitor), body(obj{"event_id": soldOut.ID, "tickets": 1})).want(t, http.StatusConflict)
	}
	if breakerSays(booking, "open") {
		t.Error("refusals opened the circuit breaker")
	}

	l := newLoad(t, p, 12, false)
	l.awaitTried(t, 20)
	opened := time.Now()
	s.wire.spoil(t, "latency", `{"latency": 2500}`, 1) // in both directions
	eventually(t, func() error {
		return errOf(breakerSays(booking, "open"), "the circuit breaker of booking is closed")
	})
	t.Logf("the circuit breaker opens after %.1f s", time.Since(opened).Seconds())
	// Those who ask now are refused without asking the event service, except for
	// the few by whom the circuit breaker tries it.
	const asked = 40
	heard := func() int { return strings.Count(s.of(events)[0].said(), `"msg":"request"`) }
	_, refusedBefore := l.counts()
	heardBefore := heard()
	for i := range asked {
		res, err := p.send(http.MethodPost, []service{gateway, bookings}[i%2], "/bookings", as(visitor), body(obj{"event_id": l.event.ID, "tickets": 1}))
		if err != nil {
			t.Fatal(err)
		}
		if res.status != http.StatusServiceUnavailable {
			t.Errorf("%s, with a slow event service: %d %s", res.request, res.status, res.body)
		}
	}
	_, refused := l.counts()
	refused += asked - refusedBefore
	tried := heard() - heardBefore
	if tried > refused/2 {
		t.Errorf("the event service was asked %d times while %d requests were refused", tried, refused)
	}
	s.wire.mend(t)
	back := l.awaitServed(t)
	eventually(t, func() error {
		return errOf(breakerSays(booking, "closed"), "the circuit breaker of booking is open")
	})
	l.witnessed(t, visitor)
	t.Logf("the event service takes 5 s: it was asked %d times while %d requests were refused, the circuit breaker opened and closed, served again after %.1f s; %s",
		tried, refused, back.Seconds(), l.end(t))
}
