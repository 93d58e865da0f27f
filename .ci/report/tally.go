package main

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// event is one line of `go test -json`; see `go doc test2json` and
// `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of the package that does not build
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// outcome orders what became of a test from best to worst: a test that ran
// twice is worth its worst run.
type outcome int

const (
	passed  outcome = iota
	standIn         // skipped, because a stand-in cannot show it: n/a (stand-in)
	skipped
	failed
)

// id names a test. Without a test it is the package itself, or a part of the
// run (lint, say) that has no tests.
type id struct{ pkg, test string }

func (i id) String() string {
	if i.test == "" {
		return i.pkg
	}
	return i.pkg + " " + i.test
}

// tally gathers what really ran from events, over any number of runs. Parts that
// run side by side add to it; it is read when all have ended.
type tally struct {
	mu      sync.Mutex
	took    map[id]time.Duration // top-level tests, the slowest run of each
	done    map[id]outcome
	reasons map[id]string // why something failed, where no test says it, or is n/a
	logs    map[id]string // an excerpt of what failed tests logged
	servers servers
}

// testRun is one run of go test. Two runs at a time may have the same package, so
// each knows which of its own tests have begun.
type testRun struct {
	*tally

	open   map[id]int      // tests begun and not yet ended
	output map[id]string   // of open tests
	blamed map[string]bool // packages of which a test has failed
}

func (t *tally) newRun() *testRun {
	return &testRun{tally: t, open: map[id]int{}, output: map[id]string{}, blamed: map[string]bool{}}
}

func newTally() *tally {
	return &tally{took: map[id]time.Duration{}, done: map[id]outcome{}, reasons: map[id]string{}, logs: map[id]string{}}
}

// add takes in an event of the run.
func (t *testRun) add(e event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	test := id{e.Package, e.Test}
	switch e.Action {
	case "run":
		t.open[test]++
	case "output":
		if !framing(e.Output) {
			t.output[test] += e.Output
		}
	case "pass", "skip", "fail":
		if e.Test == "" {
			t.endPackage(e)
			return
		}
		if !strings.Contains(e.Test, "/") {
			t.took[test] = max(t.took[test], time.Duration(e.Elapsed*float64(time.Second)))
		}
		t.open[test]--
		o := map[string]outcome{"pass": passed, "skip": skipped, "fail": failed}[e.Action]
		if why, ok := strings.CutPrefix(lastMessage(t.output[test]), "n/a (stand-in)"); ok && o == skipped {
			why = strings.TrimLeft(why, ": ")
			if t.servers.standIn(e.Package) {
				o = standIn
			} else {
				why = "n/a (stand-in), but no stand-in serves: " + why
			}
			t.reasons[test] = why
		}
		if o == failed {
			t.logs[test] = excerpt(logged(t.output[test]))
		}
		delete(t.output, test)
		t.blamed[e.Package] = t.blamed[e.Package] || o == failed
		t.end(test, o)
	}
}

// logLine is what Log and Skip print of a test.
var logLine = regexp.MustCompile(`(?m)^\s*[\w.-]+\.go:\d+: (.*)`)

// lastMessage returns the first line of the last message in a test's output.
func lastMessage(output string) string {
	messages := logLine.FindAllStringSubmatch(output, -1)
	if len(messages) == 0 {
		return ""
	}
	return messages[len(messages)-1][1]
}

// excerpt returns the first five and the last three lines of a text, each cut off
// at 300 bytes.
func excerpt(text string) string {
	const first, last = 5, 3
	lines := slices.Collect(strings.Lines(text))
	if n := len(lines); n > first+last {
		lines = slices.Concat(lines[:first], lines[n-last:])
	}
	for i, line := range lines {
		if len(line) > 300 {
			lines[i] = strings.ToValidUTF8(line[:300], "") + " …\n"
		}
	}
	return strings.Join(lines, "")
}

func (t *tally) end(test id, o outcome) { t.done[test] = max(t.done[test], o) }

// endPackage fails the tests that a crash or a time limit left without an end,
// and the package itself when it failed without any of its tests: it does not
// build, or its TestMain gave up. That a package has no tests is no skip.
func (t *testRun) endPackage(e event) {
	for test, n := range t.open {
		if test.pkg == e.Package && n > 0 {
			t.end(test, failed)
			t.reasons[test] = "began and never ended"
			t.open[test] = 0
			t.blamed[e.Package] = true
		}
	}
	if e.Action == "fail" && !t.blamed[e.Package] {
		reason := "failed outside of its tests"
		if e.FailedBuild != "" {
			reason = "does not build"
		}
		t.failing(id{pkg: e.Package}, reason)
	}
}

// fail records the failure of something that is no test.
func (t *tally) fail(what id, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failing(what, reason)
}

// failing is fail for those who have locked t.
func (t *tally) failing(what id, reason string) {
	t.end(what, failed)
	t.reasons[what] = reason
}

// serve records which servers the tests run against.
func (t *tally) serve(s servers) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.servers = s
}

// serving returns the servers the tests run against, or "" if there are none.
func (t *tally) serving() servers {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.servers
}

// leaves returns the tests that count, with what became of them: those without
// subtests, and a parent that is worse than all of its subtests.
func (t *tally) leaves() map[id]outcome {
	below := map[id]outcome{} // the worst of the subtests
	for test, o := range t.done {
		for parent, ok := up(test); ok; parent, ok = up(parent) {
			worst, seen := below[parent]
			if !seen || o > worst {
				below[parent] = o
			}
		}
	}
	counted := map[id]outcome{}
	for test, o := range t.done {
		if worst, parent := below[test]; !parent || o > worst {
			counted[test] = o
		}
	}
	return counted
}

func up(test id) (id, bool) {
	i := strings.LastIndexByte(test.test, '/')
	if i < 0 {
		return id{}, false
	}
	return id{test.pkg, test.test[:i]}, true
}

// within counts the leaves of one outcome below a test, itself included.
func (t *tally) within(root id, o outcome) int {
	n := 0
	for test, got := range t.leaves() {
		if got == o && test.pkg == root.pkg && (test.test == root.test || strings.HasPrefix(test.test, root.test+"/")) {
			n++
		}
	}
	return n
}

// list returns the leaves of one outcome in order.
func (t *tally) list(o outcome) []id {
	var list []id
	for test, got := range t.leaves() {
		if got == o {
			list = append(list, test)
		}
	}
	slices.SortFunc(list, func(a, b id) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.test, b.test))
	})
	return list
}
