package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// onMongo are the benchmarks of the adapters for MongoDB, of a server of which each
// answer takes 10 ms longer.
var onMongo = []struct {
	what      string
	binary    string // in the folder of the suite's
	benchmark string
	metric    string // its rate
	clients   int
	count     int // a server that reads all documents for each update gets slower with it
}{
	{mongoBookingsName, "bench-event-mongo", "Bookings", "bookings/s", 100, 1000},
	{mongoConfirmationsName, "bench-notification-mongo", "Confirmations", "taken-in/s", 32, 300},
}

const (
	mongoBookingsName      = "MongoDB, 10 ms an answer: reserve and sell"
	mongoConfirmationsName = "MongoDB, 10 ms an answer: take in confirmations"
)

// limitMongo is what the adapters for MongoDB take. What takes one request at a time
// says nothing of that.
func (b *bench) limitMongo() (all []*Result, err error) {
	for _, m := range onMongo {
		r := &Result{What: m.what, Way: limits, Clients: m.clients}
		all = append(all, r)
		if name := mongoStandIn.FindString(os.Getenv("TEST_SERVERS")); name != "" {
			r.note("not measured: %s", name)
			continue
		}
		out, err := exec.CommandContext(b.ctx, filepath.Join(filepath.Dir(b.suite), m.binary), "-test.run=^$", //nolint:gosec // what .ci/bench built
			"-test.bench=^Benchmark"+m.benchmark+"$", "-test.benchtime="+strconv.Itoa(m.count)+"x").CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("the benchmark %s: %w\n%s", m.benchmark, err, out)
		}
		if err := r.benchmarked(out, m.metric); err != nil {
			return nil, fmt.Errorf("the benchmark %s: %w\n%s", m.benchmark, err, out)
		}
		b.say("%s: %.0f/s", r.What, r.Rate)
	}
	return all, nil
}

var (
	benchmarkLine   = regexp.MustCompile(`(?m)^Benchmark\S+\s+(\d+)\s+([\d.]+) ns/op(.*)$`)
	benchmarkMetric = regexp.MustCompile(`([\d.]+) (\S+)`)
)

// benchmarked takes in what a benchmark prints. The rate is one of its metrics.
func (r *Result) benchmarked(out []byte, rate string) error {
	line := benchmarkLine.FindSubmatch(out)
	if line == nil {
		return errors.New("it prints no result")
	}
	var err error
	if r.Count, err = strconv.Atoi(string(line[1])); err != nil {
		return err
	}
	perOp, err := strconv.ParseFloat(string(line[2]), 64)
	if err != nil {
		return err
	}
	r.Seconds = perOp * float64(r.Count) / 1e9
	for _, m := range benchmarkMetric.FindAllSubmatch(line[3], -1) {
		value, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return err
		}
		if unit := string(m[2]); unit == rate {
			r.Rate = value
		} else {
			r.note("%s %s", number(value), unit)
		}
	}
	if r.Rate == 0 {
		return fmt.Errorf("it does not say how many %s there were", rate)
	}
	return nil
}
