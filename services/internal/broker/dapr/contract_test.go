//go:build integration

package dapr_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/broker/brokertest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
)

// Through real sidecars and RabbitMQ.
func TestBrokerContract(t *testing.T) {
	t.Parallel()
	t.Log(rabbittest.Serving(t))
	brokertest.TestBroker(t, func(t *testing.T) brokertest.Fixture { return newWorld(t).fixture() })
}
