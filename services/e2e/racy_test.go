package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/standalone"
)

// racyEnv makes this test binary be a platform that oversells, instead of
// running tests.
const racyEnv = "E2E_RACY_PLATFORM"

// runRacy runs the platform on an inventory with the classic race.
func runRacy() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := standalone.FromEnv()
	if err == nil {
		cfg.Inventory = eventtest.Racy
		err = standalone.Run(ctx, cfg, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
