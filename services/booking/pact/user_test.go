//go:build pact

package pact_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

func TestConsumerOfUser(t *testing.T) { pacttest.New(t, "booking", "user").Keys(t) }
