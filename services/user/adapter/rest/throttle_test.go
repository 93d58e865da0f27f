package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
)

const (
	here      = "203.0.113.7:4711"
	elsewhere = "203.0.113.8:4711"
)

func TestGuessingIsThrottledByAccountAndAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	for range rest.FailuresPerAccount {
		wantOAuth(t, "guess", s.login("ada@example.com", "wrong", here), 400, "invalid_grant")
	}
	s.compared.Store(0)
	a := s.login("ADA@example.com", password, here)
	wantOAuth(t, "one guess more", a, 429, "slow_down")
	if a.header.Get("Retry-After") != "300" || s.compared.Load() != 0 {
		t.Errorf("Retry-After %q, %d hashes compared", a.header.Get("Retry-After"), s.compared.Load())
	}
	// The owner, elsewhere, is not locked out.
	if a := s.login("ada@example.com", password, elsewhere); a.status != 200 {
		t.Errorf("elsewhere: %d %s", a.status, a.body)
	}
	s.pass(rest.FailureWindow)
	if a := s.login("ada@example.com", password, here); a.status != 200 {
		t.Errorf("later: %d %s", a.status, a.body)
	}
}

func TestAnAddressIsNotLockedOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	failures := 0
	for failures+rest.FailuresPerAccount-1 <= rest.FailuresPerAddress {
		for range rest.FailuresPerAccount - 1 {
			failures++
			wantOAuth(t, "guess", s.login("ada@example.com", "wrong", here), 400, "invalid_grant")
		}
		if failures < rest.FailuresPerAddress {
			if a := s.login("ada@example.com", password, here); a.status != 200 {
				t.Fatalf("after %d failures: %d %s", failures, a.status, a.body)
			}
		}
	}
	for ; failures < rest.FailuresPerAddress; failures++ {
		wantOAuth(t, "guess", s.login(fmt.Sprint(failures, "@example.com"), "wrong", here), 400, "invalid_grant")
	}
	// It is slowed down from now on. Nobody who knows a password is locked out,
	// known there or not.
	if a := s.register("bob@example.com"); a.status != 201 {
		t.Fatalf("register: %d %s", a.status, a.body)
	}
	for _, email := range []string{"ada@example.com", "bob@example.com"} {
		if a := s.login(email, password, here); a.status != 200 {
			t.Errorf("%s after %d wrong passwords from the address: %d %s", email, failures, a.status, a.body)
		}
	}
}

// However many guess at once, no more than the limit are compared; and however
// many log in rightly at once, all may.
func TestThrottleHoldsAgainstManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	s.compared.Store(0)
	try := func(password, from string) (statuses map[int]int) {
		statuses = map[int]int{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				a := s.login("ada@example.com", password, from)
				mu.Lock()
				defer mu.Unlock()
				statuses[a.status]++
			})
		}
		wg.Wait()
		return statuses
	}
	if got := try("wrong", here); got[400] != rest.FailuresPerAccount || got[429] != 40-rest.FailuresPerAccount || s.compared.Load() != rest.FailuresPerAccount {
		t.Errorf("wrong ones: %v, %d compared", got, s.compared.Load())
	}
	if got := try(password, elsewhere); got[200] != 40 {
		t.Errorf("right ones: %v", got)
	}
}

func TestForwardedForCountsFromTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	login := func(peer string, forwarded ...string) int {
		return s.do(request{
			method: "POST", path: "/token", from: peer, header: http.Header{"X-Forwarded-For": forwarded},
			body: url.Values{"grant_type": {"password"}, "username": {"ada@example.com"}, "password": {"wrong"}},
		}).status
	}
	exhaust := func(peer string, forwarded ...string) {
		for range rest.FailuresPerAccount {
			if got := login(peer, forwarded...); got != 400 {
				t.Fatalf("%s %v: %d", peer, forwarded, got)
			}
		}
	}
	// 203.0.113.7, however it comes.
	exhaust("10.1.2.3:80", "198.51.100.1, 203.0.113.7, 10.9.9.9")
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      int
	}{
		{"10.1.2.3:80", []string{"203.0.113.7"}, 429},
		{"10.1.2.3:80", []string{"6.6.6.6", "203.0.113.7:555"}, 429},
		{"10.1.2.3:80", []string{"6.6.6.6", "203.0.113.7", "10.0.0.1"}, 429},
		{"10.1.2.3:80", []string{"::ffff:203.0.113.7"}, 429},
		{"203.0.113.7:80", nil, 429},
		{"203.0.113.7:80", []string{"6.6.6.6"}, 429},       // says so himself
		{"[::ffff:203.0.113.7]:80", nil, 429},              // the same
		{"10.1.2.3:80", []string{"203.0.113.9"}, 400},      // another
		{"10.1.2.3:80", nil, 400},                          // the proxy itself
		{"10.1.2.3:80", []string{"garbage"}, 400},          // likewise
		{"10.1.2.3:80", []string{"203.0.113.7, x"}, 400},   // not believed further left
		{"203.0.113.8:80", []string{"203.0.113.7"}, 400},   // a peer that nobody trusts
		{"[2001:db8::1]:80", []string{"203.0.113.7"}, 400}, // likewise
		{"@", []string{"203.0.113.7"}, 400},                // no address at all
	} {
		if got := login(c.peer, c.forwarded...); got != c.want {
			t.Errorf("%s %v: %d, want %d", c.peer, c.forwarded, got, c.want)
		}
	}
	// An IPv6 customer has a /64 to himself.
	exhaust("[2001:db8:1:1::1]:80")
	if got := login("[2001:db8:1:1:ffff::2]:80"); got != 429 {
		t.Errorf("the same network: %d", got)
	}
	if got := login("[2001:db8:1:2::1]:80"); got != 400 {
		t.Errorf("another network: %d", got)
	}
}

// Whoever is not the web service says nothing about where others come from.
func TestClientAddressCountsFromWebAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	login := func(token, from string) int {
		return s.do(request{
			method: "POST", path: "/token", from: "192.0.2.80:1", header: http.Header{"X-Service-Token": {token}, "Client-Address": {from}},
			body: url.Values{"grant_type": {"password"}, "username": {"ada@example.com"}, "password": {"wrong"}},
		}).status
	}
	web := s.services.Token("web", "user")
	for range rest.FailuresPerAccount {
		if got := login(web, "203.0.113.7"); got != 400 {
			t.Fatalf("a guess by web: %d", got)
		}
	}
	if got := login(web, "203.0.113.7"); got != 429 {
		t.Errorf("one guess more: %d", got)
	}
	if got := login(web, "203.0.113.8"); got != 400 {
		t.Errorf("another client of web: %d", got)
	}
	for name, token := range map[string]string{"nobody": "", "booking": s.services.Token("booking", "user"), "the gateway": s.services.Token("user", "user")} {
		for i := range 100 {
			if got := login(token, fmt.Sprint("198.51.100.", i)); got == 429 {
				break
			} else if i == 99 {
				t.Errorf("%s gets as many guesses as it names addresses", name)
			}
		}
		s.pass(rest.FailureWindow)
	}
}
