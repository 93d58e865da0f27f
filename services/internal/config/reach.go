package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Reach is the part of a service's environment that says who can reach it.
type Reach struct {
	// PublishedLocally says that nobody but this machine can reach the service,
	// although it listens on more than a loopback address, or has a sidecar: in a
	// container, whose port is published on a loopback address alone.
	PublishedLocally bool `env:"PUBLISHED_LOCALLY" envDefault:"false"`
	// TrustedProxies are the addresses or CIDR ranges whose X-Forwarded-For is
	// believed. Where there are any, others reach the platform through them.
	TrustedProxies []string `env:"TRUSTED_PROXIES"`
}

// Private reports whether nobody but this machine reaches what listens on addr,
// host:port. Behind a sidecar the address does not tell: a service listens on a loopback
// address there, and the sidecar takes calls of others.
func (r Reach) Private(addr string, sidecar bool) bool {
	return (Loopback(addr) && !sidecar || r.PublishedLocally) && strings.Trim(strings.Join(r.TrustedProxies, ""), " ") == ""
}

// Proxies are TrustedProxies as ranges.
func (r Reach) Proxies() (out []netip.Prefix, err error) {
	for _, text := range r.TrustedProxies {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, errAddr := netip.ParseAddr(text)
			if errAddr != nil {
				return nil, fmt.Errorf("TRUSTED_PROXIES: %q is neither an address nor a CIDR range", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
