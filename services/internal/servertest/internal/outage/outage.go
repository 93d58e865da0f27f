// Package outage stands between tests and a server that is not theirs to kill,
// and cuts them off instead.
package outage

import (
	"context"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy passes connections on to a server.
type Proxy struct{ proxy *toxiproxy.Proxy }

// New returns a proxy, already passing, to upstream, which is a host:port.
func New(upstream string) (*Proxy, error) {
	nop := zerolog.Nop()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), nop), "", "127.0.0.1:0", upstream)
	return &Proxy{p}, p.Start()
}

// Addr is where the proxy listens. It stays the same over Kill and Start.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Kill closes all connections and refuses new ones.
func (p *Proxy) Kill(context.Context) error {
	p.proxy.Stop()
	return nil
}

// Stop is Kill.
func (p *Proxy) Stop(ctx context.Context) error { return p.Kill(ctx) }

// Start passes connections again.
func (p *Proxy) Start(context.Context) error { return p.proxy.Start() }

// Close ends the proxy. The server is left as it is.
func (p *Proxy) Close(ctx context.Context) error { return p.Kill(ctx) }

// Logs is empty: the server is somebody else's.
func (p *Proxy) Logs(context.Context) string { return "" }
