package rest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Strangers who book from one address have limits together.
func TestTheLimitsOfAnAddress(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	from := func(address string, tickets int) result {
		return a.do(t, uuid.NewString(), http.MethodPost, "/bookings",
			fmt.Sprintf(`{"event_id":%q,"tickets":%d,"payment":{"token":"tok_timeout"}}`, event, tickets), "From", address)
	}
	for range 30 {
		if r := from("school", 1); r.status != 202 {
			t.Fatalf("one of 30 bookings that are not paid for yet: %s", r)
		}
	}
	const open = "too many bookings of this account or network address are not paid for yet; complete one of them, or try again when one has expired"
	if r := from("school", 1); r.status != 409 || r.body["code"] != string(problem.TooManyCheckouts) || r.body["detail"] != open {
		t.Errorf("one more: %s, want 409 %s: %s", r, problem.TooManyCheckouts, open)
	}
	for _, tickets := range []int{18, 18, 18, 18, 18, 18, 12} {
		if r := from("home", tickets); r.status != 202 {
			t.Fatalf("%d tickets from another address: %s", tickets, r)
		}
	}
	const tickets = "All accounts and guests at one network address together may have 120 free and unpaid tickets of an event; 0 more can be booked now"
	if r := from("home", 1); r.status != 409 || r.body["code"] != string(problem.TooManyTickets) || r.body["detail"] != tickets {
		t.Errorf("one ticket more: %s, want 409 %s: %s", r, problem.TooManyTickets, tickets)
	}
}

// Addresses that limits count as one client have one hash.
func TestAnAddressIsAHash(t *testing.T) {
	t.Parallel()
	clients := httpkit.Clients{Front: "user", Verify: func(token string) (string, error) {
		if token != "gateway" {
			return "", errors.New("no token")
		}
		return "user", nil
	}}
	hash := rest.HashedAddress(clients, []byte("key"))
	of := func(peer, said, token string) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bookings", nil)
		r.RemoteAddr = peer
		r.Header.Set(httpkit.ClientAddress, said)
		r.Header.Set("X-Service-Token", token)
		return r
	}
	const gateway = "192.0.2.1:1"
	same := map[string][2]*http.Request{
		"the client of the gateway": {of(gateway, "198.51.100.7", "gateway"), of("192.0.2.2:1", "198.51.100.7", "gateway")},
		"a /64 of IPv6":             {of(gateway, "2001:db8::1", "gateway"), of(gateway, "2001:db8::2", "gateway")},
		"whatever a stranger says":  {of(gateway, "198.51.100.7", "x"), of(gateway, "198.51.100.8", "")},
	}
	for what, pair := range same {
		if a, b := hash(pair[0]), hash(pair[1]); a != b {
			t.Errorf("%s has two hashes, %q and %q", what, a, b)
		}
	}
	seen := map[string]string{}
	for what, text := range map[string]string{
		"one":            hash(of(gateway, "198.51.100.7", "gateway")),
		"the next":       hash(of(gateway, "198.51.100.8", "gateway")),
		"the next /64":   hash(of(gateway, "2001:db8:0:1::1", "gateway")),
		"by another key": rest.HashedAddress(clients, []byte("another"))(of(gateway, "198.51.100.7", "gateway")),
	} {
		if other, found := seen[text]; found {
			t.Errorf("%s has the hash of %s", what, other)
		}
		seen[text] = what
		if len(text) != 22 || strings.Contains(text, "198") {
			t.Errorf("%s: the hash is %q", what, text)
		}
	}
}
