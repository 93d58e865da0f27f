//go:build !integration

package e2e

import (
	"errors"
	"testing"
)

// Four processes need PostgreSQL and MongoDB, with sidecars RabbitMQ too.
var processesWay, daprWay = absent, absent

var absent = way{
	build: func() error {
		return errors.New("of " + systemEnv + " only standalone runs without -tags integration")
	},
	new: func(testing.TB, string, options) system { panic("never built") },
}
