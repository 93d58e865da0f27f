package httpkit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddress is the header in which a service says from which address the
// request came that it passes on.
const ClientAddress = "Client-Address"

// Clients tells from which address a request came.
type Clients struct {
	// Front is the service whose Client-Address is believed: the one that passes
	// requests on to this one. Without one nobody's is.
	Front string
	// Verify, which only Front needs, returns whose token an X-Service-Token is. See
	// auth.ServiceKeys.Verifier.
	Verify func(token string) (service string, err error)
	// Proxies are the addresses whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
}

// Address returns the address of the client behind r. The zero Addr says that it
// is not known.
//
//   - Client-Address counts if r has a token of Front in X-Service-Token. From
//     anybody else it is ignored.
//   - Otherwise the client is the peer, or, if that is a trusted proxy, the
//     right-most address of X-Forwarded-For that is none. Anybody may have written
//     the ones to the left of it.
//   - No other header counts.
func (c Clients) Address(r *http.Request) netip.Addr {
	if addr := c.passedOn(r); addr.IsValid() {
		return addr
	}
	addr := parseAddr(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !c.isProxy(addr) {
			break
		}
		next := parseAddr(strings.TrimSpace(hop))
		if !next.IsValid() {
			break
		}
		addr = next
	}
	return addr
}

// passedOn returns the Client-Address of Front, if r has one.
func (c Clients) passedOn(r *http.Request) netip.Addr {
	said := r.Header.Values(ClientAddress)
	if len(said) != 1 || c.Front == "" {
		return netip.Addr{}
	}
	if service, err := c.Verify(r.Header.Get("X-Service-Token")); err != nil || service != c.Front {
		return netip.Addr{}
	}
	return parseAddr(said[0])
}

func (c Clients) isProxy(addr netip.Addr) bool {
	return slices.ContainsFunc(c.Proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
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

// ClientNetwork returns what a limit counts as one client: an IPv4 address, or the
// /64 network that an IPv6 customer has alone. All clients without an address are
// one, the zero Prefix.
func ClientNetwork(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
