package main

import (
	"fmt"
	"io"
	"strings"
)

// printer shows one run of `go test -json` as it goes: one line for each
// package, and everything that a failing test printed.
type printer struct {
	out       io.Writer
	output    map[id]string   // of what has not ended yet
	explained map[id]bool     // failures that a subtest has shown already
	ran       map[string]bool // packages with tests
	figures   bool            // also show what passing tests say of themselves
}

func (p *printer) show(e event) {
	test := id{e.Package, e.Test}
	name := strings.TrimSpace(strings.TrimPrefix(e.Package, module) + " " + e.Test)
	switch e.Action {
	case "build-output":
		fmt.Fprint(p.out, e.Output)
		return
	case "output":
		if !framing(e.Output) {
			p.output[test] += e.Output
		}
		return
	case "run":
		p.ran[e.Package] = true
		return
	case "pass", "skip", "fail":
	default:
		return
	}

	text := p.output[test]
	delete(p.output, test)
	switch {
	case e.Action == "fail":
		if text != "" || !p.explained[test] {
			fmt.Fprintf(p.out, "FAIL    %s (%.1fs)\n%s", name, e.Elapsed, indent(text))
		}
		for parent, ok := up(test); ok; parent, ok = up(parent) {
			p.explained[parent] = true
		}
	case e.Action == "skip" && e.Test != "":
		fmt.Fprintf(p.out, "SKIP    %s\n%s", name, indent(text))
	case p.figures && e.Test != "" && logged(text) != "":
		fmt.Fprintf(p.out, "pass    %s (%.1fs)\n%s", name, e.Elapsed, indent(logged(text)))
	case e.Test == "" && p.ran[e.Package]:
		fmt.Fprintf(p.out, "ok      %s (%.1fs)\n", name, e.Elapsed)
	}
}

// framing tells the lines by which the testing package announces what the
// events say as well.
func framing(line string) bool {
	line = strings.TrimSpace(line)
	for _, prefix := range []string{"=== ", "--- FAIL: ", "--- PASS: ", "--- SKIP: ", "FAIL\t", "ok  \t"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return line == "FAIL" || line == "PASS"
}

// logged is what a test said of itself, without what libraries said beside it.
func logged(text string) string {
	var b strings.Builder
	within := false
	for line := range strings.Lines(text) {
		// Further lines of one message are indented deeper than its first.
		within = logLine.MatchString(line) || within && strings.HasPrefix(line, "        ")
		if within {
			b.WriteString(line)
		}
	}
	return b.String()
}

func indent(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return "        " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n        ") + "\n"
}
