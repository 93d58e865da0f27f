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

// racyEnv makes this test binary be a platform that oversells, or the event
// service of one, instead of running tests.
const racyEnv = "E2E_RACY_PLATFORM"

// runRacy runs what is asked for on an inventory with the classic race.
func runRacy(what string) int {
	if what == string(events) {
		return runRacyEvent()
	}
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
