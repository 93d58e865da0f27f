package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// systemEnv chooses how the platform is run.
const systemEnv = "E2E_SYSTEM"

// way is a way to run the platform.
type way struct {
	// build makes the binaries, once.
	build func() error
	// new returns a platform, not started, that keeps its files in dir. What
	// else it needs ends with the test.
	new func(t testing.TB, dir string, o options) system
	// pace is how long at most a customer thinks before the next purchase: no
	// less than what the slowest database there can follow.
	pace time.Duration
	// rush is within what time a crowd comes to a sale: at once, but where the
	// database cannot follow, for it is that of no deployment.
	rush time.Duration
}

var ways = map[string]way{"standalone": standaloneWay, "processes": processesWay, "dapr": daprWay}

// chosen is the way in which the tests run that care for none.
var chosen way

func choose() error {
	name := os.Getenv(systemEnv)
	if name == "" {
		name = "standalone"
	}
	var known bool
	if chosen, known = ways[name]; !known {
		return fmt.Errorf("%s=%s: there is %s", systemEnv, name, strings.Join(slices.Sorted(maps.Keys(ways)), ", "))
	}
	return chosen.build()
}

// outliving is a test of which nothing ends before the run of the suite does.
type outliving struct{ testing.TB }

func (outliving) Cleanup(func()) {}
