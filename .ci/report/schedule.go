package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// part is one part of a run.
type part struct {
	name string
	// after names the parts that must have ended before this one starts. Names
	// that are not in the run are ignored.
	after []string
	lane  lane
	run   func(r *runner) error

	took time.Duration
	cpu  time.Duration // of its processes; not of servers in containers
	err  error
}

// lane says what a part spends its time on. Parts of different lanes run side by
// side, so that the processors have work while the end-to-end tests wait.
type lane int

const (
	// computing parts keep every processor busy: one at a time.
	computing lane = iota
	// serving parts wait for database servers about half of their time.
	serving
	// waiting parts mostly wait for timers, outages and other processes.
	waiting
)

// widths are how many parts of a lane run at a time.
var widths = map[lane]int{computing: 1, serving: 1, waiting: 2}

// schedule runs parts as soon as their lane and the parts before them allow, in
// the order of the list.
type schedule struct {
	*runner

	parts  []*part
	took   time.Duration
	before machine
	after  machine
}

// run runs every part, and returns when all have ended.
func (s *schedule) run() {
	began := time.Now()
	s.before = readMachine()
	ended := make(chan *part)
	running := map[lane]int{}
	started, done := map[*part]bool{}, map[string]bool{}
	ready := func(p *part) bool {
		return !started[p] && running[p.lane] < widths[p.lane] && !slices.ContainsFunc(p.after, func(name string) bool {
			return !done[name] && slices.ContainsFunc(s.parts, func(other *part) bool { return other.name == name })
		})
	}
	for len(done) < len(s.parts) {
		for _, p := range s.parts {
			if ready(p) {
				started[p] = true
				running[p.lane]++
				go func() {
					s.one(p)
					ended <- p
				}()
			}
		}
		p := <-ended
		running[p.lane]--
		done[p.name] = true
	}
	s.took, s.after = time.Since(began), readMachine()
}

// one runs a part and records its failure under its name.
func (s *schedule) one(p *part) {
	r := s.forPart(p.name)
	fmt.Fprintln(r.out, "== starts")
	began := time.Now()
	if p.err = r.ctx.Err(); p.err == nil {
		p.err = p.run(r)
	}
	p.took, p.cpu = time.Since(began), r.cpu.total()
	if p.err != nil {
		r.tally.fail(id{pkg: p.name}, p.err.Error())
		fmt.Fprintf(r.out, "FAILED  %s: %v\n", p.name, p.err)
	}
	fmt.Fprintf(r.out, "== took %s, %.0f CPU-seconds\n", p.took.Round(time.Second), p.cpu.Seconds())
}

// table prints how long each part took.
func (s *schedule) table(w io.Writer) {
	fmt.Fprintln(w, "\nParts, side by side where they can be:")
	lines := [][]string{{"part", "took", "CPU-seconds"}}
	all := time.Duration(0)
	for _, p := range s.parts {
		lines = append(lines, []string{p.name, p.took.Round(time.Second).String(), fmt.Sprintf("%.0f", p.cpu.Seconds())})
		all += p.cpu
	}
	lines = append(lines, []string{"all", s.took.Round(time.Second).String(), fmt.Sprintf("%.0f", all.Seconds())})
	writeTable(w, lines)
	if busy, ok := s.after.busySince(s.before); ok {
		fmt.Fprintf(w, "  The machine's %d processors were busy for %.0f CPU-seconds of %.0f: servers in containers and other work are in that figure.\n",
			runtime.NumCPU(), busy.Seconds(), s.took.Seconds()*float64(runtime.NumCPU()))
	}
}

// slowest prints the top-level tests that took longest.
func (t *tally) slowest(w io.Writer, n int) {
	tests := make([]id, 0, len(t.took))
	for test := range t.took {
		tests = append(tests, test)
	}
	slices.SortFunc(tests, func(a, b id) int { return int(t.took[b]/time.Millisecond) - int(t.took[a]/time.Millisecond) })
	if len(tests) == 0 {
		return
	}
	n = min(n, len(tests))
	fmt.Fprintf(w, "\nThe %d slowest tests:\n", n)
	lines := [][]string{}
	for _, test := range tests[:n] {
		lines = append(lines, []string{strconv.FormatFloat(t.took[test].Seconds(), 'f', 1, 64) + " s", strings.TrimPrefix(test.String(), module)})
	}
	writeTable(w, lines)
}
