//go:build !integration

package e2e

import (
	"errors"
	"testing"
)

// Four processes need PostgreSQL and MongoDB.
var processesWay = way{
	build: func() error {
		return errors.New(systemEnv + "=processes runs with -tags integration only")
	},
	new: func(testing.TB, string, options) system { panic("never built") },
}
