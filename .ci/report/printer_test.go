package main

import (
	"strings"
	"testing"
)

func TestPrinterShowsWhatFailedOnce(t *testing.T) {
	var out strings.Builder
	p := &printer{out: &out, output: map[id]string{}, explained: map[id]bool{}, ran: map[string]bool{}}
	for _, e := range []event{
		{Action: "run", Package: "p", Test: "TestA"},
		{Action: "output", Package: "p", Test: "TestA", Output: "=== RUN   TestA\n"},
		{Action: "output", Package: "p", Test: "TestA/x", Output: "    a_test.go:1: one\n"},
		{Action: "output", Package: "p", Test: "TestA/x", Output: "    --- FAIL: TestA/x (0.00s)\n"},
		{Action: "fail", Package: "p", Test: "TestA/x"},
		{Action: "fail", Package: "p", Test: "TestA"},
		{Action: "output", Package: "p", Test: "TestB", Output: "not to be seen\n"},
		{Action: "pass", Package: "p", Test: "TestB"},
		{Action: "output", Package: "p", Output: "FAIL\n"},
		{Action: "fail", Package: "p"},
		{Action: "run", Package: "q", Test: "TestC"},
		{Action: "pass", Package: "q", Test: "TestC"},
		{Action: "pass", Package: "q"},
		{Action: "skip", Package: "empty"},
	} {
		p.show(e)
	}
	want := "FAIL    p TestA/x (0.0s)\n            a_test.go:1: one\nFAIL    p (0.0s)\nok      q (0.0s)\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestPrinterShowsFiguresAlone(t *testing.T) {
	var out strings.Builder
	p := &printer{out: &out, output: map[id]string{}, explained: map[id]bool{}, ran: map[string]bool{}, figures: true}
	for _, e := range []event{
		{Action: "output", Test: "TestA", Output: "=== RUN   TestA\n"},
		{Action: "output", Test: "TestA", Output: "2026/11/23 06:02:40 a library speaks\n"},
		{Action: "output", Test: "TestA", Output: "          at length\n"},
		{Action: "output", Test: "TestA", Output: "    a_test.go:1: 500 tickets,\n"},
		{Action: "output", Test: "TestA", Output: "        500 sold\n"},
		{Action: "output", Test: "TestA", Output: "2026/11/23 06:02:41 and again\n"},
		{Action: "pass", Test: "TestA"},
		{Action: "output", Test: "TestB", Output: "2026/11/23 06:02:40 a library speaks\n"},
		{Action: "pass", Test: "TestB"},
	} {
		e.Package = "p"
		p.show(e)
	}
	want := "pass    p TestA (0.0s)\n            a_test.go:1: 500 tickets,\n                500 sold\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
