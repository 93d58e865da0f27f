// Package freeport finds ports for servers that tests start.
package freeport

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Address returns an address of this machine, "127.0.0.1:12345", on which nobody
// listens. No other call of Address returns it, in this process or in another one that
// runs meanwhile, so that it is as good as the caller's while nobody listens there.
// Its port is below those that systems give to outgoing connections, and below those
// of containers.
func Address() string {
	for {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(10_000))) //nolint:gosec // no secret
		// The port of the same number for datagrams is held until the process ends,
		// as a sign to the others.
		held, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			continue
		}
		ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
		if err != nil {
			_ = held.Close()
			continue
		}
		_ = ln.Close()
		lock.Lock()
		defer lock.Unlock()
		all = append(all, held)
		return addr
	}
}

// all keeps what is held from being collected.
var (
	lock sync.Mutex
	all  []net.PacketConn
)
