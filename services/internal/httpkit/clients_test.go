package httpkit_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func TestTheAddressOfAClient(t *testing.T) {
	t.Parallel()
	services := authtest.New(t)
	const (
		client  = "203.0.113.7"
		forged  = "198.51.100.66"
		proxy   = "10.1.2.3"
		sidecar = "127.0.0.1"
		web     = "192.0.2.80"
	)
	stranger := authtest.NewKey(t, "user") // it says that it is user, and nobody knows its key
	unknown, err := stranger.TokenFor("booking")()
	if err != nil {
		t.Fatal(err)
	}
	token := services.Token("user", "booking")
	for name, c := range map[string]struct {
		peer    string
		header  http.Header
		trusted []string
		want    string
	}{
		"the peer":              {peer: client, want: client},
		"no address":            {peer: "@", want: "invalid IP"},
		"an address in IPv6":    {peer: "2001:db8::1%eth0", want: "2001:db8::1"},
		"IPv4 in an IPv6 shape": {peer: "::ffff:203.0.113.7", want: client},

		"the front says it":                         {peer: web, header: http.Header{"X-Service-Token": {token}, "Client-Address": {client}}, want: client},
		"the front says it in IPv6":                 {peer: web, header: http.Header{"X-Service-Token": {token}, "Client-Address": {"2001:db8::1"}}, want: "2001:db8::1"},
		"the front says it, through sidecars":       {peer: sidecar, header: http.Header{"X-Service-Token": {token}, "Client-Address": {client}, "X-Forwarded-For": {forged, proxy}, "Forwarded": {"for=" + forged}}, want: client},
		"the front says it, through trusted ones":   {peer: sidecar, header: http.Header{"X-Service-Token": {token}, "Client-Address": {client}, "X-Forwarded-For": {forged}}, trusted: []string{"127.0.0.1/32"}, want: client},
		"the front says nothing":                    {peer: web, header: http.Header{"X-Service-Token": {token}}, want: web},
		"the front says no address":                 {peer: web, header: http.Header{"X-Service-Token": {token}, "Client-Address": {"somewhere"}}, want: web},
		"the front says several":                    {peer: web, header: http.Header{"X-Service-Token": {token}, "Client-Address": {forged, client}}, want: web},
		"nobody says it":                            {peer: client, header: http.Header{"Client-Address": {forged}}, want: client},
		"a proxy says it":                           {peer: proxy, header: http.Header{"Client-Address": {forged}, "X-Forwarded-For": {client}}, trusted: []string{"10.0.0.0/8"}, want: client},
		"a sidecar says it, without a token":        {peer: sidecar, header: http.Header{"Client-Address": {forged}, "Dapr-Api-Token": {"app token"}, "Dapr-Caller-App-Id": {"user"}}, want: sidecar},
		"with a token that is none":                 {peer: client, header: http.Header{"X-Service-Token": {"x"}, "Client-Address": {forged}}, want: client},
		"with another service's token":              {peer: client, header: http.Header{"X-Service-Token": {services.Token("event", "booking")}, "Client-Address": {forged}}, want: client},
		"with a token for another service":          {peer: client, header: http.Header{"X-Service-Token": {services.Token("user", "event")}, "Client-Address": {forged}}, want: client},
		"with a token of an unknown key":            {peer: client, header: http.Header{"X-Service-Token": {unknown}, "Client-Address": {forged}}, want: client},
		"with a token that is not the only one":     {peer: client, header: http.Header{"X-Service-Token": {"x", token}, "Client-Address": {forged}}, want: client},
		"X-Forwarded-For of a stranger":             {peer: client, header: http.Header{"X-Forwarded-For": {forged}}, want: client},
		"X-Forwarded-For of the front":              {peer: web, header: http.Header{"X-Service-Token": {token}, "X-Forwarded-For": {forged}}, want: web},
		"X-Forwarded-For of a proxy":                {peer: proxy, header: http.Header{"X-Forwarded-For": {forged + ", " + client}}, trusted: []string{"10.0.0.0/8"}, want: client},
		"X-Forwarded-For of two proxies":            {peer: proxy, header: http.Header{"X-Forwarded-For": {forged, client + ":555", "10.9.9.9"}}, trusted: []string{"10.0.0.0/8"}, want: client},
		"X-Forwarded-For that is no address":        {peer: proxy, header: http.Header{"X-Forwarded-For": {client + ", x"}}, trusted: []string{"10.0.0.0/8"}, want: proxy},
		"X-Forwarded-For of a sidecar":              {peer: sidecar, header: http.Header{"X-Forwarded-For": {forged, proxy}}, want: sidecar},
		"X-Forwarded-For of a sidecar, appended to": {peer: sidecar, header: http.Header{"X-Forwarded-For": {forged, proxy}}, trusted: []string{"127.0.0.1/32"}, want: proxy},
		"Forwarded of a stranger":                   {peer: client, header: http.Header{"Forwarded": {"for=" + forged}}, want: client},
		"Forwarded of a proxy":                      {peer: proxy, header: http.Header{"Forwarded": {"for=" + forged}}, trusted: []string{"10.0.0.0/8"}, want: proxy},
		"X-Real-Ip of a stranger":                   {peer: client, header: http.Header{"X-Real-Ip": {forged}}, want: client},
		"X-Real-Ip of a proxy":                      {peer: proxy, header: http.Header{"X-Real-Ip": {forged}}, trusted: []string{"10.0.0.0/8"}, want: proxy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := httpkit.Clients{Front: "user", Verify: services.Keys().Verifier("booking")}
			for _, p := range c.trusted {
				clients.Proxies = append(clients.Proxies, netip.MustParsePrefix(p))
			}
			for _, peer := range []string{c.peer, withPort(c.peer)} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
				r.RemoteAddr, r.Header = peer, c.header
				if got := clients.Address(r).String(); got != c.want {
					t.Errorf("peer %s: %s, want %s", peer, got, c.want)
				}
			}
		})
	}
}

// withPort adds a port to an address.
func withPort(peer string) string {
	addr, err := netip.ParseAddr(peer)
	if err != nil {
		return peer
	}
	return netip.AddrPortFrom(addr, 4711).String()
}

func TestNobodysClientAddressIsBelievedWithoutAFront(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header = http.Header{"X-Service-Token": {authtest.New(t).Token("user", "web")}, "Client-Address": {"198.51.100.66"}}
	if got := (httpkit.Clients{}).Address(r).String(); got != "203.0.113.7" {
		t.Errorf("%s, want the peer", got)
	}
}

func TestClientsAreCountedByNetwork(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"203.0.113.7":     "203.0.113.7/32",
		"2001:db8:1:2::3": "2001:db8:1:2::/64",
	} {
		if got := httpkit.ClientNetwork(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := httpkit.ClientNetwork(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: %s", got)
	}
}
