package rest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/user"
)

func from(address string) client { return netip.MustParsePrefix(address + "/32") }

var (
	school = from("203.0.113.1")
	home   = from("203.0.113.2")
	office = from("203.0.113.3")
)

// queue puts attempts into a line, one after another, and notes whose turn comes.
type queue struct {
	t    *testing.T
	line *line
	wg   sync.WaitGroup

	mu     sync.Mutex
	served []string
	busy   []string
}

// wait lets name wait, and returns when it does, or was sent away for it.
func (q *queue) wait(ctx context.Context, name string, a attempt) {
	q.t.Helper()
	entered := q.seen()
	q.wg.Go(func() {
		leave, err := q.line.enter(ctx, a)
		q.mu.Lock()
		switch {
		case errors.Is(err, errBusy):
			q.busy = append(q.busy, name)
		case err == nil:
			q.served = append(q.served, name)
		}
		q.mu.Unlock()
		if err == nil {
			leave()
		}
	})
	q.until(func() bool { return q.seen() > entered })
}

// seen is how many wait or were sent away.
func (q *queue) seen() int {
	q.line.mu.Lock()
	defer q.line.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.waiting + len(q.busy)
}

func (q *queue) until(done func() bool) {
	q.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			q.t.Fatal("it takes more than a minute")
		}
	}
}

// Whoever comes in hundreds makes others wait for one of them; and of those at
// one address, too, one account does not keep the others waiting.
func TestTheLineTakesTurns(t *testing.T) {
	t.Parallel()
	q := &queue{t: t, line: newLine(1, 100)}
	leave, err := q.line.enter(t.Context(), attemptOf(office, "first"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		q.wait(t.Context(), fmt.Sprint("school a", i), attemptOf(school, "a"))
	}
	q.wait(t.Context(), "school b", attemptOf(school, "b"))
	q.wait(t.Context(), "home", attemptOf(home, "c"))
	q.wait(t.Context(), "office", attemptOf(office, "d"))
	leave()
	q.wg.Wait()
	if d := cmp.Diff([]string{"school a0", "home", "office", "school b", "school a1", "school a2"}, q.served); d != "" {
		t.Errorf("the order (-want +got):\n%s", d)
	}
	if q.line.working != 0 || len(q.line.clients)+len(q.line.order) != 0 {
		t.Errorf("at the end %d work and %d clients are remembered", q.line.working, len(q.line.clients))
	}
}

// Where too many wait, one of those who wait most is told so at once.
func TestAFullLineSendsTheNewestOfMostAway(t *testing.T) {
	t.Parallel()
	q := &queue{t: t, line: newLine(1, 3)}
	leave, err := q.line.enter(t.Context(), attemptOf(office, "first"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		q.wait(t.Context(), fmt.Sprint("school ", i), attemptOf(school, "a"))
	}
	q.wait(t.Context(), "home", attemptOf(home, "c"))
	q.until(func() bool { q.mu.Lock(); defer q.mu.Unlock(); return len(q.busy) == 1 })
	q.wait(t.Context(), "school 3", attemptOf(school, "a"))
	q.until(func() bool { q.mu.Lock(); defer q.mu.Unlock(); return len(q.busy) == 2 })
	if want := []string{"school 2", "school 3"}; !slices.Equal(q.busy, want) {
		t.Errorf("sent away: %q, want %q", q.busy, want)
	}
	leave()
	q.wg.Wait()
	if want := []string{"school 0", "home", "school 1"}; !slices.Equal(q.served, want) {
		t.Errorf("served: %q, want %q", q.served, want)
	}
}

func TestWhoGivesUpLeavesTheLine(t *testing.T) {
	t.Parallel()
	q := &queue{t: t, line: newLine(1, 3)}
	leave, err := q.line.enter(t.Context(), attemptOf(office, "first"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	q.wait(ctx, "impatient", attemptOf(school, "a"))
	cancel()
	q.until(func() bool { return q.seen() == 0 })
	q.wait(t.Context(), "home", attemptOf(home, "c"))
	leave()
	q.wg.Wait()
	if want := []string{"home"}; !slices.Equal(q.served, want) {
		t.Errorf("served: %q, want %q", q.served, want)
	}
}

// clock is a clock to set.
type clock struct{ now time.Time }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

func handlersAt(c *clock) *handlers {
	return newHandlers(Options{AtOnce: 1, Now: func() time.Time { return c.now }})
}

func fails() error    { return user.ErrInvalidGrant }
func succeeds() error { return nil }

// An address with many wrong passwords is given one attempt a second, and few
// wait for it.
func TestAnAddressWithManyWrongPasswordsIsSlowedDown(t *testing.T) {
	t.Parallel()
	c := &clock{time.Now()}
	h := handlersAt(c)
	for i := range FailuresPerAddress {
		if d, err := h.pace.reserve(school, unsuspected); d != 0 || err != nil {
			t.Fatalf("after %d wrong passwords: wait %v, %v", i, d, err)
		}
		if err := h.login(t.Context(), school, fmt.Sprint("account ", i), fails); !errors.Is(err, user.ErrInvalidGrant) {
			t.Fatal(err)
		}
	}
	for want := time.Duration(0); want <= longestWait; want += pause {
		if d, err := h.pace.reserve(school, unsuspected); d != want || err != nil {
			t.Errorf("wait %v, %v, want %v", d, err, want)
		}
	}
	var throttled *errThrottled
	if _, err := h.pace.reserve(school, unsuspected); !errors.As(err, &throttled) || throttled.wait != longestWait+pause {
		t.Errorf("one more: %v, want to be sent away for %v", err, longestWait+pause)
	}
	if d, err := h.pace.reserve(home, unsuspected); d != 0 || err != nil {
		t.Errorf("another address: wait %v, %v", d, err)
	}
	c.pass(FailureWindow)
	if d, err := h.pace.reserve(school, unsuspected); d != 0 || err != nil {
		t.Errorf("later: wait %v, %v", d, err)
	}
}

// Attempts that are refused anyway, and those that are given up, take no time from
// the others at their address.
func TestAttemptsThatAreNotMadeSlowNobodyDown(t *testing.T) {
	t.Parallel()
	h := handlersAt(&clock{time.Now()})
	for i := range FailuresPerAddress {
		_ = h.login(t.Context(), school, fmt.Sprint("account ", i/FailuresPerAccount), fails)
	}
	if d, err := h.pace.reserve(school, unsuspected); d != 0 || err != nil {
		t.Fatalf("the first: wait %v, %v", d, err)
	}
	var throttled *errThrottled
	for range 100 {
		if err := h.login(t.Context(), school, "account 0", fails); !errors.As(err, &throttled) {
			t.Fatalf("a locked account: %v, want to be sent away", err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if err := h.login(gone, school, "bob", fails); !errors.Is(err, context.Canceled) {
			t.Fatalf("a client that is gone: %v, want its context's error", err)
		}
	}
	if d, err := h.pace.reserve(school, unsuspected); d != pause || err != nil {
		t.Errorf("the second: wait %v, %v, want %v", d, err, pause)
	}
}

// Whoever has logged in from an address before does not wait for those who guess
// there.
func TestWhoIsKnownAtAnAddressIsNotSlowedDown(t *testing.T) {
	t.Parallel()
	h := handlersAt(&clock{time.Now()})
	if err := h.login(t.Context(), school, "ada", succeeds); err != nil {
		t.Fatal(err)
	}
	for i := range FailuresPerAddress {
		_ = h.login(t.Context(), school, fmt.Sprint("account ", i), fails)
	}
	full(h.pace, school, unsuspected)
	if err := h.login(t.Context(), school, "ada", succeeds); err != nil {
		t.Errorf("known there: %v", err)
	}
	var throttled *errThrottled
	if err := h.login(t.Context(), school, "bob", succeeds); !errors.As(err, &throttled) {
		t.Errorf("not known there: %v, want to be sent away for a while", err)
	}
	if err := h.login(t.Context(), home, "bob", succeeds); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
}

// Whoever guesses at one account from a slowed down address holds up nobody who
// logs in to another one there.
func TestGuessesAtFewAccountsHoldUpNoOther(t *testing.T) {
	t.Parallel()
	h := handlersAt(&clock{time.Now()})
	for i := range FailuresPerAddress {
		_ = h.login(t.Context(), school, fmt.Sprint("account ", i), fails)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var throttled *errThrottled
	full(h.pace, school, suspected)
	if err := h.login(gone, school, "account 1", fails); !errors.As(err, &throttled) {
		t.Errorf("an account with a wrong password: %v, want to be sent away", err)
	}
	if err := h.login(t.Context(), school, "bob", succeeds); err != nil {
		t.Errorf("another account: %v", err)
	}
}

// full takes all places of a lane.
func full(p *pace, c client, l lane) {
	for {
		if _, err := p.reserve(c, l); err != nil {
			return
		}
	}
}

// Of requests that anybody may make an address makes so many, and then one a second. Whoever
// names the same account again and again holds up no other, and whoever names others
// without end nobody who is known there.
func TestAFlowIsSlowedDownByAddress(t *testing.T) {
	t.Parallel()
	c := &clock{time.Now()}
	const most = 3
	f := newFlow(most, time.Minute, func() time.Time { return c.now })
	enter := func(at client, account string, known bool) error {
		t.Helper()
		return f.enter(t.Context(), attemptOf(at, account), known)
	}
	away := func(what string, err error, want bool) {
		t.Helper()
		var throttled *errThrottled
		if errors.As(err, &throttled) != want || err != nil && !want {
			t.Errorf("%s: %v; sent away should be %t", what, err, want)
		}
	}
	for range most {
		away("one of the first", enter(school, "a", false), false)
	}
	full(f.pace, school, suspected)
	away("the same account", enter(school, "a", false), true)
	away("another one", enter(school, "b", false), false)
	full(f.pace, school, unsuspected)
	away("one that nobody named", enter(school, "c", false), true)
	away("one that is known there", enter(school, "d", true), false)
	away("that again", enter(school, "d", true), true)
	away("another address", enter(home, "a", false), false)
	c.pass(time.Minute)
	away("later", enter(school, "a", false), false)
}

// An account logs in so often and no more, wherever from: each login costs a hash.
func TestLoginsOfAnAccountAreThrottled(t *testing.T) {
	t.Parallel()
	c := &clock{time.Now()}
	h := handlersAt(c)
	for i := range LoginsPerAccount {
		if err := h.login(t.Context(), []client{school, home}[i%2], "ada", succeeds); err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
	}
	tried := false
	var throttled *errThrottled
	if err := h.login(t.Context(), office, "ada", func() error { tried = true; return nil }); !errors.As(err, &throttled) || tried {
		t.Errorf("one more: %v, and tried %v, want to be sent away", err, tried)
	}
	if err := h.login(t.Context(), school, "bob", succeeds); err != nil {
		t.Errorf("another account: %v", err)
	}
	c.pass(FailureWindow)
	if err := h.login(t.Context(), home, "ada", succeeds); err != nil {
		t.Errorf("later: %v", err)
	}
}
