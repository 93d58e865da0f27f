package rest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
)

// errBusy says that too many wait for a hash. Whoever is told so is one of those
// who wait most.
var errBusy = errors.New("too many passwords are being hashed")

// maxWaiting is how many wait for a hash at once: some seconds' work.
const maxWaiting = 400

// busyRetry is when somebody who was told errBusy may come again.
const busyRetry = 5 * time.Second

// line lets some work at a time. The others wait, and take turns by client, and
// those of one client by account: whoever comes in hundreds makes others wait for
// one of them, not for all. Where too many wait, the newest of the client with
// most is sent away.
type line struct {
	atOnce, most int

	mu               sync.Mutex
	working, waiting int
	order            []client // whose turn it is, of those that wait
	clients          map[client]*clientLine
}

type clientLine struct {
	waiting  int
	order    []user.TokenHash
	accounts map[user.TokenHash][]*turn
}

type turn struct {
	of      attempt
	refused bool
	ready   chan struct{} // closed when it may work, or is refused
}

func newLine(atOnce, most int) *line {
	return &line{atOnce: atOnce, most: most, clients: map[client]*clientLine{}}
}

// enter waits for the turn of a, and returns how to end it, once. It returns
// errBusy, or ctx's error.
func (l *line) enter(ctx context.Context, a attempt) (leave func(), err error) {
	l.mu.Lock()
	if l.working < l.atOnce {
		l.working++
		l.mu.Unlock()
		return l.leave, nil
	}
	t := &turn{of: a, ready: make(chan struct{})}
	l.add(t)
	if l.waiting > l.most {
		victim := l.newestOfMost()
		l.remove(victim)
		victim.refused = true
		close(victim.ready)
	}
	l.mu.Unlock()
	select {
	case <-t.ready:
	case <-ctx.Done():
		l.mu.Lock()
		removed := l.remove(t)
		l.mu.Unlock()
		if !removed && !t.refused {
			l.leave() // its turn came at the same moment
		}
		return nil, ctx.Err()
	}
	if t.refused {
		return nil, errBusy
	}
	return l.leave, nil
}

// leave hands the place over to whose turn it is.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 {
		l.working--
		return
	}
	c := l.clients[l.order[0]]
	t := c.accounts[c.order[0]][0]
	// Behind all others, if more of them wait.
	l.order = append(l.order[1:], l.order[0])
	c.order = append(c.order[1:], c.order[0])
	l.remove(t)
	close(t.ready)
}

func (l *line) add(t *turn) {
	c := l.clients[t.of.client]
	if c == nil {
		c = &clientLine{accounts: map[user.TokenHash][]*turn{}}
		l.clients[t.of.client] = c
		l.order = append(l.order, t.of.client)
	}
	if len(c.accounts[t.of.account]) == 0 {
		c.order = append(c.order, t.of.account)
	}
	c.accounts[t.of.account] = append(c.accounts[t.of.account], t)
	c.waiting++
	l.waiting++
}

// remove reports whether t was waiting.
func (l *line) remove(t *turn) bool {
	c := l.clients[t.of.client]
	if c == nil {
		return false
	}
	i := slices.Index(c.accounts[t.of.account], t)
	if i < 0 {
		return false
	}
	l.waiting--
	c.waiting--
	c.accounts[t.of.account] = slices.Delete(c.accounts[t.of.account], i, i+1)
	if len(c.accounts[t.of.account]) == 0 {
		delete(c.accounts, t.of.account)
		c.order = slices.DeleteFunc(c.order, func(a user.TokenHash) bool { return a == t.of.account })
	}
	if c.waiting == 0 {
		delete(l.clients, t.of.client)
		l.order = slices.DeleteFunc(l.order, func(of client) bool { return of == t.of.client })
	}
	return true
}

// newestOfMost returns the newest of the account with most, of the client with
// most.
func (l *line) newestOfMost() *turn {
	var most *clientLine
	for _, of := range l.order {
		if c := l.clients[of]; most == nil || c.waiting >= most.waiting {
			most = c
		}
	}
	var turns []*turn
	for _, account := range most.order {
		if ts := most.accounts[account]; len(ts) >= len(turns) {
			turns = ts
		}
	}
	return turns[len(turns)-1]
}
