package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// module is what the import path of every package of ours begins with.
const module = "github.com/openboxoffice/boxoffice/"

// cell is a promise of contracts.txt: this adapter passes the suite of this
// port.
type cell struct {
	service, port, adapter string
	dir                    string // of the package that holds the test
}

func (c cell) row() string { return c.service + " " + c.port }

func (c cell) test() id { return id{module + c.dir, "Test" + c.port + "Contract"} }

// group is where the port's suite is proved on broken adapters: the service,
// or the shared package.
func (c cell) group() string {
	if c.service == "internal" {
		return path.Dir(c.dir)
	}
	return "services/" + c.service
}

// readCells reads contracts.txt.
func readCells(r io.Reader) ([]cell, error) {
	var cells []cell
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			return cells, lines.Err()
		}
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		switch len(words) {
		case 0:
			continue
		case 3, 4:
		default:
			return nil, fmt.Errorf("contracts.txt: %q is not: service port adapter [directory]", text)
		}
		c := cell{service: words[0], port: words[1], adapter: words[2]}
		switch {
		case len(words) == 4:
			c.dir = words[3]
		case c.service == "internal":
			c.dir = path.Join("services/internal", strings.ToLower(c.port), c.adapter)
		default:
			c.dir = path.Join(c.group(), "adapter", c.adapter)
		}
		if slices.ContainsFunc(cells, func(other cell) bool { return other == c }) {
			return nil, fmt.Errorf("contracts.txt: %q stands there twice", strings.TrimSpace(text))
		}
		cells = append(cells, c)
	}
}

var (
	contractTest = regexp.MustCompile(`^Test[A-Z]\w*Contract$`)
	// brokenTest names the tests that run a suite on broken adapters, each in
	// a subtest of its own: TestStoreSuiteCatches…, TestBrokenBrokersAreCaught.
	brokenTest = regexp.MustCompile(`^Test(\w*Suites?Catch|Broken\w+AreCaught)`)
)

// state says what became of a cell, in a word for the matrix, and whether that
// is what was promised.
func (t *tally) state(c cell) (string, bool) {
	o, ran := t.done[c.test()]
	pass := t.within(c.test(), passed)
	_, parent := t.leaves()[c.test()]
	switch {
	case !ran:
		return "MISSING", false
	case o == failed || t.within(c.test(), failed) > 0:
		return "FAILED", false
	case t.within(c.test(), skipped) > 0:
		return "SKIPPED", false
	case parent:
		return "EMPTY", false // it passed, but has no subtests
	}
	if n := t.within(c.test(), standIn); n > 0 {
		return fmt.Sprintf("ok %d, %d n/a", pass, n), true
	}
	return fmt.Sprintf("ok %d", pass), true
}

// stores are the adapters that have a column of their own: where data lies.
// The others of a port stand together in the last.
var stores = []string{"sqlite", "postgres", "mongo"}

// matrix prints port × adapter as it really ran, and fails what contracts.txt
// promises and the run does not show, and what the run shows and contracts.txt
// does not know.
func (t *tally) matrix(w io.Writer, cells []cell) {
	rows := []string{}
	states := map[[2]string][]string{} // by row and column
	for _, c := range cells {
		state, ok := t.state(c)
		if !ok {
			t.fail(id{pkg: "contract " + c.row() + " × " + c.adapter}, state+": "+c.test().String())
		}
		key := [2]string{c.row(), c.adapter}
		if !slices.Contains(stores, c.adapter) {
			key[1], state = "other", c.adapter+" "+state
		}
		states[key] = append(states[key], state)
		if !slices.Contains(rows, c.row()) {
			rows = append(rows, c.row())
		}
	}
	columns := slices.DeleteFunc(append(slices.Clone(stores), "other"), func(column string) bool {
		return !slices.ContainsFunc(rows, func(row string) bool { return states[[2]string{row, column}] != nil })
	})
	table := [][]string{append([]string{"port"}, columns...)}
	for _, row := range rows {
		line := []string{row}
		for _, column := range columns {
			line = append(line, cmp.Or(strings.Join(states[[2]string{row, column}], ", "), "·"))
		}
		table = append(table, line)
	}
	fmt.Fprintln(w, "\nContract suites, port × adapter, with the number of promises that held:")
	writeTable(w, table)

	for test := range t.done {
		listed := slices.ContainsFunc(cells, func(c cell) bool { return c.test() == test })
		if contractTest.MatchString(test.test) && !listed {
			t.fail(id{pkg: "contract " + test.String()}, "ran, but .ci/contracts.txt does not list it")
		}
	}
	t.broken(w, cells)
}

// broken prints how many broken adapters each group of suites caught, and in
// which packages, and fails a group that has none to show.
func (t *tally) broken(w io.Writer, cells []cell) {
	caught := map[string]map[string]int{}
	for _, c := range cells {
		caught[c.group()] = map[string]int{}
	}
	for test, o := range t.leaves() {
		if o != passed || !brokenTest.MatchString(test.test) || !strings.Contains(test.test, "/") {
			continue
		}
		dir := strings.TrimPrefix(test.pkg, module)
		for group := range caught {
			if strings.HasPrefix(dir+"/", group+"/") {
				caught[group][path.Base(dir)]++
			}
		}
	}
	fmt.Fprintln(w, "\nBroken adapters that the suites caught:")
	table := [][]string{}
	for _, group := range slices.Sorted(maps.Keys(caught)) {
		name := strings.TrimPrefix(group, "services/")
		all, where := 0, []string{}
		for _, pkg := range slices.Sorted(maps.Keys(caught[group])) {
			all += caught[group][pkg]
			where = append(where, fmt.Sprint(pkg, " ", caught[group][pkg]))
		}
		table = append(table, []string{name, fmt.Sprint(all), strings.Join(where, ", ")})
		if all == 0 {
			t.fail(id{pkg: "contract suites of " + name}, "no broken adapter was run against them (in a test named like Test<Port>SuiteCatchesBrokenAdapters)")
		}
	}
	writeTable(w, table)
}

func writeTable(w io.Writer, table [][]string) {
	widths := map[int]int{}
	for _, line := range table {
		for i, text := range line {
			widths[i] = max(widths[i], len([]rune(text)))
		}
	}
	for _, line := range table {
		var b strings.Builder
		for i, text := range line {
			b.WriteString("  " + text + strings.Repeat(" ", widths[i]-len([]rune(text))))
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}
