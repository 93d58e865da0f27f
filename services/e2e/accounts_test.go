package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// account is a user, logged in.
type account struct {
	id, email, password, name, role string

	token, refresh string
	// address is where the user comes from: everybody has one of their own,
	// as in life, so that nobody is throttled for what others do.
	address string
}

const (
	customer  = "customer"
	organizer = "organizer"
)

var addresses atomic.Uint32

// nextAddress returns an IP address that nobody has used before.
func nextAddress() string {
	n := addresses.Add(1)
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// newAccount is an account that is not registered yet.
func newAccount(role string) *account {
	id := uuid.NewString()
	return &account{
		email: "user-" + id + "@e2e.example", password: "secret of " + id[:8], name: "Test " + id[:4],
		role: role, address: nextAddress(),
	}
}

// join registers a and logs them in.
func (p *platform) join(a *account) error {
	res, err := p.patiently(http.MethodPost, gateway, "/users", header("X-Forwarded-For", a.address),
		body(obj{"email": a.email, "password": a.password, "name": a.name, "role": a.role}))
	if err != nil {
		return err
	}
	var created struct {
		ID string `json:"id"`
	}
	if res.is(problem.EmailTaken) { // by an earlier try, which was answered 503
		return p.rejoin(a)
	}
	if res.status != http.StatusCreated {
		return fmt.Errorf("register: %d %s", res.status, res.body)
	}
	if err := json.Unmarshal(res.body, &created); err != nil {
		return err
	}
	a.id = created.ID
	return p.login(a)
}

// rejoin logs in an account that is registered, and asks for its id.
func (p *platform) rejoin(a *account) error {
	if err := p.login(a); err != nil {
		return err
	}
	res, err := p.patiently(http.MethodGet, gateway, "/users/me", as(a))
	if err != nil {
		return err
	}
	var me struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(res.body, &me); err != nil {
		return err
	}
	a.id = me.ID
	return nil
}

// login gets fresh tokens.
func (p *platform) login(a *account) error {
	res, err := p.patiently(http.MethodPost, gateway, "/token", header("X-Forwarded-For", a.address),
		form("grant_type", "password", "username", a.email, "password", a.password))
	if err != nil {
		return err
	}
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if res.status != http.StatusOK {
		return fmt.Errorf("log in: %d %s", res.status, res.body)
	}
	if err := json.Unmarshal(res.body, &tokens); err != nil {
		return err
	}
	a.token, a.refresh = tokens.Access, tokens.Refresh
	return nil
}

// register returns a new account with this role, logged in.
func (p *platform) register(t testing.TB, role string) *account {
	t.Helper()
	a := newAccount(role)
	if err := p.join(a); err != nil {
		t.Fatal(err)
	}
	return a
}

// crowd returns n customers, logged in.
func (p *platform) crowd(t testing.TB, n int) []*account {
	t.Helper()
	all := make([]*account, n)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range all {
		all[i] = newAccount(customer)
		g.Go(func() error { return p.join(all[i]) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}
