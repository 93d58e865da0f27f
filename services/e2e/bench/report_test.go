package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func count(n int) *int { return &n }

// sample is a report with something of everything.
func sample() *Report {
	return &Report{
		Machine: Machine{
			Date: time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC), Commit: "0123456789ab", Go: "go1.26.8", System: "linux/amd64", Cores: 2,
			Processor: "Some Processor", MemoryMB: 8000, LoadStart: "0.10 0.20 0.30", Servers: "postgres: PostgreSQL 15.18 stand-in; mongo: FerretDB 1.24.0 stand-in",
		},
		Time: "8s", Think: "0s", Tickets: 20_000,
		Results: []*Result{
			{
				What: "flash sale", Way: standalone, Clients: 64, Count: 16_000, Seconds: 8, Rate: 2000, P50: 20, P95: 30.5, P99: 45.25, Max: 90,
				Codes: map[string]int{"201": 16_064}, Oversold: count(0), Lost: count(0), PerThousand: true,
				Usage: []Usage{{"boxoffice", 12.5, 88}, {buyersUsage, 2, 0}, {restUsage, 0.25, 0}},
			},
			{What: checkoutName, Way: standalone, Clients: 64, Count: 11_200, Seconds: 8, Rate: 1400, P50: 28, Oversold: count(0), Lost: count(0)},
			{
				What: "sold out", Way: standalone, Clients: 64, Count: 10_000, Seconds: 1, Rate: 10_000, P50: 6, P95: 8, P99: 9, Max: 12,
				Codes: map[string]int{"409 sold_out": 10_000},
			},
			{What: "GET /events/{id}, direct", Way: standalone, Clients: 64, Count: 9000, Seconds: 1, Rate: 9000, P50: 7, Codes: map[string]int{"200": 9000}},
			{What: "mails of all that was sold", Way: standalone, Count: 16_064, Lost: count(0)},
			{
				What: "flash sale", Way: processes, Clients: 64, Count: 800, Seconds: 8, Rate: 100, P50: 600, P95: 900, P99: 1200, Max: 2000,
				Codes: map[string]int{"201": 860, "503 upstream_unavailable": 4}, Oversold: count(1), Lost: count(2),
				Faults: []string{"500 {}"}, Notes: []string{"3 bookings are still pending 16s after the sale"},
			},
			{What: "SQL alone on SQLite", Way: limits, Clients: 64, Count: 15_000, Seconds: 3, Rate: 5000, P50: 12},
			{What: "SQL alone on PostgreSQL, 16 connections", Way: limits, Clients: 64, Count: 3000, Seconds: 3, Rate: 1000, P50: 60},
			{What: "SQL alone on PostgreSQL, 16 connections", Way: limits, Clients: 32, Count: 2700, Seconds: 3, Rate: 900, P50: 60},
			{What: pgbenchName, Way: limits, Clients: 32, Count: 7500, Seconds: 3, Rate: 2500},
			{What: mongoBookingsName, Way: limits, Clients: 100, Count: 1000, Seconds: 3, Rate: 320, Notes: []string{"2.30 commands/op"}},
			{What: mongoConfirmationsName, Way: limits, Clients: 32, Notes: []string{"not measured: mongo: FerretDB 1.24.0 stand-in"}},
			{What: "bare POST /bookings", Way: limits, Clients: 64, Count: 60_000, Seconds: 3, Rate: 20_000, P50: 3},
			{What: "bare GET /events/{id}", Way: limits, Clients: 64, Count: 54_000, Seconds: 3, Rate: 18_000, P50: 3},
		},
		Sizes: []Size{{1000, 100}, {100_000, 100_000}},
		Growth: []*Growth{
			{standalone, "POST /bookings", []float64{2.5, 3}, 1.2},
			{standalone, "GET /events", []float64{0.5, 0.525}, 1.05},
			{processes, "POST /bookings", []float64{12, 12}, 1},
		},
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	r := sample()
	r.compare()
	var got bytes.Buffer
	r.table(&got)
	golden := filepath.Join("testdata", "report.txt")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the table (-update writes it):\n%s", diff)
	}
}

func TestABenchmarkIsRead(t *testing.T) {
	t.Parallel()
	r := &Result{}
	if err := r.benchmarked([]byte("goos: linux\nBenchmarkBookings-2   \t    1000\t   4000000 ns/op\t       200.5 bookings/s\t         2.266 commands/op\t       306.0 reservations/s\nPASS\n"), "bookings/s"); err != nil {
		t.Fatal(err)
	}
	want := &Result{Count: 1000, Seconds: 4, Rate: 200.5, Notes: []string{"2.27 commands/op", "306 reservations/s"}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("the result (-want +got):\n%s", diff)
	}
	for _, out := range []string{"", "PASS\n", "BenchmarkBookings-2 1 4000000 ns/op 2 commands/op\n"} {
		if err := new(Result).benchmarked([]byte(out), "bookings/s"); err == nil {
			t.Errorf("%q: no error", out)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	r := sample()
	r.compare()
	for i, want := range []map[string]float64{
		{"SQL": 0.4, "bare": 0.1}, {"sales": 0.7}, {"sales": 5, "bare": 0.5}, {"bare": 0.5}, nil, {"SQL": 0.1, "bare": 0.005}, nil, nil, {"pgbench": 0.36}, nil, nil, nil,
	} {
		if diff := cmp.Diff(want, r.Results[i].Ratios); diff != "" {
			t.Errorf("%s, %s:\n%s", r.Results[i].Way, r.Results[i].What, diff)
		}
	}
}

// Figures fail nothing; errors do, and what is oversold or lost.
func TestWhatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		result Result
		failed bool
	}{
		"slow":       {Result{Rate: 0.1, Codes: map[string]int{"503 upstream_unavailable": 7}}, false},
		"all well":   {Result{Oversold: count(0), Lost: count(0)}, false},
		"oversold":   {Result{Oversold: count(1), Lost: count(0)}, true},
		"lost":       {Result{Oversold: count(0), Lost: count(1)}, true},
		"a fault":    {Result{Faults: []string{"500"}}, true},
		"only noted": {Result{Notes: []string{"late"}}, false},
	} {
		if got := (&Report{Results: []*Result{{}, &c.result}}).failed(); got != c.failed {
			t.Errorf("%s: failed is %t", name, got)
		}
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	var l latencies
	for i := 100; i > 0; i-- {
		l = append(l, time.Duration(i)*time.Millisecond)
	}
	var r Result
	l.into(&r)
	if r.P50 != 51 || r.P95 != 96 || r.P99 != 100 || r.Max != 100 {
		t.Errorf("of 1 to 100 ms: %+v", r)
	}
}

func TestCopiedRows(t *testing.T) {
	t.Parallel()
	db, err := openFile(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE t (number INTEGER PRIMARY KEY, id TEXT UNIQUE, data BLOB, kept TEXT);
		INSERT INTO t (id, data, kept) VALUES ('a', x'6120', 'same'), ('b', x'00', 'other')`); err != nil {
		t.Fatal(err)
	}
	var d dialect
	if err := d.copyRows(t.Context(), db, "t", "id = 'a'", 5, 1004, map[string]string{
		"number": "", "id": d.id("x-"), "data": d.bytes("replace(" + d.text("data") + ", 'a', " + d.id("x-") + ")"),
	}); err != nil {
		t.Fatal(err)
	}
	var n, distinct int
	var first, last, data, kept string
	if err := db.QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT id), min(id), max(id), min(CAST(data AS TEXT)), min(kept) FROM t WHERE id LIKE 'x-%'`).
		Scan(&n, &distinct, &first, &last, &data, &kept); err != nil {
		t.Fatal(err)
	}
	if n != 1000 || distinct != 1000 || first != "x-000000000005" || last != "x-0000000003ec" || data != first+" " || kept != "same" {
		t.Errorf("%d rows with %d ids from %s to %s, data %q, %q", n, distinct, first, last, data, kept)
	}
}
