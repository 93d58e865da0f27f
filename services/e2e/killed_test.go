//go:build integration

package e2e

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// Each process is killed alone, in turn, while people book and cancel, and is
// started again. Some of them see it; nobody is worse off afterwards.
func TestProcessesKilledAlone(t *testing.T) {
	t.Parallel()
	p, s := startProcesses(t, setup{options: options{checkoutTTL: "8s"}})
	l := newLoad(t, p, 6, true)
	var back durations
	for range suitetest.Amount(1, 5) {
		for _, r := range s.all {
			l.awaitServed(t)
			r.kill()
			// The load feels it, unless it needs nobody: mails are sent later.
			if r.of == notifications {
				l.awaitTried(t, 10)
			} else {
				l.awaitRefused(t, 5)
			}
			began := time.Now()
			if err := r.start(); err != nil {
				t.Fatal(err)
			}
			if err := r.listening(); err != nil {
				t.Fatal(err)
			}
			l.awaitServed(t)
			back = append(back, time.Since(began))
		}
	}
	t.Logf("each process killed alone: %d kills, served again %s after the start; %s", len(back), back, l.end(t))
}
