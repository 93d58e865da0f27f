//go:build pact

package pact_test

import (
	"bytes"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// A break in a message is told with the consumer, the provider and the field.
func TestARenamedFieldOfAMessageIsNamed(t *testing.T) {
	pacttest.MustFail(t, "the attempt is called try", func(t *testing.T) {
		p := provider(t)
		p.Messages = map[string]func(testing.TB) ([]byte, error){}
		for name, build := range messages {
			p.Messages[name] = func(t testing.TB) ([]byte, error) {
				wire, err := build(t)
				return bytes.ReplaceAll(wire, []byte(`"attempt":`), []byte(`"try":`)), err
			}
		}
		p.Verify(t, pacttest.Dir(t))
	}, "Verifying a pact between event and booking - a booking is confirmed",
		"missing the following keys: attempt",
		"booking does not keep its pact with event")
}
