package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process used while something was measured.
type Usage struct {
	Process    string  `json:"process"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakMB     float64 `json:"peak_mb,omitempty"` // resident, since the measurement began
}

// The last of the rows of Usage are no processes of the platform.
const (
	buyersUsage = "the buyers (this program)"
	restUsage   = "the rest of the machine (databases, broker, Docker's port proxies, others)"
)

// ticks are of /proc: USER_HZ is 100 on every Linux that Go runs on.
const ticks = 100

// meter measures what processes use.
type meter struct {
	processes map[string]int
	began     map[string]float64
	machine   float64
}

func startMeter(processes map[string]int) (*meter, error) {
	m := &meter{processes: maps.Clone(processes), began: map[string]float64{}}
	m.processes[buyersUsage] = os.Getpid()
	for name, pid := range m.processes {
		// From now on the peak is this measurement's.
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			return nil, err
		}
		var err error
		if m.began[name], err = cpuSeconds(pid); err != nil {
			return nil, err
		}
	}
	var err error
	m.machine, err = machineSeconds()
	return m, err
}

// read returns what was used since the start.
func (m *meter) read() ([]Usage, error) {
	machine, err := machineSeconds()
	if err != nil {
		return nil, err
	}
	rest := machine - m.machine
	var all []Usage
	for _, name := range slices.Sorted(maps.Keys(m.processes)) {
		now, err := cpuSeconds(m.processes[name])
		if err != nil {
			return nil, err
		}
		peak, err := peakMB(m.processes[name])
		if err != nil {
			return nil, err
		}
		rest -= now - m.began[name]
		if name != buyersUsage {
			all = append(all, Usage{name, now - m.began[name], peak})
		}
	}
	now, err := cpuSeconds(os.Getpid())
	return append(all, Usage{buyersUsage, now - m.began[buyersUsage], 0}, Usage{restUsage, max(0, rest), 0}), err
}

// cpuSeconds is what a process has used, in user mode and in the kernel.
func cpuSeconds(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may have spaces; utime and stime are 14th and 15th.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const utime, stime = 14 - 3, 15 - 3
	return sum(fields[utime], fields[stime])
}

// machineSeconds is what all processors have spent on anything but waiting.
func machineSeconds() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	// cpu user nice system idle iowait irq softirq
	f := strings.Fields(line)
	return sum(f[1], f[2], f[3], f[6], f[7])
}

func sum(numbers ...string) (float64, error) {
	var all float64
	for _, n := range numbers {
		v, err := strconv.ParseFloat(n, 64)
		if err != nil {
			return 0, err
		}
		all += v
	}
	return all / ticks, nil
}

func peakMB(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			v, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 64)
			return v / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}

// latencies are how long answers took.
type latencies []time.Duration

// into fills in the quantiles.
func (l latencies) into(r *Result) {
	if len(l) == 0 {
		return
	}
	slices.Sort(l)
	at := func(q float64) float64 { return milliseconds(l[min(len(l)-1, int(q*float64(len(l))))]) }
	r.P50, r.P95, r.P99, r.Max = at(.5), at(.95), at(.99), milliseconds(l[len(l)-1])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
