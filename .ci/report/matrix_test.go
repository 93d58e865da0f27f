package main

import (
	"strings"
	"testing"
)

const storeDir = "services/event/adapter/sqlite"

// contractEvents is what a run of event's Store suite says, with more events
// put before its end.
func contractEvents(more ...event) []event {
	p := module + storeDir
	suite := module + "services/event/eventtest"
	events := []event{
		{Action: "run", Package: p, Test: "TestStoreContract"},
		{Action: "run", Package: p, Test: "TestStoreContract/one"},
		{Action: "pass", Package: p, Test: "TestStoreContract/one"},
		{Action: "run", Package: suite, Test: "TestSuitesCatchBrokenAdapters"},
		{Action: "run", Package: suite, Test: "TestSuitesCatchBrokenAdapters/forgets"},
		{Action: "pass", Package: suite, Test: "TestSuitesCatchBrokenAdapters/forgets"},
		{Action: "pass", Package: suite, Test: "TestSuitesCatchBrokenAdapters"},
	}
	return append(append(events, more...),
		event{Action: "pass", Package: p, Test: "TestStoreContract"}, event{Action: "pass", Package: p})
}

func TestMatrix(t *testing.T) {
	p := module + storeDir
	for _, c := range []struct {
		name   string
		events []event
		cell   string
		fails  string // part of the failures, or nothing
	}{
		{name: "counts_what_held", events: contractEvents(), cell: "ok 1"},
		{name: "misses_what_did_not_run", cell: "MISSING", fails: "contract event Store × sqlite"},
		{
			name: "fails_with_one_promise",
			events: contractEvents(event{Action: "run", Package: p, Test: "TestStoreContract/two"},
				event{Action: "fail", Package: p, Test: "TestStoreContract/two"}),
			cell: "FAILED", fails: "contract event Store × sqlite",
		},
		{
			name:   "does_not_take_a_skip",
			events: contractEvents(event{Action: "skip", Package: p, Test: "TestStoreContract/two"}),
			cell:   "SKIPPED", fails: "contract event Store × sqlite",
		},
		{
			name:   "does_not_take_an_empty_suite",
			events: []event{{Action: "pass", Package: p, Test: "TestStoreContract"}},
			cell:   "EMPTY", fails: "contract event Store × sqlite",
		},
		{
			name:   "knows_what_is_not_listed",
			events: contractEvents(event{Action: "pass", Package: p, Test: "TestOtherContract"}),
			cell:   "ok 1", fails: "TestOtherContract",
		},
		{
			name: "asks_for_broken_adapters", events: contractEvents()[:3],
			cell: "", fails: "contract suites of event",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			cells, err := readCells(strings.NewReader("# a comment\n\nevent Store sqlite # another\n"))
			if err != nil {
				t.Fatal(err)
			}
			tally := newTally()
			run := tally.newRun()
			for _, e := range c.events {
				run.add(e)
			}
			var out strings.Builder
			tally.matrix(&out, cells)
			if !strings.Contains(out.String(), c.cell) {
				t.Errorf("no cell %q in\n%s", c.cell, out.String())
			}
			failures := names(tally.list(failed))
			if c.fails == "" && failures != "" || !strings.Contains(failures, c.fails) {
				t.Errorf("failures %q, want %q", failures, c.fails)
			}
		})
	}
}

// A row shows where data lies in a column each, and what else there is in one.
func TestMatrixIsATable(t *testing.T) {
	cells, err := readCells(strings.NewReader("user Users postgres\nuser Mail smtp\nuser Mail folder\nuser Users sqlite\nevent Store mongo\n"))
	if err != nil {
		t.Fatal(err)
	}
	tally := newTally()
	run := tally.newRun()
	tally.servers = "mongo: FerretDB 1.24.0 stand-in"
	for _, c := range cells {
		run.add(event{Action: "pass", Package: c.test().pkg, Test: c.test().test + "/one"})
		run.add(event{Action: "pass", Package: c.test().pkg, Test: c.test().test})
	}
	test := cells[4].test()
	run.add(event{Action: "output", Package: test.pkg, Test: test.test + "/plan", Output: "    x_test.go:1: n/a (stand-in): why\n"})
	run.add(event{Action: "skip", Package: test.pkg, Test: test.test + "/plan"})
	var out strings.Builder
	tally.matrix(&out, cells)
	want := "  port         sqlite  postgres  mongo        other\n" +
		"  user Users   ok 1    ok 1      ·            ·\n" +
		"  user Mail    ·       ·         ·            smtp ok 1, folder ok 1\n" +
		"  event Store  ·       ·         ok 1, 1 n/a  ·\n"
	if !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestReadCells(t *testing.T) {
	cells, err := readCells(strings.NewReader("event Store sqlite\ninternal Broker inproc\nbooking Catalog eventapi services/standalone\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{storeDir, "services/internal/broker/inproc", "services/standalone"}
	for i, c := range cells {
		if c.dir != want[i] {
			t.Errorf("%s × %s is in %s, want %s", c.row(), c.adapter, c.dir, want[i])
		}
	}
	for _, bad := range []string{"event Store", "a b c d e", "event Store sqlite\nevent Store sqlite"} {
		if _, err := readCells(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
