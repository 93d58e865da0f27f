// Package suitetest proves contract suites: a suite that passes on a broken
// adapter proves nothing about the others.
package suitetest

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// childEnv names the broken adapter that this process is to run.
const childEnv = "SUITETEST_BROKEN"

// MustFail runs suite, on a deliberately broken adapter, in a process of its
// own, and fails t unless the suite's subtest caughtBy fails there. name must be
// unique among the MustFail calls of one test binary. A panic, a hang or a build
// failure is not a catch.
//
// A suite that lets calls race may miss a fault on a busy machine, where they
// come one after the other. A suite that passes runs again, up to five times.
//
// It returns before the process ends: as many run at a time as -parallel says,
// after t's own function has returned. What they share ends by t.Cleanup.
func MustFail(t *testing.T, name string, suite func(t *testing.T), caughtBy string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		switch os.Getenv(childEnv) {
		case name:
			suite(t)
			return
		case "":
		default:
			return // the child of another broken adapter
		}
		// Only the subtest that is to catch it: what the others say of an
		// adapter that is broken is not asked.
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()+"/"+caughtBy), "/", "$/^") + "$"
		var out []byte
		var err error
		for range 5 {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.count=1", "-test.timeout="+limit(t).String()) //nolint:gosec // it is this very binary
			cmd.Env = append(os.Environ(), childEnv+"="+name)
			if out, err = cmd.CombinedOutput(); err != nil {
				break
			}
		}
		switch {
		case err == nil:
			t.Fatalf("the suite passes on the broken adapter %q:\n%s", name, out)
		case regexp.MustCompile(`(?m)^panic: `).Match(out):
			t.Fatalf("the broken adapter %q panics, which is no catch:\n%s", name, out)
		case !regexp.MustCompile(`--- FAIL: \S+/` + regexp.QuoteMeta(caughtBy) + ` `).Match(out):
			t.Fatalf("the broken adapter %q was not caught by %q:\n%s", name, caughtBy, out)
		}
	})
}

// limit is how long a child may take. It only ends a hang, so it is as long as
// t itself has, less the time to report it.
func limit(t *testing.T) time.Duration {
	const report = 10 * time.Second
	if end, ok := t.Deadline(); ok {
		return max(time.Until(end)-report, report)
	}
	return time.Hour
}
