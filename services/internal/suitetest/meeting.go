package suitetest

import (
	"sync"
	"sync/atomic"
	"time"
)

// Meeting makes a race sure, however busy the machine is: whoever comes first
// waits until another has come. A broken adapter has one between looking and
// writing. Its zero value is ready; after the first two nobody waits.
type Meeting struct {
	came  atomic.Int64
	begin sync.Once
	two   chan struct{}
}

// Wait returns when two have come, or after 10 s: alone there is no race.
func (m *Meeting) Wait() {
	m.begin.Do(func() { m.two = make(chan struct{}) })
	if m.came.Add(1) == 2 {
		close(m.two)
	}
	select {
	case <-m.two:
	case <-time.After(10 * time.Second):
	}
}
