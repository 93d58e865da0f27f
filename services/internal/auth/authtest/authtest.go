// Package authtest has the keys that services have in tests.
package authtest

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
)

// Services are the keys of all services, and of web, which stands in front of
// them.
type Services struct {
	testing.TB
	// Own is each service's private key, and Public what SERVICE_KEYS says.
	Own    map[string]*auth.ServiceKey
	Public []string
}

// New returns services with new keys.
func New(t testing.TB) *Services {
	t.Helper()
	s := &Services{TB: t, Own: map[string]*auth.ServiceKey{}}
	for _, service := range []string{"user", "event", "booking", "notification", "web"} {
		key := NewKey(t, service)
		s.Own[service] = key
		s.Public = append(s.Public, Public(t, key))
	}
	return s
}

// NewKey returns a key of service that the others do not know.
func NewKey(t testing.TB, service string) *auth.ServiceKey {
	t.Helper()
	key, err := auth.NewServiceKey(service)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Public is the entry of key in SERVICE_KEYS.
func Public(t testing.TB, key *auth.ServiceKey) string {
	t.Helper()
	entry, err := key.Public()
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// Private is what the service's own variable says.
func (s *Services) Private(service string) string {
	s.Helper()
	text, err := s.Own[service].Private()
	if err != nil {
		s.Fatal(err)
	}
	return text
}

// Keys are the public keys as a receiver has them.
func (s *Services) Keys() *auth.ServiceKeys {
	s.Helper()
	keys, err := auth.ParseServiceKeys(s.Public)
	if err != nil {
		s.Fatal(err)
	}
	return keys
}

// Token is a token of caller for audience.
func (s *Services) Token(caller, audience string) string {
	s.Helper()
	token, err := s.Own[caller].TokenFor(audience)()
	if err != nil {
		s.Fatal(err)
	}
	return token
}
