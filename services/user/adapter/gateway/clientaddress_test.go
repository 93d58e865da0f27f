package gateway_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
)

// Each service behind learns the address that the gateway has found out, and
// believes it.
func TestTheClientsAddressIsPassedOn(t *testing.T) {
	t.Parallel()
	const (
		client = "203.0.113.7"
		forged = "198.51.100.66"
		proxy  = "10.1.2.3"
		web    = "192.0.2.80"
	)
	keys := authtest.New(t)
	fromWeb := keys.Token("web", "user")
	b := &behind{}
	mux := newMux(t, gateway.Options{
		Upstreams: upstreams(t, b), Key: keys.Own["user"], PassOn: unchanged, Log: slog.New(slog.DiscardHandler),
		Clients: httpkit.Clients{Front: "web", Verify: keys.Keys().Verifier("user"), Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	})
	operations := map[string]string{"event": "/events", "booking": "/bookings/" + id, "notification": "/notifications"}
	for name, c := range map[string]struct {
		peer   string
		header http.Header
		want   string
	}{
		"the peer": {client, nil, client},
		"forged by a client": {client, http.Header{
			"Client-Address": {forged}, "X-Forwarded-For": {forged}, "Forwarded": {"for=" + forged}, "X-Real-Ip": {forged},
		}, client},
		"forged behind a proxy": {proxy, http.Header{
			"Client-Address": {forged}, "X-Forwarded-For": {forged + ", " + client}, "Forwarded": {"for=" + forged}, "X-Real-Ip": {forged},
		}, client},
		"by web":                              {web, http.Header{"X-Service-Token": {fromWeb}, "Client-Address": {client}, "X-Forwarded-For": {forged}}, client},
		"by web, through a proxy":             {proxy, http.Header{"X-Service-Token": {fromWeb}, "Client-Address": {client}, "X-Forwarded-For": {web}}, client},
		"web itself":                          {web, http.Header{"X-Service-Token": {fromWeb}}, web},
		"with web's token of another service": {client, http.Header{"X-Service-Token": {keys.Token("web", "booking")}, "Client-Address": {forged}}, client},
		"with the gateway's token":            {client, http.Header{"X-Service-Token": {keys.Token("user", "user")}, "Client-Address": {forged}}, client},
		"with a service's token":              {client, http.Header{"X-Service-Token": {keys.Token("booking", "user")}, "Client-Address": {forged}}, client},
		"with a token that is none":           {client, http.Header{"X-Service-Token": {"x"}, "Client-Address": {forged}}, client},
		"dropped by the client": {client, http.Header{
			"Connection": {"Client-Address, X-Service-Token"}, "Client-Address": {forged},
		}, client},
	} {
		for service, path := range operations {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(c.peer), 4711).String()
			if c.header != nil {
				r.Header = c.header
			}
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			header := b.header(t)
			// As a service looks that has a sidecar in front, which appends its own.
			header.Add("X-Forwarded-For", "127.0.0.1")
			arrived := &http.Request{RemoteAddr: "127.0.0.1:1", Header: header}
			got := httpkit.Clients{Front: "user", Verify: keys.Keys().Verifier(service)}.Address(arrived)
			if w.Code != http.StatusOK || got.String() != c.want {
				t.Errorf("%s: %s learns of %s (%d), want %s", name, service, got, w.Code, c.want)
			}
			for other := range operations {
				if _, err := keys.Keys().Verifier(other)(header.Get("X-Service-Token")); (err == nil) != (other == service) {
					t.Errorf("%s: %s takes the token for %s: error %v", name, other, service, err)
				}
			}
		}
	}
}

// A client of whom no address is known has none behind, either.
func TestNoAddressIsPassedOnWhereNoneIsKnown(t *testing.T) {
	t.Parallel()
	keys := authtest.New(t)
	b := &behind{}
	mux := newMux(t, gateway.Options{Upstreams: upstreams(t, b), Key: keys.Own["user"], PassOn: unchanged, Log: slog.New(slog.DiscardHandler)})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events", nil)
	r.RemoteAddr = "@"
	mux.ServeHTTP(httptest.NewRecorder(), r)
	header := b.header(t)
	for _, name := range []string{"Client-Address", "X-Service-Token"} {
		if got, ok := header[name]; ok {
			t.Errorf("%s is %q", name, got)
		}
	}
}
