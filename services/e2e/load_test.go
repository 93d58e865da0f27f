//go:build integration

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// startProcesses is start for tests that want four processes, and more of them
// than options say.
func startProcesses(t testing.TB, o setup) (*platform, *manyProcesses) {
	t.Helper()
	s := newProcesses(t, t.TempDir(), o)
	p, err := open(s)
	p.checkouts = o.checkoutTTL != ""
	t.Cleanup(func() { p.end(t) })
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return p, s
}

// load is customers who book and cancel while the platform has its troubles.
type load struct {
	p      *platform
	event  event
	buyers []*buyer
	finish chan struct{}
	done   sync.WaitGroup
	// mortal says that processes are killed, so that requests may be left
	// without an answer.
	mortal bool

	mu         sync.Mutex
	tried      int
	created    int // 201
	refused    int // 503 with a problem
	unanswered int
	slowest    time.Duration
	served     time.Time // the latest begin of a request that was answered 201
	odd        []string
}

// newLoad starts clients who go on until end. The tickets are more than they
// can book.
func newLoad(t testing.TB, p *platform, clients int, mortal bool) *load {
	t.Helper()
	show := draft(20_000, 2_000)
	if p.provider != nil {
		show = changed(show, "cancellation_policy", feeAlways)
	}
	l := &load{p: p, event: p.publish(t, p.register(t, organizer), show), finish: make(chan struct{}), mortal: mortal}
	seed := uint64(time.Now().UnixNano())
	for i, a := range p.crowd(t, clients) {
		l.buyers = append(l.buyers, newBuyer(p, a, l.event, seed, i, processesWay.pace))
	}
	p.witness = l.see
	for _, b := range l.buyers {
		l.done.Go(func() { b.shop(l.finish) })
	}
	t.Cleanup(l.stop)
	return l
}

// see judges an answer by what every one of them has to be.
func (l *load) see(began time.Time, a *answer, err error) {
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tried++
	l.slowest = max(l.slowest, took)
	sold := err == nil && a.status == http.StatusCreated && !bytes.Contains(a.body, []byte(`"PENDING"`)) // no checkout
	if sold {
		l.created++
	}
	switch {
	case err != nil && l.mortal:
		l.unanswered++
	case err != nil:
		l.odd = append(l.odd, fmt.Sprintf("no answer: %v", err))
	case a.status == http.StatusServiceUnavailable:
		l.refused++
		if _, err := a.problem(); err != nil {
			l.odd = append(l.odd, err.Error())
		}
	case sold && began.After(l.served):
		l.served = began
	case a.status >= 500:
		l.odd = append(l.odd, fmt.Sprintf("%s: %d %.300s", a.request, a.status, a.body))
	}
}

func (l *load) counts() (tried, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tried, l.refused + l.unanswered
}

// awaitTried waits until so many more requests have been answered.
func (l *load) awaitTried(t testing.TB, n int) {
	t.Helper()
	before, _ := l.counts()
	eventually(t, func() error {
		if now, _ := l.counts(); now-before < n {
			return fmt.Errorf("%d of %d requests have an answer", now-before, n)
		}
		return nil
	})
}

// awaitRefused waits until so many more requests have been refused.
func (l *load) awaitRefused(t testing.TB, n int) {
	t.Helper()
	_, before := l.counts()
	eventually(t, func() error {
		if _, now := l.counts(); now-before < n {
			return fmt.Errorf("%d of %d requests are refused", now-before, n)
		}
		return nil
	})
}

// awaitEnough waits until the load has made enough requests and bookings. Without
// them, "lost = 0" would prove nothing.
func (l *load) awaitEnough(t testing.TB) {
	t.Helper()
	eventually(t, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.tried < 120 || l.created < 30 {
			return fmt.Errorf("%d requests, %d of them answered 201: that is no load", l.tried, l.created)
		}
		return nil
	})
	if l.p.checkouts {
		awaitCheckouts(t, l.buyers)
	}
}

// awaitServed waits until a booking has succeeded that was asked for after
// now, and returns how long that took.
func (l *load) awaitServed(t testing.TB) time.Duration {
	t.Helper()
	now := time.Now()
	eventually(t, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.served.After(now) {
			return errors.New("nobody can book")
		}
		return nil
	})
	return time.Since(now)
}

// witnessed adds customers whose bookings, as they are now, are to be surveyed
// with the others.
func (l *load) witnessed(t testing.TB, accounts ...*account) {
	t.Helper()
	for _, a := range accounts {
		b := &buyer{p: l.p, a: a}
		for _, x := range wholeList[booking](t, l.p, bookings, "/bookings?limit=100", as(a)) {
			b.purchases = append(b.purchases, &purchase{ids: []string{x.ID}, refused: x.Status == "FAILED"})
		}
		l.buyers = append(l.buyers, b)
	}
}

// stop lets the customers go home.
func (l *load) stop() {
	select {
	case <-l.finish:
	default:
		close(l.finish)
	}
	l.done.Wait()
}

// end ends the load, waits until everything has settled, fails the test for
// each promise that is broken, and returns what is to be said of it.
func (l *load) end(t testing.TB) string {
	t.Helper()
	l.awaitEnough(t)
	l.stop()
	s := survey{p: l.p, event: l.event, buyers: l.buyers}
	s.settle(t)
	l.p.witness = nil
	violations := append(s.violations(), l.odd...)
	for _, v := range violations[:min(len(violations), 20)] {
		t.Error(v)
	}
	if len(violations) > 20 {
		t.Errorf("and %d more", len(violations)-20)
	}
	acknowledged := 0
	for _, b := range l.buyers {
		for _, c := range b.purchases {
			if c.confirmed {
				acknowledged++
			}
		}
	}
	// Without bookings, "lost = 0" would prove nothing.
	if acknowledged < 20 || l.tried < 100 {
		t.Errorf("%d requests, %d bookings acknowledged: that is no load", l.tried, acknowledged)
	}
	if !t.Failed() {
		s.control(t)
	}
	without := ""
	if l.mortal {
		without = fmt.Sprintf("%d without an answer, ", l.unanswered)
	}
	figures := fmt.Sprintf("%d requests tried, %d refused with 503, %s%d bookings acknowledged, %d mails, slowest answer %.1f s, lost = %d, duplicates = %d",
		l.tried, l.refused, without, acknowledged, len(s.mails), l.slowest.Seconds(), s.lost, s.duplicates)
	figures += s.others()
	return figures
}

// durations are for a line of figures.
type durations []time.Duration

func (d durations) String() string {
	least, most := slices.Min(d), slices.Max(d)
	return fmt.Sprintf("%.1f–%.1f s", least.Seconds(), most.Seconds())
}

// name is what a process calls itself in its files.
func (r *replica) name() string { return filepath.Base(r.output) }
