// Package pacttest is what the contract tests between the services share: the
// consumer's side draws up a pact while its real adapter talks to a mock, the
// provider's side verifies every pact that names it against the real handlers.
//
// What needs the native library has the build tag pact; .ci/pact-ffi gets it,
// and `make pact` runs all of it.
package pacttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Services are those that can be named in a pact.
var Services = []string{"booking", "event", "notification", "user", "web"}

// dirEnv is the folder that consumers write to and providers read, and
// releaseEnv the release that it is of, where it is not of this source.
const (
	dirEnv     = "PACTS_DIR"
	releaseEnv = "PACTS_RELEASE"
)

// Dir is the folder of the pacts that a provider keeps: contracts/pacts, unless
// PACTS_DIR says otherwise.
func Dir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(dirEnv); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return filepath.Join(dir, "contracts", "pacts")
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("there is no go.work here or above")
	return ""
}

// ServiceToken stands in a pact for a token of service. Before a provider sees
// it, it is replaced by one that the service's key has signed.
func ServiceToken(service string) string { return tokenOf + service }

const tokenOf = "secret-of-"

// As is the source of a client's tokens that stand in a pact.
func As(service string) func() (string, error) {
	return func() (string, error) { return ServiceToken(service), nil }
}

// Callers are the users behind the access tokens of the pacts, where a token is
// no more than a name: "Bearer customer". Before a provider sees it, it is
// replaced by one that is signed for that user.
var Callers = map[string]identity.Caller{
	"customer":  {UserID: "01970000-0000-7000-8000-0000000000c1", Email: "ada@example.com", Name: "Ada Lovelace", Role: identity.Customer},
	"stranger":  {UserID: "01970000-0000-7000-8000-0000000000c2", Email: "eve@example.com", Name: "Eve", Role: identity.Customer},
	"organizer": {UserID: "01970000-0000-7000-8000-0000000000d1", Email: "clara@example.com", Name: "Clara Schumann", Role: identity.Organizer},
	"admin":     {UserID: "01970000-0000-7000-8000-0000000000d0", Email: "grace@example.com", Name: "Grace Hopper", Role: identity.Admin},
}

// CustomerID is the user id of the customer.
const CustomerID = "01970000-0000-7000-8000-0000000000c1"
