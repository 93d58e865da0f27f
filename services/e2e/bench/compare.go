package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// errSlower says that now is slower than base beyond doubt.
var errSlower = errors.New("slower")

// runCompare compares two commits by the runs that .ci/bench-compare made: in
// the folder that is the last argument, base-1 to base-n and now-1 to now-n, a
// bench.json in each. It returns 1 where now is slower, 2 where it cannot say.
func runCompare(args []string) int {
	flags := flag.NewFlagSet("compare", flag.ExitOnError)
	slower := flags.Float64("slower", 5, "percent by which now may be slower")
	_ = flags.Parse(args) // it exits on an error
	err := compareRuns(flags.Arg(0), *slower, os.Stdout)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSlower):
		return 1
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return 2
}

// cost is what a flash sale took.
type cost struct {
	cpu  float64 // seconds of the platform's processes, a booking
	rate float64 // bookings a second
}

// spread is of ratios, now divided by base, round by round: the two runs of a round were
// made one after the other, on a machine that was the same.
type spread struct{ median, min, max float64 }

func compareRuns(dir string, slower float64, out io.Writer) error {
	base, err := readRuns(dir, "base")
	if err != nil {
		return err
	}
	now, err := readRuns(dir, "now")
	if err != nil {
		return err
	}
	if len(base) != len(now) {
		return fmt.Errorf("%s has %d runs of base and %d of now", dir, len(base), len(now))
	}
	var beyond []string
	for _, sale := range base[0].names() {
		var cpu, rate [2][]float64
		for i := range base {
			for side, r := range []runCost{base[i], now[i]} {
				c, there := r.sales[sale]
				if !there {
					return fmt.Errorf("not every run has the %s", sale)
				}
				cpu[side], rate[side] = append(cpu[side], c.cpu), append(rate[side], c.rate)
			}
		}
		cpuRatio, rateRatio := paired(cpu[0], cpu[1]), paired(rate[0], rate[1])
		fmt.Fprintf(out, "%s: %d rounds, %s (now) against %s (base)\n", sale, len(base), now[0].commit, base[0].commit)
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "\tbase\tnow\tnow ÷ base\tfrom\tto\t  medians")
		for _, line := range []struct {
			what string
			of   [2][]float64
			by   float64
			is   spread
		}{{"CPU ms a booking", cpu, 1000, cpuRatio}, {"bookings a second", rate, 1, rateRatio}} {
			fmt.Fprintf(t, "\t%s\t%s\t%.3f\t%.3f\t%.3f\t  %s\n",
				number(median(line.of[0])*line.by), number(median(line.of[1])*line.by), line.is.median, line.is.min, line.is.max, line.what)
		}
		_ = t.Flush() // the next write to out reports its error
		if cpuRatio.min > 1+slower/100 {
			beyond = append(beyond, fmt.Sprintf("%s: CPU a booking grew by more than %g %% in every round", sale, slower))
		}
		if rateRatio.max < 1-slower/100 {
			beyond = append(beyond, fmt.Sprintf("%s: bookings a second fell by more than %g %% in every round", sale, slower))
		}
	}
	if busy := countBusy(base) + countBusy(now); busy > 0 {
		fmt.Fprintf(out, "Others used the machine before %d of %d runs: the spread is wider for it.\n", busy, 2*len(base))
	}
	if len(beyond) > 0 {
		fmt.Fprintln(out, "SLOWER. "+strings.Join(beyond, "; ")+".")
		return errSlower
	}
	fmt.Fprintf(out, "No slower than %g %%: neither spread lies wholly beyond it.\n", slower)
	return nil
}

// runCost is what a bench.json says of the flash sales.
type runCost struct {
	commit string
	busy   bool
	sales  map[string]cost
}

func (r runCost) names() []string {
	var names []string
	for name := range r.sales {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func countBusy(runs []runCost) (n int) {
	for _, r := range runs {
		if r.busy {
			n++
		}
	}
	return n
}

// readRuns reads which-1/bench.json, which-2/bench.json and so on.
func readRuns(dir, which string) ([]runCost, error) {
	var runs []runCost
	for {
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s-%d", which, len(runs)+1), "bench.json")) //nolint:gosec // the caller's folder
		if errors.Is(err, os.ErrNotExist) && len(runs) > 0 {
			return runs, nil
		}
		if err != nil {
			return nil, err
		}
		r, err := readRun(text)
		if err != nil {
			return nil, fmt.Errorf("%s-%d: %w", which, len(runs)+1, err)
		}
		runs = append(runs, r)
	}
}

func readRun(text []byte) (runCost, error) {
	var report Report
	if err := json.Unmarshal(text, &report); err != nil {
		return runCost{}, err
	}
	r := runCost{commit: report.Machine.Commit, busy: report.Machine.Busy, sales: map[string]cost{}}
	for _, x := range report.Results {
		if x.What != "flash sale" {
			continue
		}
		var cpu float64
		for _, u := range x.Usage {
			if u.Process != buyersUsage && u.Process != restUsage {
				cpu += u.CPUSeconds
			}
		}
		if x.failed() || x.Count == 0 || x.Rate == 0 || cpu == 0 {
			return r, fmt.Errorf("%s, %s says nothing of speed: %s", x.Way, x.name(), x.summary())
		}
		r.sales[x.Way+", "+x.name()] = cost{cpu / float64(x.Count), x.Rate}
	}
	if len(r.sales) == 0 {
		return r, errors.New("there is no flash sale")
	}
	return r, nil
}

func paired(base, now []float64) spread {
	var all []float64
	for i := range base {
		all = append(all, now[i]/base[i])
	}
	return spread{median(all), slices.Min(all), slices.Max(all)}
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
