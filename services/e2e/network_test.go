//go:build integration

package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/freeport"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// wire is the network between a service and its database, or its sidecar.
type wire struct {
	proxy *toxiproxy.Proxy
	url   string // of the database, at this end
}

func newWire(t testing.TB, database string) *wire {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	w := newLink(t, u.Host)
	u.Host = w.proxy.Listen
	w.url = u.String()
	return w
}

// newLink is the network to an address.
func newLink(t testing.TB, to string) *wire {
	t.Helper()
	w := &wire{proxy: toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "", freeport.Address(), to)}
	w.join(t)
	t.Cleanup(w.proxy.Stop)
	return w
}

// join lets connections through, cut ends all and refuses new ones.
func (w *wire) join(t testing.TB) {
	t.Helper()
	if err := w.proxy.Start(); err != nil {
		t.Fatal(err)
	}
}

func (w *wire) cut() { w.proxy.Stop() }

// spoil adds a fault, as toxiproxy writes them, in both directions.
func (w *wire) spoil(t testing.TB, kind, attributes string, toxicity float64) {
	t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"type": %q, "stream": %q, "toxicity": %g, "attributes": %s}`, kind, direction, toxicity, attributes))); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *wire) mend(t testing.TB) {
	t.Helper()
	w.proxy.Toxics.ResetToxics(t.Context())
}

// The connections to each database are reset, slowed, and left without an
// answer.
func TestProcessesDatabaseNetwork(t *testing.T) {
	t.Parallel()
	databases, wires := map[service]string{}, map[service]*wire{}
	for _, s := range services {
		wires[s] = newWire(t, newDatabase(t, s))
		databases[s] = wires[s].url
	}
	p, _ := startProcesses(t, setup{databases: databases})
	visitor := p.register(t, customer)
	refusals(t, p, visitor, nil)
	l := newLoad(t, p, 6, false)
	var back durations
	for _, s := range []service{bookings, events, notifications, gateway} {
		w := wires[s]
		for range suitetest.Amount(1, 3) {
			w.spoil(t, "reset_peer", `{"timeout": 20}`, 0.5)
			l.awaitTried(t, 8)
			w.mend(t)
		}
		l.awaitServed(t)
		w.spoil(t, "latency", `{"latency": 15, "jitter": 15}`, 1)
		l.awaitServed(t) // slow is not down
		l.awaitTried(t, 8)
		w.mend(t)
		w.spoil(t, "timeout", `{"timeout": 0}`, 1) // what is sent goes nowhere
		if s == bookings || s == events {
			l.awaitRefused(t, 5)
		}
		readiness(t, p, []service{s})
		refusals(t, p, visitor, []service{s})
		w.mend(t)
		back = append(back, l.awaitServed(t))
		readiness(t, p, nil)
	}
	t.Logf("connections to each database reset, slowed and silent: served again %s after it; %s", back, l.end(t))
}
