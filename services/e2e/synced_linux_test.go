//go:build strace

package e2e

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whoever is told that they have booked has a booking that a power loss does not
// take back: between their request and its answer, what it changed was synced to
// the disk. A kill -9 would not show that, because the kernel keeps what was
// written; so the calls that sync are counted, and nothing that makes bookings
// faster may do it by leaving them out.
func TestStandaloneEveryBookingIsSynced(t *testing.T) {
	t.Parallel()
	s := newStandalone(t, t.TempDir(), options{})
	traced := filepath.Join(s.dir, "syncs.txt")
	// -D: the platform is our child and strace its, not the other way round.
	s.args = []string{"-D", "-f", "--seccomp-bpf", "-ttt", "-T", "-y", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", traced, s.path}
	s.path = findStrace(t)
	p, err := open(s)
	if p != nil {
		t.Cleanup(func() { p.end(t) })
	}
	if err != nil {
		t.Fatalf("under strace, which has to be allowed to trace its own child (ptrace): %v\n%s", err, s.said())
	}
	const alone, crowd, each = 20, 16, 5
	e := p.publish(t, p.register(t, organizer), draft(alone+crowd*each))
	customers := p.crowd(t, crowd)
	var mu sync.Mutex
	var one, many []span
	book := func(by *account, into *[]span) {
		began := time.Now()
		a, err := p.send(http.MethodPost, gateway, "/bookings", as(by), body(obj{"event_id": e.ID, "tickets": 1}))
		answered := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if err != nil || a.status != http.StatusCreated {
			t.Errorf("book: %+v, %v", a, err)
			return
		}
		*into = append(*into, span{began, answered})
	}
	for range alone {
		book(customers[0], &one)
	}
	var wg sync.WaitGroup
	for _, c := range customers {
		wg.Go(func() {
			for range each {
				book(c, &many)
			}
		})
	}
	wg.Wait()
	ended := regexp.MustCompile(fmt.Sprintf(`(?m)^%d +\d+\.\d+ \+\+\+ exited with 0 \+\+\+$`, s.cmd.Process.Pid))
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	all := map[string][]time.Time{}
	eventually(t, func() error { // strace ends after what it traces
		b, err := os.ReadFile(traced)
		if err != nil {
			return final{err}
		}
		if !ended.Match(b) {
			return errors.New("strace has not ended")
		}
		all, err = syncs(strings.NewReader(string(b)))
		return err
	})
	if t.Failed() {
		return
	}
	var figures []string
	for _, file := range syncedFor {
		for of, spans := range map[string][]span{"one customer": one, "many": many} {
			if n := unsynced(spans, all[file]); n > 0 {
				t.Errorf("%s: %d of %d bookings were acknowledged although nothing was synced to %s since they were asked for", of, n, len(spans), file)
			}
		}
		// One after the other they share no sync.
		first, last := one[0].began, one[len(one)-1].answered
		n := 0
		for _, at := range all[file] {
			if at.After(first) && at.Before(last) {
				n++
			}
		}
		if n < alone {
			t.Errorf("%d syncs of %s for %d bookings, one after the other", n, file, alone)
		}
		figures = append(figures, fmt.Sprintf("%.1f %s", float64(n)/alone, file))
	}
	t.Logf("syncs per booking, one after the other: %s", strings.Join(figures, ", "))
}

// syncedFor are the files that a booking changes before it is acknowledged: the
// logs of the databases.
var syncedFor = []string{"booking.db-wal", "event.db-wal", "sandbox.db-wal"}

// span is from a request to its answer.
type span struct{ began, answered time.Time }

// unsynced counts the spans in which there was no sync.
func unsynced(spans []span, syncs []time.Time) (n int) {
	for _, s := range spans {
		found := false
		for _, at := range syncs {
			found = found || at.After(s.began) && at.Before(s.answered)
		}
		if !found {
			n++
		}
	}
	return n
}

var (
	wholeCall   = regexp.MustCompile(`^(\d+) +(\d+\.\d+) f(?:data)?sync\(\d+<(.*)>\) += 0 <(\d+\.\d+)>$`)
	begunCall   = regexp.MustCompile(`^(\d+) +\d+\.\d+ f(?:data)?sync\(\d+<(.*)> <unfinished \.\.\.>$`)
	resumedCall = regexp.MustCompile(`^(\d+) +(\d+\.\d+) <\.\.\. f(?:data)?sync resumed>\) += 0 <`)
)

// syncs reads strace's output: when each file was synced, by its name. Those that
// failed are none.
func syncs(r io.Reader) (map[string][]time.Time, error) {
	found, begun := map[string][]time.Time{}, map[string]string{}
	add := func(path, at, took string) error {
		seconds, err := strconv.ParseFloat(at, 64)
		if err != nil {
			return err
		}
		d, err := strconv.ParseFloat(took, 64)
		name := filepath.Base(path)
		found[name] = append(found[name], time.UnixMicro(int64((seconds+d)*1e6)))
		return err
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		var err error
		if m := wholeCall.FindStringSubmatch(line); m != nil {
			err = add(m[3], m[2], m[4])
		} else if m := begunCall.FindStringSubmatch(line); m != nil {
			begun[m[1]] = m[2]
		} else if m := resumedCall.FindStringSubmatch(line); m != nil {
			err = add(begun[m[1]], m[2], "0")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	return found, lines.Err()
}

// The control: what was not synced, too early, too late or in vain is seen.
func TestStandaloneUnsyncedBookingsAreSeen(t *testing.T) {
	t.Parallel()
	found, err := syncs(strings.NewReader(`
7 1700000001.000000 fdatasync(9</data/booking.db-wal>) = 0 <0.002000>
7 1700000002.000000 fdatasync(9</data/booking.db-wal> <unfinished ...>
8 1700000002.100000 fsync(4</data/event.db-wal>) = -1 EIO (Input/output error) <0.002000>
7 1700000002.500000 <... fdatasync resumed>) = 0 <0.500000>
8 1700000003.000000 fsync(4</data/event.db-wal>) = 0 <0.900000>
7 1700000009.000000 +++ exited with 0 +++
`))
	if err != nil {
		t.Fatal(err)
	}
	at := func(seconds float64) time.Time { return time.UnixMicro(int64((1_700_000_000 + seconds) * 1e6)) }
	for _, c := range []struct {
		file        string
		began, till float64
		synced      bool
	}{
		{"booking.db-wal", 0.9, 1.1, true},
		{"booking.db-wal", 0.9, 1.001, false}, // answered before it was done
		{"booking.db-wal", 1.1, 2.4, false},
		{"booking.db-wal", 2.2, 2.6, true},
		{"booking.db-wal", 2.6, 9, false},
		{"event.db-wal", 2, 3.5, false}, // one failed, one was not done
		{"event.db-wal", 2, 4, true},
		{"sandbox.db-wal", 0, 9, false},
	} {
		if n := unsynced([]span{{at(c.began), at(c.till)}}, found[c.file]); (n == 0) != c.synced {
			t.Errorf("%s from %.1f to %.1f: synced is %t", c.file, c.began, c.till, n == 0)
		}
	}
}

func findStrace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath(cmp.Or(os.Getenv("TEST_STRACE"), "strace"))
	if err != nil {
		t.Fatalf("there is no strace, which sees what is synced to disk: TEST_STRACE=$(.ci/strace) finds or installs one (%v)", err)
	}
	return path
}
