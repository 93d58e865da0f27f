package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sold is a run of one flash sale: milliseconds of CPU a booking, and bookings a
// second.
func sold(commit string, cpuMS, rate float64) *Report {
	const bookings = 1000
	return &Report{Machine: Machine{Commit: commit}, Results: []*Result{
		{
			What: "flash sale", Way: standalone, Clients: 64, Count: bookings, Rate: rate, Oversold: count(0), Lost: count(0),
			Usage: []Usage{{"boxoffice", cpuMS * bookings / 1000, 80}, {buyersUsage, 7, 0}, {restUsage, 3, 0}},
		},
		{What: "sold out", Way: standalone, Clients: 64, Count: 1, Rate: 1},
	}}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	type pair [2]float64 // CPU ms a booking, bookings a second
	for name, c := range map[string]struct {
		base, now []pair
		slower    bool
		says      string
	}{
		"the same": {[]pair{{0.5, 2000}}, []pair{{0.5, 2000}}, false, "No slower than 5 %"},
		"the medians, and the spread of each round's ratio": {
			[]pair{{0.5, 2000}, {1, 1000}, {0.4, 2500}}, []pair{{0.6, 1900}, {0.9, 1100}, {0.4, 2500}}, false,
			"0.500 0.600 1.000 0.900 1.200 CPU ms",
		},
		"an even number of rounds": {[]pair{{1, 100}, {1, 100}}, []pair{{1, 110}, {1, 120}}, false, "100 115 1.150 1.100 1.200 bookings a second"},
		"slower than that in most rounds": {
			[]pair{{1, 1000}, {1, 1000}, {1, 1000}}, []pair{{2, 500}, {2, 500}, {1.05, 950}}, false, "No slower than 5 %",
		},
		"more CPU in every round":    {[]pair{{1, 1000}, {1, 1000}}, []pair{{1.06, 1000}, {1.2, 1000}}, true, "SLOWER. standalone, flash sale, 64 buyers: CPU a booking grew by more than 5 %"},
		"fewer sales in every round": {[]pair{{1, 1000}, {2, 500}}, []pair{{1, 940}, {2, 400}}, true, "bookings a second fell by more than 5 %"},
		"a busy machine, alike":      {[]pair{{1, 1000}, {4, 100}}, []pair{{1.01, 990}, {4, 101}}, false, "No slower than 5 %"},
		"much faster":                {[]pair{{1, 1000}}, []pair{{0.5, 2000}}, false, "No slower than 5 %"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i := range c.base {
				keep(t, dir, "base", i+1, sold("0123456789ab", c.base[i][0], c.base[i][1]))
				keep(t, dir, "now", i+1, sold("ba9876543210", c.now[i][0], c.now[i][1]))
			}
			var out bytes.Buffer
			if err := compareRuns(dir, 5, &out); errors.Is(err, errSlower) != c.slower || err != nil && !c.slower {
				t.Errorf("the error is %v, want slower: %t", err, c.slower)
			}
			if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, &out)
			}
		})
	}
}

// What cannot be compared is neither slower nor as fast.
func TestCompareNothing(t *testing.T) {
	t.Parallel()
	oversold, empty, nothing := sold("a", 1, 1), sold("a", 1, 1), sold("a", 1, 1)
	oversold.Results[0].Oversold = count(1)
	empty.Results[0].Count = 0
	nothing.Results = nothing.Results[1:]
	for name, c := range map[string]struct {
		base, now []*Report
		want      string
	}{
		"no run":           {nil, nil, "no such file"},
		"a run more":       {[]*Report{sold("a", 1, 1)}, []*Report{sold("b", 1, 1), sold("b", 1, 1)}, "has 1 runs of base and 2 of now"},
		"tickets oversold": {[]*Report{sold("a", 1, 1)}, []*Report{oversold}, "now-1: standalone, flash sale, 64 buyers says nothing of speed: flash sale; oversold = 1"},
		"no booking":       {[]*Report{empty}, []*Report{sold("b", 1, 1)}, "base-1: standalone, flash sale, 64 buyers says nothing"},
		"no sale":          {[]*Report{sold("a", 1, 1)}, []*Report{nothing}, "now-1: there is no flash sale"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, r := range c.base {
				keep(t, dir, "base", i+1, r)
			}
			for i, r := range c.now {
				keep(t, dir, "now", i+1, r)
			}
			err := compareRuns(dir, 5, &bytes.Buffer{})
			if err == nil || errors.Is(err, errSlower) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}

func keep(t *testing.T, dir, which string, n int, r *Report) {
	t.Helper()
	dir = filepath.Join(dir, fmt.Sprintf("%s-%d", which, n))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.write(filepath.Join(dir, "bench.json")); err != nil {
		t.Fatal(err)
	}
}
