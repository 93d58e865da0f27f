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
	eventually(t, time.Minute, func() error {
		return errOf(breakerSays(booking, "open"), "the circuit breaker of booking is closed")
	})
	t.Logf("the circuit breaker opens after %.1f s", time.Since(opened).Seconds())
	// Whoever asks now is not dragged along, but for the few by whom it is tried.
	const asked = 40
	fast := 0
	for i := range asked {
		began := time.Now()
		res, err := p.send(http.MethodPost, []service{gateway, bookings}[i%2], "/bookings", as(visitor), body(obj{"event_id": l.event.ID, "tickets": 1}))
		if err != nil {
			t.Fatal(err)
		}
		if res.status != http.StatusServiceUnavailable {
			t.Errorf("%s, with a slow event service: %d %s", res.request, res.status, res.body)
		}
		if time.Since(began) < 2*time.Second { // who waits, waits for 3
			fast++
		}
	}
	if fast < asked/2 {
		t.Errorf("%d of %d refusals came at once", fast, asked)
	}
	s.wire.mend(t)
	back := l.awaitServed(t)
	eventually(t, time.Minute, func() error {
		return errOf(breakerSays(booking, "closed"), "the circuit breaker of booking is open")
	})
	l.witnessed(t, visitor)
	t.Logf("the event service takes 5 s: %d of %d customers were refused at once, the circuit breaker opened and closed, served again after %.1f s; %s",
		fast, asked, back.Seconds(), l.end(t))
}
