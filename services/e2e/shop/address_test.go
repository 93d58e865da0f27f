package shop

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// All visitors of the shop come to the gateway from web's address. Its limits count each
// by the address that web says, and nobody else is believed.
func TestLimitsGoByTheVisitorsAddress(t *testing.T) {
	t.Parallel()
	p := start(t)
	// guess tries wrong passwords, each from another address, and returns how many the
	// gateway has compared.
	guess := func(ports webtest.Ports, email string) int {
		for n := range 100 {
			by := web.Caller{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})}
			_, err := ports.LogIn(t.Context(), by, email, "not the password")
			switch web.Refused(err) {
			case "invalid_grant":
			case "rate_limited":
				return n
			default:
				t.Fatal(err)
			}
		}
		return 100
	}
	if n := guess(p.ports, "first@example.com"); n < 100 {
		t.Errorf("after %d visitors one more is refused", n)
	}
	// Without web's key, Client-Address is ignored, and the peer's address counts.
	if n := guess(p.portsOver(t, unsigned{}), "second@example.com"); n == 100 {
		t.Error("a stranger tries as often as they like, by saying other addresses")
	}
}

// unsigned takes web's token away.
type unsigned struct{}

func (unsigned) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("X-Service-Token")
	return http.DefaultTransport.RoundTrip(r)
}

// A booking's limits go by it, too: the gateway passes the address on with a token of its
// own.
func TestBookingsLimitsGoByTheVisitorsAddress(t *testing.T) {
	t.Parallel()
	p := start(t)
	w := p.world(p.ports)
	e := webtest.Concert(2500, 1000)
	e = w.AddEvent(t, e)
	hold := func(by web.Caller, n int) error {
		tokens, err := p.ports.AdmitGuest(t.Context(), web.Caller{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})}, web.Guest{Name: "Ada", Email: "ada@example.com"})
		must(t, err)
		by.AccessToken = tokens.Access
		_, err = p.ports.Begin(t.Context(), by, strings.Repeat("k", n+1), e.ID, []web.Quantity{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}}, e.TicketTypes[0].Price)
		return err
	}
	one := web.Caller{Address: netip.MustParseAddr("203.0.113.7")}
	for n := range 100 {
		err := hold(one, n)
		if web.Refused(err) == "too_many_checkouts" {
			if n != 30 {
				t.Errorf("one visitor holds %d checkouts, want 30", n)
			}
			if err := hold(web.Caller{Address: netip.MustParseAddr("203.0.113.8")}, n); err != nil {
				t.Errorf("another visitor: %v", err)
			}
			return
		}
		must(t, err)
	}
	t.Error("one visitor holds a hundred checkouts")
}
