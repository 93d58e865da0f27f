// Package network stands between a client and a server, and is as bad a
// network as a test wants.
package network

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Network passes connections on to a server.
type Network struct {
	t     testing.TB
	proxy *toxiproxy.Proxy
}

// New returns a network to a server at addr, host:port, which ends with the
// test.
func New(t testing.TB, addr string) *Network {
	t.Helper()
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "", "127.0.0.1:0", addr)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return &Network{t, proxy}
}

// Addr is where the server is reached through the network.
func (n *Network) Addr() string { return n.proxy.Listen }

// Reset breaks every connection that is used, new ones as well, until Restore.
func (n *Network) Reset() { n.add("reset_peer", `"timeout": 0`) }

// Slow makes everything arrive this much later, until Restore.
func (n *Network) Slow(by time.Duration) {
	n.add("latency", fmt.Sprintf(`"latency": %d`, by.Milliseconds()))
}

// SlowAnswers makes what the server says arrive this much later, until Restore.
func (n *Network) SlowAnswers(by time.Duration) {
	n.addTo("downstream", "latency", fmt.Sprintf(`"latency": %d`, by.Milliseconds()))
}

// Silence takes everything and forwards nothing, until Restore.
func (n *Network) Silence() { n.add("timeout", `"timeout": 0`) }

// Restore is a good network again, for those who connect anew.
func (n *Network) Restore() { n.proxy.Toxics.ResetToxics(context.Background()) }

// add adds a toxic to the way out and to the way back.
func (n *Network) add(toxic, attributes string) {
	n.t.Helper()
	n.addTo("upstream", toxic, attributes)
	n.addTo("downstream", toxic, attributes)
}

func (n *Network) addTo(stream, toxic, attributes string) {
	n.t.Helper()
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name": "%[1]s %[2]s", "type": %[1]q, "stream": %[2]q, "attributes": {%[3]s}}`, toxic, stream, attributes))); err != nil {
		n.t.Fatal(err)
	}
}
