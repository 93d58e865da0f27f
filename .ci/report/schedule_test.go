package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// runParts runs parts to their end.
func runParts(t *testing.T, ctx context.Context, out io.Writer, parts ...*part) *schedule {
	t.Helper()
	s := &schedule{runner: newRunner(ctx, t.TempDir(), out), parts: parts}
	s.run()
	return s
}

// meet returns a part that ends when n such parts are running.
func meet(name string, l lane, n int32, running *atomic.Int32, all chan struct{}) *part {
	return &part{name: name, lane: l, run: func(*runner) error {
		if running.Add(1) == n {
			close(all)
		}
		select {
		case <-all:
			return nil
		case <-time.After(time.Minute):
			return errors.New("it runs alone")
		}
	}}
}

func TestPartsOfDifferentLanesRunSideBySide(t *testing.T) {
	var running atomic.Int32
	all := make(chan struct{})
	s := runParts(t, t.Context(), io.Discard, meet("a", computing, 2, &running, all), meet("b", waiting, 2, &running, all))
	if got := names(s.tally.list(failed)); got != "" {
		t.Errorf("failed: %s", got)
	}
}

func TestALaneIsNoWiderThanItsWidth(t *testing.T) {
	var running, most atomic.Int32
	count := func(*runner) error {
		most.Store(max(most.Load(), running.Add(1)))
		running.Add(-1)
		return nil
	}
	runParts(t, t.Context(), io.Discard, &part{name: "a", run: count}, &part{name: "b", run: count}, &part{name: "c", run: count})
	if got := most.Load(); got != 1 {
		t.Errorf("%d computing parts at a time, want 1", got)
	}
}

func TestAPartStartsWhenThoseBeforeItHaveEnded(t *testing.T) {
	var order []string // one part at a time, by "after" alone
	note := func(name string, after ...string) *part {
		return &part{name: name, lane: waiting, after: after, run: func(*runner) error {
			order = append(order, name)
			return errors.New("a failure stops nobody")
		}}
	}
	runParts(t, t.Context(), io.Discard, note("c", "b", "not in this run"), note("b", "a"), note("a"))
	if got := strings.Join(order, ""); got != "abc" {
		t.Errorf("order %q, want abc", got)
	}
}

func TestAPartThatCannotRunHasFailed(t *testing.T) {
	s := runParts(t, t.Context(), io.Discard,
		&part{name: "missing", run: func(r *runner) error { return r.run(r.root, nil, filepath.Join(r.root, "missing")) }},
		&part{name: "nowhere", run: func(r *runner) error { return r.goTest(filepath.Join(r.root, "nowhere"), nil, ".") }})
	if got := names(s.tally.list(failed)); got != "missing, nowhere" {
		t.Errorf("failed: %q", got)
	}
	if s.close() {
		t.Error("the run counts as good")
	}
}

func TestNoPartStartsAfterTheEndOfTheRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := runParts(t, ctx, io.Discard, &part{name: "late", run: func(*runner) error { t.Error("it started"); return nil }})
	if got := names(s.tally.list(failed)); got != "late" {
		t.Errorf("failed: %q", got)
	}
}

func TestTheTableHasEveryPartAndItsProcessorTime(t *testing.T) {
	var out bytes.Buffer
	s := runParts(t, t.Context(), io.Discard,
		&part{name: "busy", run: func(r *runner) error {
			return r.run(r.root, nil, "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done")
		}},
		&part{name: "idle", run: func(*runner) error { return nil }})
	if got := s.parts[0].cpu; got <= 0 {
		t.Errorf("the busy part took %v of processor time", got)
	}
	if got := s.parts[1].cpu; got != 0 {
		t.Errorf("the idle part took %v of processor time", got)
	}
	s.table(&out)
	for _, want := range []string{"busy", "idle", "all"} {
		if !strings.Contains(out.String(), "\n  "+want) {
			t.Errorf("the table has no line %q:\n%s", want, &out)
		}
	}
}

func TestTheSlowestTestsAreTopLevelAndInOrder(t *testing.T) {
	tally := newTally()
	run := tally.newRun()
	for test, seconds := range map[string]float64{"TestA": 3, "TestA/x": 9, "TestB": 5, "TestC": 1} {
		run.add(event{Action: "run", Package: "p", Test: test})
		run.add(event{Action: "pass", Package: "p", Test: test, Elapsed: seconds})
	}
	var out strings.Builder
	tally.slowest(&out, 2)
	if want := "\nThe 2 slowest tests:\n  5.0 s  p TestB\n  3.0 s  p TestA\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestLinesOfPartsAreNotMixed(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out}
	a, b := &pane{screen: s, prefix: "a "}, &pane{screen: s, prefix: "b "}
	for _, w := range []struct {
		pane *pane
		text string
	}{{a, "one\ntw"}, {b, "three\n"}, {a, "o\n\n"}, {b, "four"}} {
		if _, err := io.WriteString(w.pane, w.text); err != nil {
			t.Fatal(err)
		}
	}
	if want := "a one\nb three\na two\na \n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestEveryCommandHasParts(t *testing.T) {
	t.Setenv(longEnv, "") // "long" sets it
	for command := range strings.SplitSeq(commands, "|") {
		parts, err := partsOf(command, workspace{})
		if err != nil || len(parts) == 0 {
			t.Errorf("%s: %d parts, %v", command, len(parts), err)
		}
	}
	renamed := workspace{tests: []function{{pkg: e2eDir, name: "TestProcessesRenamed"}}}
	if _, err := partsOf("all", renamed); err == nil || !strings.Contains(err.Error(), "TestScenario") {
		t.Errorf("a test of the ordinary tier is gone, and the error is %v", err)
	}
	if _, err := partsOf("nonsense", workspace{}); err == nil {
		t.Error("nonsense is a command")
	}
}
