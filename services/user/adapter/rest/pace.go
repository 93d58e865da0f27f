package rest

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// How an address is slowed down that had its attempts: in each lane one attempt in
// pause, and no more than fit into longestWait wait for it.
const (
	pause       = time.Second
	longestWait = 10 * time.Second
)

// pace slows addresses down after so many attempts within a window: they may be those
// of many, and it locks none out.
type pace struct {
	most   int
	window time.Duration
	now    func() time.Time

	mu      sync.Mutex
	clients *simplelru.LRU[client, *paced]
}

// lane is a queue of an address: whoever guesses at few accounts, or names the same
// ones again and again, holds up nobody who names another one.
type lane int

const (
	unsuspected lane = iota // the account had no attempt from there that counted
	suspected
	lanes
)

type paced struct {
	attempts int              // those that count
	resets   time.Time        // when they are forgotten
	next     [lanes]time.Time // when the next attempt may begin, if it is slowed down
}

func newPace(most int, window time.Duration, now func() time.Time) *pace {
	clients, err := simplelru.NewLRU[client, *paced](remembered, nil)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &pace{most: most, window: window, now: now, clients: clients}
}

// of returns what is known of c. The caller holds mu.
func (p *pace) of(c client) *paced {
	e, ok := p.clients.Get(c)
	if !ok {
		e = &paced{}
		p.clients.Add(c, e)
	}
	if !p.now().Before(e.resets) {
		e.attempts = 0
	}
	return e
}

// count counts an attempt from c.
func (p *pace) count(c client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.of(c)
	if e.attempts == 0 {
		e.resets = p.now().Add(p.window)
	}
	e.attempts++
}

// reserve returns how long an attempt from c in lane l has to wait, or *errThrottled
// where too many wait.
func (p *pace) reserve(c client, l lane) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.of(c)
	if e.attempts < p.most {
		return 0, nil
	}
	now := p.now()
	wait := max(0, e.next[l].Sub(now))
	if wait > longestWait {
		return 0, &errThrottled{wait}
	}
	e.next[l] = now.Add(wait + pause)
	return wait, nil
}

// giveBack is for an attempt that is not made. Those who reserved after it wait
// on as they were told; the next to come waits less.
func (p *pace) giveBack(c client, l lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.of(c)
	e.next[l] = e.next[l].Add(-pause)
}

// wait waits for the time of an attempt from c in lane l. Its error is reserve's or ctx's.
func (p *pace) wait(ctx context.Context, c client, l lane) error {
	d, err := p.reserve(c, l)
	if err != nil || d == 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		p.giveBack(c, l)
		return ctx.Err()
	}
}
