package rest

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client is who is counted as one: an IPv4 address, or the /64 network that an
// IPv6 customer has to himself.
type client = netip.Prefix

// clients finds out who sent a request.
type clients struct{ trusted []netip.Prefix }

// of returns the client behind r: the peer, or, where that is a trusted proxy,
// the right-most address of X-Forwarded-For that is none. What stands left of
// it anybody may have written.
func (c clients) of(r *http.Request) client {
	addr := parseAddr(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !c.isTrusted(addr) {
			break
		}
		next := parseAddr(strings.TrimSpace(hop))
		if !next.IsValid() {
			break
		}
		addr = next
	}
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return client{} // no address: all of them are one client
	}
	return p
}

func (c clients) isTrusted(addr netip.Addr) bool {
	return slices.ContainsFunc(c.trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseAddr reads an address with or without a port.
func parseAddr(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
